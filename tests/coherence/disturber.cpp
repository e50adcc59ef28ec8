#include "tests/coherence/disturber.hpp"

#include <signal.h>

#include <stdexcept>
#include <thread>

namespace pillion::test {
namespace {

std::vector<std::string> redis_arguments(Profile profile) {
  if (profile == Profile::kTable) return {"--tracking-table-max-keys", "10"};
  if (profile == Profile::kEviction) {
    return {"--maxmemory",         "8mb", "--maxmemory-policy", "allkeys-random",
            "--maxmemory-clients", "0"};
  }
  return {};
}

bool needs_a_network(Profile profile) {
  return profile == Profile::kNetwork || profile == Profile::kAll;
}

std::uint16_t port_of(const std::string& address) {
  return static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
}

}  // namespace

Profile profile_named(const std::string& name) {
  static const std::vector<std::string> kNames = {"none",  "links",    "hung",    "flush",
                                                  "table", "eviction", "network", "all"};
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<Profile>(i);
  }
  throw std::runtime_error("no such faults: " + name);
}

Disturber::Disturber(Profile profile, std::uint64_t seed, Millis staleness)
    : profile_(profile),
      random_(seed),
      redis_(std::make_unique<RedisServer>(redis_arguments(profile))) {
  ways_.redis = redis_->port();
  for (Via via = 0; via < 2; ++via) {
    std::string upstream = redis_->url();
    if (needs_a_network(profile)) {
      networks_[via] = std::make_unique<ChaosProxy>(redis_->port(), seed + via);
      upstream = networks_[via]->url();
    }
    pillions_[via] = std::make_unique<PillionProcess>(
        upstream,
        Settings{"workers=2", "cache.max_staleness=" + std::to_string(staleness.count()) + "ms",
                 "upstream.command_timeout=1s", "upstream.connect_timeout=500ms"});
    ways_.pillion[via] = pillions_[via]->port();
  }
  for (const Via via : {Via{0}, Via{1}, kDirect}) flushers_.emplace_back(ways_, via, 2);
}

Ways Disturber::ways() const {
  return ways_;
}

bool Disturber::wait_for_l1() {
  return pillions_[0]->wait_for_l1() && pillions_[1]->wait_for_l1();
}

void Disturber::pause_for(int least_ms, int most_ms) {
  const auto span = static_cast<std::uint64_t>(most_ms - least_ms + 1);
  std::this_thread::sleep_for(Millis(least_ms + static_cast<int>(random_() % span)));
}

void Disturber::kill_some_links() {
  auto victims = random_() % 4 == 0 ? redis_->client_list() : redis_->tracking_clients();
  if (victims.size() > 1 && random_() % 2 == 0) {
    std::swap(victims.front(), victims[random_() % victims.size()]);
    victims.resize(1);
  }
  redis_->kill_clients(victims);
}

void Disturber::stop_somebody() {
  switch (random_() % 4) {
    case 0:
      redis_->pause();
      pause_for(20, 1'500);
      redis_->resume();
      break;
    case 1:
      pillion(random_() % 2).send_signal(SIGSTOP);
      pause_for(20, 1'500);
      for (auto& pillion : pillions_) pillion->send_signal(SIGCONT);
      break;
    case 2:
      (*redis_)("CLIENT", "PAUSE", std::to_string(50 + random_() % 700), "WRITE");
      break;
    default:
      (*redis_)("CLIENT", "PAUSE", std::to_string(50 + random_() % 700), "ALL");
      pause_for(700, 900);
  }
}

void Disturber::flush() {
  Line& line = flushers_[random_() % flushers_.size()];
  const Nanos call = now_nanos();
  const auto reply = line.ask({random_() % 2 == 0 ? "FLUSHALL" : "FLUSHDB"});
  const bool known = reply && !reply->is_error();
  history_.add(Flush{call, known ? now_nanos() : kNever, line.via()});
}

void Disturber::push_out_keys() {
  RespClient client = redis_->client();
  const std::string filling(20'000, 'f');
  for (int i = 0; i < 200; ++i)
    client("SET", "filling:" + std::to_string(random_() % 1'000), filling);
}

void Disturber::trouble_the_network() {
  ChaosProxy& network = *networks_[random_() % 2];
  switch (random_() % 6) {
    case 0:
      network.delay(Millis(random_() % 40));
      break;
    case 1:
      network.split(random_() % 2 == 0);
      break;
    case 2:
      network.stall(true);
      pause_for(20, 1'500);
      network.stall(false);
      break;
    case 3:
      for (const auto& link : redis_->tracking_clients()) network.freeze(port_of(link.at("addr")));
      break;
    case 4: {
      const auto open = network.connections();
      if (!open.empty()) network.freeze(open[random_() % open.size()]);
      break;
    }
    default: {
      const auto open = network.connections();
      if (!open.empty()) network.reset(open[random_() % open.size()]);
      if (random_() % 4 == 0) network.reset_all();
    }
  }
}

void Disturber::disturb() {
  pause_for(50, 700);
  ++faults_;
  switch (profile_) {
    case Profile::kNone:
    case Profile::kTable:
      return;
    case Profile::kLinks:
      return kill_some_links();
    case Profile::kHung:
      return stop_somebody();
    case Profile::kFlush:
      return flush();
    case Profile::kEviction:
      return push_out_keys();
    case Profile::kNetwork:
      return trouble_the_network();
    case Profile::kAll:
      switch (random_() % 4) {
        case 0:
          return kill_some_links();
        case 1:
          return stop_somebody();
        case 2:
          return flush();
        default:
          return trouble_the_network();
      }
  }
}

void Disturber::settle() {
  for (auto& network : networks_) {
    if (!network) continue;
    network->stall(false);
    network->split(false);
    network->delay(Millis{0});
  }
}

}  // namespace pillion::test
