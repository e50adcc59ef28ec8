#include "tests/support/child_process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "tests/support/eventually.hpp"
#include "tests/support/temp_dir.hpp"

extern char** environ;

namespace pillion::test {
namespace {

/// Without our own PILLION_ variables: Pillion takes those for settings, and refuses strange ones.
std::vector<std::string> merged_environment(const std::map<std::string, std::string>& extra) {
  std::vector<std::string> merged;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const bool replaced = extra.count(text.substr(0, text.find('='))) != 0;
    if (!replaced && text.rfind("PILLION_", 0) != 0) merged.push_back(text);
  }
  for (const auto& [name, value] : extra) merged.push_back(name + "=" + value);
  return merged;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (auto& text : strings) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

std::string file_content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

/// Between fork and exec only async-signal-safe calls: the parent may have threads.
pid_t spawn(std::vector<std::string> argv, std::vector<std::string> environment,
            const std::string& input, const std::string& log) {
  const std::vector<char*> arguments = pointers(argv);
  const std::vector<char*> variables = pointers(environment);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) throw std::runtime_error("fork failed");
  if (pid > 0) return pid;

  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  const int in = open(input.c_str(), O_RDONLY);
  const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (in < 0 || out < 0) _exit(126);
  dup2(in, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(out, STDERR_FILENO);
  for (int fd = 3; fd < 64; ++fd) close(fd);
  execvpe(arguments[0], arguments.data(), variables.data());
  _exit(127);
}

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& argv,
                           const std::map<std::string, std::string>& environment, std::string log)
    : pid_(spawn(argv, merged_environment(environment), "/dev/null", log)), log_(std::move(log)) {}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      exit_(std::exchange(other.exit_, std::nullopt)),
      log_(std::move(other.log_)) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  if (this != &other) {
    kill9();
    pid_ = std::exchange(other.pid_, -1);
    exit_ = std::exchange(other.exit_, std::nullopt);
    log_ = std::move(other.log_);
  }
  return *this;
}

ChildProcess::~ChildProcess() {
  kill9();
}

void ChildProcess::reap(bool block) {
  if (pid_ < 0 || exit_) return;
  int status = 0;
  if (waitpid(pid_, &status, block ? 0 : WNOHANG) != pid_) return;
  exit_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool ChildProcess::running() {
  reap(false);
  return pid_ > 0 && !exit_;
}

void ChildProcess::send_signal(int signal) const {
  if (pid_ > 0 && !exit_) ::kill(pid_, signal);
}

std::optional<int> ChildProcess::wait(Millis patience) {
  eventually([&] { return !running(); }, patience, 2ms);
  return exit_;
}

void ChildProcess::kill9() {
  if (!running()) return;
  ::kill(pid_, SIGKILL);
  reap(true);
}

std::string ChildProcess::output() const {
  return file_content(log_);
}

std::uint64_t ChildProcess::rss_bytes() const {
  std::istringstream statm(file_content("/proc/" + std::to_string(pid_) + "/statm"));
  std::uint64_t pages = 0;
  std::uint64_t resident = 0;
  statm >> pages >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

double ChildProcess::cpu_seconds() const {
  const std::string stat = file_content("/proc/" + std::to_string(pid_) + "/stat");
  // Fields are counted from behind the program's name, which may hold anything.
  std::istringstream fields(stat.substr(stat.rfind(')') + 1));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

Finished run_to_end(const std::vector<std::string>& argv, const std::string& input,
                    Millis patience) {
  TempDir directory;
  const std::string log = directory.write("output", "");
  const pid_t pid = spawn(argv, merged_environment({}), directory.write("input", input), log);
  int status = 0;
  if (!eventually([&] { return waitpid(pid, &status, WNOHANG) == pid; }, patience, 2ms)) {
    ::kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    throw std::runtime_error(argv[0] + " did not end in time; it wrote: " + file_content(log));
  }
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), file_content(log)};
}

}  // namespace pillion::test
