#include "tests/coherence/disturber.hpp"

#include <signal.h>

#include <algorithm>
#include <stdexcept>
#include <thread>

namespace pillion::test {

Profile profile_named(const std::string& name) {
  static const std::vector<std::string> kNames = {"none",    "links",    "hung",    "flush",
                                                  "table",   "eviction", "network", "failover",
                                                  "reshard", "all"};
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<Profile>(i);
  }
  throw std::runtime_error("no such faults: " + name);
}

std::unique_ptr<Disturber> disturb(const std::string& topology, Conditions conditions) {
  if (topology == "standalone") return disturb_standalone(conditions);
  if (topology == "replicas") return disturb_replicas(conditions);
  if (topology == "sentinel") return disturb_sentinel(conditions);
  if (topology == "cluster") return disturb_cluster(conditions);
  throw std::runtime_error("no such topology: " + topology);
}

void Disturber::start_pillions(const std::function<std::string(Via)>& url) {
  const auto known = repertoire();
  const Profile wanted = conditions_.profile;
  const bool passive =
      wanted == Profile::kNone || wanted == Profile::kTable || wanted == Profile::kAll;
  if (!passive && std::find(known.begin(), known.end(), wanted) == known.end() &&
      wanted != Profile::kEviction) {
    throw std::runtime_error("this topology does not know such faults");
  }
  for (Via via = 0; via < 2; ++via) {
    pillions_[via] = std::make_unique<PillionProcess>(url(via), pillion_settings());
    ways_.pillion[via] = pillions_[via]->port();
  }
  for (const Via via : {Via{0}, Via{1}, kDirect}) flushers_.emplace_back(ways_, via, 2);
}

Settings Disturber::pillion_settings() const {
  return {"workers=2",
          "cache.max_staleness=" + std::to_string(conditions_.staleness.count()) + "ms",
          "upstream.command_timeout=1s", "upstream.connect_timeout=500ms"};
}

bool Disturber::wait_for_l1() {
  return pillions_[0]->wait_for_l1() && pillions_[1]->wait_for_l1();
}

void Disturber::pause_for(int least_ms, int most_ms) {
  const auto span = static_cast<std::uint64_t>(most_ms - least_ms + 1);
  std::this_thread::sleep_for(Millis(least_ms + static_cast<int>(draw(span))));
}

void Disturber::disturb() {
  pause_for(50, 700);
  ++faults_;
  switch (conditions_.profile) {
    case Profile::kNone:
    case Profile::kTable:
      return;
    case Profile::kAll: {
      const auto known = repertoire();
      return do_harm(known[draw(known.size())]);
    }
    default:
      return do_harm(conditions_.profile);
  }
}

std::string Disturber::before(Nanos moment, Millis time) const {
  std::string lines;
  for (const auto& [at, what] : chronicle_) {
    const std::int64_t ahead = (moment - at) / kMillisecond;
    if (ahead >= 0 && ahead <= time.count())
      lines += "\n    " + std::to_string(ahead) + " ms before: " + what;
  }
  return lines;
}

void Disturber::kill_some_links(RedisServer& server) {
  note("connections are killed");
  auto victims = draw(4) == 0 ? server.client_list() : server.tracking_clients();
  if (victims.size() > 1 && draw(2) == 0) {
    std::swap(victims.front(), victims[draw(victims.size())]);
    victims.resize(1);
  }
  server.kill_clients(victims);
}

void Disturber::stop_a_pillion() {
  note("a Pillion is stopped");
  pillion(static_cast<Via>(draw(2))).send_signal(SIGSTOP);
  pause_for(20, 1'500);
  note("it goes on");
  for (auto& pillion : pillions_) pillion->send_signal(SIGCONT);
}

void Disturber::flush(bool also_straight) {
  note("flush");
  Line& line = flushers_[draw(also_straight ? 3 : 2)];
  const Nanos call = now_nanos();
  const auto reply = line.ask({draw(2) == 0 ? "FLUSHALL" : "FLUSHDB"});
  const bool known = reply && !reply->is_error();
  history_.add(Flush{call, known ? now_nanos() : kNever, line.via()});
}

}  // namespace pillion::test
