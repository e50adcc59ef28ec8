#include "tests/support/pillion_process.hpp"

#include <signal.h>

#include <cstdlib>
#include <stdexcept>

#include "tests/support/eventually.hpp"
#include "tests/support/free_port.hpp"

namespace pillion::test {
namespace {

constexpr int kPortAttempts = 5;
constexpr const char* kProbeKey = "pillion-test:is-the-l1-live";

std::string loopback(std::uint16_t port) {
  return "127.0.0.1:" + std::to_string(port);
}

bool accepts(std::uint16_t port) {
  try {
    Socket::connect_tcp(port);
    return true;
  } catch (const Closed&) {
    return false;
  }
}

}  // namespace

std::string pillion_binary() {
  const char* path = std::getenv("PILLION_BIN");
  if (path == nullptr) throw std::runtime_error("PILLION_BIN names no binary");
  return path;
}

PillionProcess::PillionProcess(const std::string& upstream_url, Settings settings,
                               std::map<std::string, std::string> environment) {
  for (int attempt = 1; !launch(upstream_url, settings, environment); ++attempt) {
    if (attempt == kPortAttempts) throw std::runtime_error("pillion does not start: " + log());
  }
}

/// False when it ended instead of listening.
bool PillionProcess::launch(const std::string& upstream_url, const Settings& settings,
                            const std::map<std::string, std::string>& environment) {
  port_ = free_port();
  admin_port_ = free_port();
  std::vector<std::string> argv = {pillion_binary()};
  if (!upstream_url.empty()) argv.push_back(upstream_url);
  argv.insert(argv.end(), {"--listen", loopback(port_), "--admin", loopback(admin_port_)});
  for (const auto& setting : settings) {
    argv.emplace_back("--set");
    argv.push_back(setting);
  }
  process_ = ChildProcess(argv, environment, directory_.file("pillion.log"));
  eventually([&] { return !process_.running() || (accepts(port_) && accepts(admin_port_)); },
             kPatience, 2ms);
  return process_.running() && accepts(port_);
}

int PillionProcess::stop(Millis patience) {
  process_.send_signal(SIGTERM);
  const auto code = process_.wait(patience);
  if (!code) throw TimedOut("pillion does not end after SIGTERM; its log: " + log());
  return *code;
}

RespClient PillionProcess::client3() const {
  RespClient result = client();
  result.hello3();
  return result;
}

double PillionProcess::metric(const std::string& name, const Labels& labels) const {
  return metric_in(http_get("/metrics").body, name, labels);
}

std::uint64_t PillionProcess::hits() const {
  return static_cast<std::uint64_t>(metric("pillion_cache_hits_total"));
}

bool PillionProcess::wait_for_l1(Millis patience) {
  RespClient probe = client();
  return eventually(
      [&] {
        const std::string metrics = http_get("/metrics").body;
        const auto workers = static_cast<int>(metric_in(metrics, "pillion_workers"));
        for (int worker = 0; worker < workers; ++worker) {
          const Labels its{{"worker", std::to_string(worker)}};
          if (metric_in(metrics, "pillion_fill_link_up", its) < 1) return false;
        }
        const auto before = hits();
        probe("GET", kProbeKey);
        probe("GET", kProbeKey);
        return hits() > before;
      },
      patience, 10ms);
}

bool PillionProcess::wait_for_upstream(Millis patience) {
  RespClient probe = client();
  return eventually([&] { return !probe("TYPE", kProbeKey).starts_with("ERR upstream"); },
                    patience);
}

}  // namespace pillion::test
