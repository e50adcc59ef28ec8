#include "tests/support/sentinel_set.hpp"

#include <signal.h>

#include <map>
#include <stdexcept>

#include "tests/support/eventually.hpp"
#include "tests/support/free_port.hpp"

namespace pillion::test {
namespace {

/// What a Sentinel calls itself: forty hexadecimal digits.
std::string identity(std::size_t number) {
  std::string id(40, 'a');
  const std::string digits = std::to_string(number);
  id.replace(id.size() - digits.size(), digits.size(), digits);
  return id;
}

std::string loopback_line(const std::string& verb, std::uint16_t port, const std::string& rest) {
  return "sentinel " + verb + " " + SentinelSet::kMaster + " 127.0.0.1 " + std::to_string(port) +
         (rest.empty() ? "" : " " + rest) + "\n";
}

}  // namespace

SentinelServer::SentinelServer(std::uint16_t port, const std::string& configuration)
    : port_(port), directory_(std::make_unique<TempDir>()) {
  configuration_ =
      directory_->write("sentinel.conf", "port " + std::to_string(port) + "\nbind 127.0.0.1\ndir " +
                                             directory_->path() + "\n" + configuration);
}

void SentinelServer::start() {
  process_ = ChildProcess({"redis-server", configuration_, "--sentinel"}, {},
                          directory_->file("sentinel.log"));
}

void SentinelServer::wait_until_up() {
  const bool up = eventually([&] { return !running() || ask({"PING"}).has_value(); }, kPatience);
  if (!up || !running()) throw TimedOut("a sentinel does not start: " + log());
  // A machine short of time is not a clock that jumps, for which a Sentinel rests for 30 s. And a
  // primary that comes back is made a replica after four periods of 2 s: tests have less time.
  ask({"SENTINEL", "DEBUG", "TILT-TRIGGER", "20000", "PUBLISH-PERIOD", "500", "INFO-PERIOD",
       "1000"});
}

void SentinelServer::pause() {
  process_.send_signal(SIGSTOP);
}

void SentinelServer::resume() {
  process_.send_signal(SIGCONT);
}

void SentinelServer::restart() {
  kill9();
  start();
  wait_until_up();
}

std::optional<Value> SentinelServer::ask(const std::vector<std::string_view>& command,
                                         Millis patience) {
  try {
    RespClient once(Socket::connect_tcp(port_, patience));
    once.send_raw(encode(command), patience);
    return once.read(patience);
  } catch (const TimedOut&) {
    return std::nullopt;
  } catch (const Closed&) {
    return std::nullopt;
  }
}

SentinelSet::SentinelSet(Options options) {
  std::vector<RedisServer*> starting;
  for (std::size_t i = 0; i <= options.replicas; ++i) {
    auto arguments = options.arguments;
    arguments.insert(arguments.end(),
                     {"--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0"});
    servers_.push_back(
        std::make_unique<RedisServer>(RedisServer::not_yet_started(std::move(arguments))));
    starting.push_back(servers_.back().get());
  }
  RedisServer::start_all(starting);
  for (std::size_t i = 1; i < servers_.size(); ++i) {
    server(i)("REPLICAOF", "127.0.0.1", std::to_string(server(0).port()));
    server(i).configure({"--replicaof", "127.0.0.1 " + std::to_string(server(0).port())});
  }

  std::vector<std::uint16_t> ports;
  for (std::size_t i = 0; i < options.sentinels; ++i) ports.push_back(free_port());
  for (std::size_t i = 0; i < options.sentinels; ++i) {
    const std::string name = std::string(" ") + kMaster + " ";
    std::string lines = "sentinel myid " + identity(i) + "\n" +
                        loopback_line("monitor", server(0).port(), std::to_string(options.quorum)) +
                        "sentinel down-after-milliseconds" + name +
                        std::to_string(options.down_after.count()) + "\n" +
                        "sentinel failover-timeout" + name +
                        std::to_string(options.failover_timeout.count()) + "\n" +
                        "sentinel parallel-syncs" + name + "2\n";
    for (std::size_t s = 1; s < servers_.size(); ++s) {
      lines += loopback_line("known-replica", server(s).port(), "");
    }
    for (std::size_t peer = 0; peer < options.sentinels; ++peer) {
      if (peer != i) lines += loopback_line("known-sentinel", ports[peer], identity(peer));
    }
    sentinels_.push_back(
        std::make_unique<SentinelServer>(ports[i], lines + options.sentinel_lines));
    sentinels_.back()->start();
  }
  for (auto& sentinel : sentinels_) sentinel->wait_until_up();
  if (!wait_until_whole()) throw TimedOut("the sentinels do not see all: " + sentinel(0).log());
}

std::string SentinelSet::url() const {
  std::string url = "redis+sentinel://";
  for (const auto& sentinel : sentinels_) {
    if (url.back() != '/') url += ",";
    url += "127.0.0.1:" + std::to_string(sentinel->port());
  }
  return url + "/" + kMaster;
}

std::optional<std::size_t> SentinelSet::named_primary() {
  std::map<std::string, std::size_t> votes;
  std::size_t voters = 0;
  for (auto& sentinel : sentinels_) {
    if (!sentinel->running()) continue;
    const auto reply = sentinel->ask({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", kMaster});
    if (!reply || reply->items.size() != 2) continue;
    ++voters;
    ++votes[reply->items[1].text];
  }
  for (const auto& [port, count] : votes) {
    if (2 * count <= voters) continue;
    for (std::size_t i = 0; i < servers_.size(); ++i) {
      if (std::to_string(server(i).port()) == port) return i;
    }
  }
  return std::nullopt;
}

std::size_t SentinelSet::primary(Millis patience) {
  std::optional<std::size_t> found;
  const bool known = eventually(
      [&] {
        found = named_primary();
        return found && role_of(server(*found)).role == "master";
      },
      patience);
  if (!known) throw TimedOut("the sentinels agree on no primary");
  return *found;
}

SentinelSet::Promotion SentinelSet::wait_for_promotion(std::size_t old_primary, Millis patience) {
  std::optional<Promotion> promotion;
  eventually(
      [&] {
        for (std::size_t i = 0; i < servers_.size() && !promotion; ++i) {
          if (i == old_primary || !server(i).running()) continue;
          if (role_of(server(i)).role == "master") promotion = Promotion{i, Clock::now()};
        }
        return promotion.has_value();
      },
      patience, 2ms);
  if (!promotion) throw TimedOut("no server is promoted: " + sentinel(0).log());
  return *promotion;
}

void SentinelSet::bring_back(std::size_t number) {
  server(number).restart();
}

bool SentinelSet::whole() {
  const auto first = named_primary();
  if (!first) return false;
  RoleOf primary = role_of(server(*first));
  if (primary.role != "master") return false;
  std::size_t replicas = 0;
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    if (i == *first || !server(i).running()) continue;
    const RoleOf role = role_of(server(i));
    if (role.link != "connected" || role.offset < primary.offset) return false;
    ++replicas;
  }
  for (auto& sentinel : sentinels_) {
    if (!sentinel->running()) continue;
    const auto known = sentinel->ask({"SENTINEL", "REPLICAS", kMaster});
    if (!known) return false;
    std::size_t usable = 0;
    for (const Value& replica : known->items) {
      usable += replica.at("flags") == "slave" && replica.at("master-link-status") == "ok" ? 1 : 0;
    }
    if (usable < replicas) return false;
  }
  return true;
}

bool SentinelSet::wait_until_whole(Millis patience) {
  return eventually([&] { return whole(); }, patience, 50ms);
}

}  // namespace pillion::test
