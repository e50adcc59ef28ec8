// A session in front of several servers, each made of strings: one lane an endpoint.
//
// Keys that cluster_of() of three shards puts on the n-th one: kKeys[n].
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/data/fill/link_set.hpp"
#include "proxy/data/route/redirect_policy.hpp"
#include "tests/unit/proxy/data/route/layout.hpp"
#include "tests/unit/proxy/data/session/session_fixture.hpp"

namespace pillion::data::session {

class SpreadFixture : public SessionFixture {
 protected:
  using EndpointId = state::EndpointId;

  // "b", "c" and "a" have slots 3300, 7365 and 15495.
  static constexpr std::array<std::string_view, 3> kKeys = {"b", "c", "a"};

  explicit SpreadFixture(route::ReadBalance balance = route::ReadBalance::kRoundRobin)
      : SessionFixture({.replicas = true, .balance = balance, .retries = {}}),
        affinity_(balance == route::ReadBalance::kKeyAffinity) {
    director_.use_refresh(&refresh_);
  }
  ~SpreadFixture() override {
    director_.use_links(nullptr);
    replica_links_.close();
  }

  /// Three shards without replicas.
  void three_primaries() { publish(route::cluster_of({{0}, {1}, {2}})); }

  /// Replicas are asked from here on: their links are in step.
  void with_replicas(const state::TopologySnapshot& snapshot) {
    publish(snapshot);
    replica_links_.on_topology(snapshot, now_);
    director_.use_links(&replica_links_);
    publish(snapshot);
    const bool cluster = snapshot.kind == state::TopologyKind::kCluster;
    const fill::SlotSet all = ~fill::SlotSet{};
    for (const state::Shard& shard : snapshot.shards) {
      clocks_.of(shard.primary).add(now_, "history", 100, cluster ? &all : nullptr);
      for (const EndpointId replica : shard.replicas) {
        fill::FillLinkFsm& link = *replica_fsms_.at(replica);
        link.start(now_);
        link.on_connected(now_);
        link.written(link.unwritten().size());
        const std::string info =
            "role:slave\r\nmaster_link_status:up\r\nmaster_replid:history\r\n"
            "slave_repl_offset:100\r\n";
        std::string replies;
        if (cluster) {
          const std::string id(40, 'e');
          const std::string node = "*3\r\n" + bulk("10.0.0.1") + ":7000\r\n" + bulk(id);
          const std::string primary =
              "*3\r\n" + bulk("10.0.0.0") + ":7000\r\n" + bulk(std::string(40, 'f'));
          replies = bulk(id) + "+OK\r\n" + bulk("cluster_state:ok\r\n") +
                    "*1\r\n*4\r\n:0\r\n:16383\r\n" + primary + node;
        }
        link.on_bytes(replies + bulk(info), now_, 0);
        ASSERT_EQ(link.status(), fill::FillLinkFsm::Status::kLive) << link.reason();
      }
    }
  }

  /// The replicas of a set without slots prove to have what was written until now.
  void replicas_catch_up() {
    now_ += state::kSecond;
    clocks_.of(0).add(now_, "history", 100);
    for (const auto& [endpoint, link] : replica_fsms_) {
      if (endpoint == 0) continue;
      link->on_tick(now_, 0);
      link->written(link->unwritten().size());
      link->on_bytes(bulk("role:slave\r\nmaster_link_status:up\r\nmaster_replid:history\r\n"
                          "slave_repl_offset:100\r\n"),
                     now_, 0);
    }
  }

  /// What was sent to an endpoint since it was last asked for.
  std::string sent_to(EndpointId endpoint) {
    const auto found = lanes_.shared_.find(key_to(endpoint));
    return found == lanes_.shared_.end() ? "" : found->second->sent();
  }
  FakeLane& lane(EndpointId endpoint) { return *lanes_.shared_.at(key_to(endpoint)); }
  void reply_from(EndpointId endpoint, std::string_view bytes) { answer(lane(endpoint), bytes); }
  void lose(EndpointId endpoint) {
    const auto lost = lanes_.shared_.at(key_to(endpoint));
    lost->lose();
    go_on();
  }
  upstream::ChannelKey key_to(EndpointId endpoint) const {
    return {context_.identity, 0, 2, endpoint, director_.readonly(endpoint)};
  }
  /// Nobody can be reached at that endpoint.
  void take_down(EndpointId endpoint) {
    auto& lane = lanes_.shared_[key_to(endpoint)];
    lane = std::make_shared<FakeLane>(*this, key_to(endpoint), now_);
    lane->alive_ = false;
    lanes_.down_.insert(endpoint);
  }
  void bring_up(EndpointId endpoint) { lanes_.down_.erase(endpoint); }
  static std::string moved_to(EndpointId endpoint) {
    return "-MOVED 3300 10.0.0." + std::to_string(endpoint) + ":7000\r\n";
  }
  static std::string ask(EndpointId endpoint) {
    return "-ASK 3300 10.0.0." + std::to_string(endpoint) + ":7000\r\n";
  }
  /// Time passes and the worker ticks.
  bool tick(state::Nanos passed) {
    now_ += passed;
    const bool watch = session_->on_tick(now_);
    go_on();
    return watch;
  }
  bool after_pause() { return tick(route::kLongestPause); }
  bool past_deadline() { return tick(context_.command_timeout + 1); }
  /// Nothing is open and nothing counted any more: the next command goes straight out.
  void expect_at_rest() {
    EXPECT_TRUE(session_->quiet());
    EXPECT_TRUE(session_->wants_input());
    EXPECT_FALSE(session_->on_tick(now_)) << "no errand, read or output is left";
  }

  const bool affinity_;
  state::RefreshRequests refresh_;
  fill::ReplicationClocks clocks_;
  std::map<EndpointId, fill::FillLinkFsm*> replica_fsms_;
  fill::LinkSet replica_links_{{cache_, links_, invalidator_, clocks_, *this, counters_},
                               {.worker = 0,
                                .link = {},
                                .cache = false,
                                .replicas = true,
                                .key_affinity = affinity_,
                                .replica_age = 3600 * state::kSecond},
                               [this](std::unique_ptr<fill::FillLinkFsm> fsm) {
                                 replica_fsms_[fsm->options().endpoint] = fsm.get();
                                 return std::make_shared<fill::FillLink>(io_, turn_end_, topology_,
                                                                         std::move(fsm));
                               }};
};

}  // namespace pillion::data::session
