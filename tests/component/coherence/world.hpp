// A whole data plane without sockets: the real cache, fill links, invalidator, readers, registries
// and sessions, between clients made of scripts and an upstream in memory. Nothing moves but by
// step().
//
// One step is what no other thread, process or packet can divide: a client hands over its next
// batch; the upstream executes one command of one connection; one reply or push reaches Pillion; a
// stranger writes; time passes; a link is cut. Which steps come in which order is the scheduler's
// choice.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "proxy/data/cache/cache.hpp"
#include "proxy/data/fill/invalidator.hpp"
#include "proxy/data/fill/link_set.hpp"
#include "proxy/data/request/reader.hpp"
#include "proxy/data/session/registry.hpp"
#include "proxy/data/session/session.hpp"
#include "tests/component/coherence/fake_redis.hpp"
#include "tests/component/coherence/oracle.hpp"

namespace pillion::coherence {

/// "SET k v" in plain words.
Arguments parse_words(const std::string& text);

using Batch = std::vector<std::string>;  // commands in plain words, sent as one pipeline

struct ClientScript {
  std::uint32_t worker = 0;
  int protocol = 2;
  /// Each is sent when the one before was answered. {"LEAVE"}: the client goes at any time,
  /// answered or not, and another takes its place.
  std::vector<Batch> batches = {};
};

struct Preparation {
  int client;  // -1: a stranger
  std::string command;
};

struct Scenario {
  std::string name = {};
  std::uint32_t workers = 1;
  /// Done one by one, each to its end, before the schedule begins.
  std::vector<Preparation> preparations = {};
  std::vector<ClientScript> clients = {};
  std::vector<std::string> foreign = {};  // one stranger's writes, in order
  std::vector<state::Nanos> clock_steps = {};
  std::uint32_t replicas = 0;      // reads go to them where they are fresh enough, in turn
  bool key_affinity = false;       // or by key
  bool cluster = false;            // one node of a cluster: see FakeRedis
  std::uint32_t link_cuts = 0;  // of link 0
  std::uint32_t lane_cuts = 0;  // of any shared lane
  std::uint32_t ticks = 0;
  bool halves = false;  // what a link reads may come in two pieces
  std::size_t max_entry_bytes = 4096;
  bool silent_changes = false;  // SWAPDB by a stranger: exempt from the promise
  /// Reads of one session are judged to be monotonic. Not held while a worker's link is down: its
  /// reads go upstream then, and what other links filled still answers, at most max_staleness
  /// behind.
  bool monotonic = true;
};

struct Step {
  enum class Kind : std::uint8_t {
    kIssue,
    kLinkReply,
    kLinkHalf,
    kLaneReply,
    kPosted,  // something reaches Pillion
    kLinkExecute,
    kLaneExecute,
    kReplicate,
    kForeign,  // something happens at the upstream
    kClock,
    kTick,
    kCutLink,
    kCutLane,
    kConnectLink,  // the world changes
  };
  Kind kind;
  std::size_t index;

  friend bool operator==(const Step&, const Step&) = default;
  bool at_pillion() const { return kind <= Kind::kPosted; }
  bool at_upstream() const { return kind >= Kind::kLinkExecute && kind <= Kind::kForeign; }
  std::string text() const;
};

class World {
 public:
  explicit World(const Scenario& scenario);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  std::vector<Step> steps() const;
  void perform(const Step& step);

  // By hand, for scenarios in which one order matters. What is under way is carried on to its end
  // after each of these; replication is not, when it is held.
  std::string ask(std::size_t client, const std::string& command);
  void stranger(const std::string& command);
  void advance(state::Nanos by);
  /// The links' timers fire, `times` times, `by` apart.
  void tick(std::uint32_t times = 1, state::Nanos by = 0);
  void hold_replication(bool held) {
    replication_held_ = held;
    settle();
  }
  /// Carries on what is under way.
  void settle();
  FakeRedis& node(std::size_t i) { return *nodes_[i]; }
  /// The replica is told to be the primary, and the other way round; everybody knows.
  void fail_over(std::size_t replica);

  /// Every message is delivered; then nothing may be stuck and every answer must have come.
  void finish();

  /// The first broken promise; empty while all is well.
  const std::string& fault() const { return fault_; }

  const state::Counters& counters(std::uint32_t worker) const;
  std::string story() const { return story_; }

 private:
  class Lane;
  class Lanes;
  class Client;
  struct Worker;
  struct Wire;
  friend class Lane;

  bool quiet_step(Step& step) const;
  void blame(const std::string& fault) {
    if (fault_.empty()) fault_ = fault;
  }
  std::shared_ptr<Client> new_client(std::uint32_t worker, int protocol);
  static std::vector<std::unique_ptr<FakeRedis>> make_nodes(const Scenario& scenario);
  std::shared_ptr<const state::TopologySnapshot> snapshot() const;
  std::shared_ptr<data::fill::FillLink> make_link(Worker& worker,
                                                  std::unique_ptr<data::fill::FillLinkFsm> fsm);
  void announce_topology();
  void connect_link(Wire& wire);
  void cut_link(Wire& wire);
  void tick_link(Wire& wire);
  void tick_links();
  void deliver_to_link(Wire& wire, bool half);
  void check_quiescence();

  const Scenario scenario_;
  std::vector<std::unique_ptr<FakeRedis>> nodes_;
  std::size_t primary_ = 0;  // of nodes_
  FakeRedis& upstream() const { return *nodes_[primary_]; }
  Oracle oracle_;
  cache::LinkTable links_;
  cache::Cache cache_;
  data::fill::WriteTokens tokens_;
  data::fill::ReplicationClocks replication_;
  data::fill::Invalidator invalidator_;
  data::request::CacheRules rules_;
  state::Published<state::TopologySnapshot> topology_;
  std::vector<std::string_view> commands_;
  std::unique_ptr<data::session::Peers> peers_;
  std::vector<std::unique_ptr<Wire>> wires_;  // of all links, in the order they were made
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::shared_ptr<Lane>> lanes_;
  std::vector<std::shared_ptr<Client>> clients_;
  std::uint32_t next_session_ = 0;
  std::size_t foreign_done_ = 0;
  std::size_t clock_done_ = 0;
  std::uint32_t link_cuts_ = 0;
  std::uint32_t lane_cuts_ = 0;
  std::uint32_t ticks_ = 0;
  bool replication_held_ = false;
  std::string fault_;
  std::string story_;
};

}  // namespace pillion::coherence
