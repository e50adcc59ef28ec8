// A child process that does not outlive the test.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/clock.hpp"

namespace pillion::test {

/// The kernel kills the child when the thread that started it ends (PR_SET_PDEATHSIG), so children
/// are started from a thread that lives as long as they are wanted: as a rule the main one.
class ChildProcess {
 public:
  ChildProcess() = default;
  /// Runs `argv` with this process's environment, less PILLION_*, plus `environment`; stdout and
  /// stderr go to `log`.
  ChildProcess(const std::vector<std::string>& argv,
               const std::map<std::string, std::string>& environment, std::string log);
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  /// SIGKILL, when it still runs.
  ~ChildProcess();

  pid_t pid() const { return pid_; }
  bool running();
  void send_signal(int signal) const;
  /// Waits for its end: the exit code, or 128 + the signal that ended it; nothing when it still
  /// runs.
  std::optional<int> wait(Millis patience);
  void kill9();

  /// What it wrote so far.
  std::string output() const;

  std::uint64_t rss_bytes() const;
  /// User and system time of all its threads.
  double cpu_seconds() const;

 private:
  void reap(bool block);

  pid_t pid_ = -1;
  std::optional<int> exit_;
  std::string log_;
};

/// Runs a program to its end and returns what it wrote to stdout and stderr.
struct Finished {
  int exit_code;
  std::string output;
};
Finished run_to_end(const std::vector<std::string>& argv, const std::string& input = "",
                    Millis patience = 30s);

}  // namespace pillion::test
