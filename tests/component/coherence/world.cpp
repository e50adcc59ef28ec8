#include "tests/component/coherence/world.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <sstream>
#include <utility>

#include "config/config.hpp"
#include "protocol/command/cacheable.hpp"
#include "protocol/resp/writer.hpp"
#include "proxy/data/upstream/multiplexer.hpp"
#include "proxy/net/turn_end.hpp"
#include "tests/component/coherence/manual_clock.hpp"
#include "tests/support/resp_value.hpp"

namespace pillion::coherence {
namespace {

using data::fill::FillLink;
using data::fill::FillLinkFsm;
using data::session::Registry;

// What the asynchronous shell of a fill link wants to be made with. It is polled once per world, at
// its end, and never opens a socket.
boost::asio::io_context& idle_io() {
  static boost::asio::io_context io;
  return io;
}

class PostBoxes : public data::session::Peers {
 public:
  explicit PostBoxes(std::uint32_t workers) : boxes_(workers) {}
  std::uint32_t count() const override { return static_cast<std::uint32_t>(boxes_.size()); }
  void post(std::uint32_t worker, std::function<void(Registry&)> task) override {
    boxes_[worker].push_back(std::move(task));
  }
  bool empty(std::size_t worker) const { return boxes_[worker].empty(); }
  void run_one(std::size_t worker, Registry& registry) {
    const auto task = std::move(boxes_[worker].front());
    boxes_[worker].pop_front();
    task(registry);
  }

 private:
  std::vector<std::deque<std::function<void(Registry&)>>> boxes_;
};

std::string encode(const Arguments& arguments) {
  std::string out;
  resp::append_array_header(out, arguments.size());
  for (const std::string& argument : arguments) resp::append_bulk(out, argument);
  return out;
}

config::Cache cache_settings() {
  config::Cache settings;
  settings.hash_max_age = settings.max_age;
  settings.negative_max_age = settings.max_age;
  return settings;
}

}  // namespace

Arguments parse_words(const std::string& text) {
  // A script between quotes is one word.
  Arguments result;
  bool quoted = false;
  std::string word;
  for (const char c : text + " ") {
    if (c == '\'') {
      quoted = !quoted;
    } else if (c == ' ' && !quoted) {
      if (!word.empty()) result.push_back(std::exchange(word, {}));
    } else {
      word += c;
    }
  }
  return result;
}

std::string Step::text() const {
  static constexpr const char* kNames[] = {
      "client",        "link-reply",    "link-half",  "lane-reply",  "posted",
      "link-executes", "lane-executes", "replicates", "stranger",    "clock",
      "tick",          "cut-link",      "cut-lane",   "connect-link"};
  return std::string(kNames[static_cast<std::size_t>(kind)]) + " " + std::to_string(index);
}

// A lane whose wire is two strings.
class World::Lane : public data::upstream::Lane {
 public:
  Lane(World& world, Registry& registry, const data::upstream::ChannelKey& key, bool shared)
      : world_(world),
        registry_(registry),
        mux_(registry),
        node_(world.upstream()),
        connection_(
            node_.connect(key.database, key.protocol, std::string(key.identity.acl_user()))),
        shared_(shared) {}

  bool accepts_commands() const override { return alive_; }
  data::Failure last_failure() const override { return {data::FailureKind::kClosed, "cut"}; }
  void submit(std::string_view request, const data::Requester& to, data::CommandClass command_class,
              data::TimeLimit limit, state::Nanos now) override {
    mux_.submit(request, to, command_class, limit, now);
  }
  void begin_large(const data::Requester& to, state::Nanos now) override {
    mux_.begin_large(to, now);
  }
  void append_opaque(std::string_view bytes) override { mux_.append_opaque(bytes); }
  void accept_pushes(const data::Requester& to) override { mux_.accept_pushes(to); }
  std::uint64_t client_id() const override { return 0; }
  void start_relay(const data::Requester& to) override { mux_.start_relay(to); }
  bool congested() const override { return false; }
  bool others_wait() const override { return mux_.others_wait(); }
  void resume() override {}
  void close() override {
    if (!std::exchange(alive_, false)) return;
    node_.disconnect(connection_);
    mux_.fail({data::FailureKind::kClosed, "cut"});
    registry_.on_batch_end();
  }

  /// What is written reaches the upstream, though nobody hears of it.
  void cut() {
    write();
    close();
  }
  bool can_execute() const {
    return (alive_ && mux_.unwritten_bytes() > 0) || !connection_->input.empty();
  }
  void execute() {
    if (alive_) write();
    node_.execute_next(connection_);
  }
  bool has_reply() const { return alive_ && !connection_->output.empty(); }
  void deliver() {
    const std::string reply = std::move(connection_->output.front());
    connection_->output.pop_front();
    const auto status = mux_.on_bytes(reply, manual_now);
    registry_.on_batch_end();
    if (status == data::upstream::Multiplexer::Status::kProtocolError)
      world_.blame("a reply nobody asked for");
  }
  bool cuttable() const { return shared_ && alive_ && !mux_.idle(); }

 private:
  void write() {
    connection_->input.append(mux_.unwritten());
    mux_.written(mux_.unwritten_bytes());
  }

  World& world_;
  Registry& registry_;
  data::upstream::Multiplexer mux_;
  FakeRedis& node_;
  FakeRedis::Handle connection_;
  bool shared_;
  bool alive_ = true;
};

class World::Lanes : public data::upstream::LaneProvider {
 public:
  Lanes(World& world, Registry& registry) : world_(world), registry_(registry) {}

  std::shared_ptr<data::upstream::Lane> pick(const data::upstream::ChannelKey& key,
                                             state::Nanos) override {
    auto& place = shared_[key];
    if (!place || !place->accepts_commands()) place = make(key, true);
    return place;
  }
  std::shared_ptr<data::upstream::Lane> lease(const data::upstream::ChannelKey& key,
                                              state::Nanos) override {
    return make(key, false);
  }
  void give_back(const std::shared_ptr<data::upstream::Lane>& lane, data::upstream::LaneCondition,
                 state::Nanos) override {
    lane->close();
  }

 private:
  std::shared_ptr<Lane> make(const data::upstream::ChannelKey& key, bool shared) {
    world_.lanes_.push_back(std::make_shared<Lane>(world_, registry_, key, shared));
    return world_.lanes_.back();
  }

  World& world_;
  Registry& registry_;
  std::map<data::upstream::ChannelKey, std::shared_ptr<Lane>> shared_;
};

/// Reads go to replicas in turn, or each key's to one of them; to the primary where that is not
/// fresh enough.
class Spread : public data::fill::FetchRouter {
 public:
  Spread(const data::fill::LinkSet& links, const Scenario& scenario)
      : links_(links), replicas_(scenario.replicas), by_key_(scenario.key_affinity) {}

  void use(std::vector<state::EndpointId> nodes) { nodes_ = std::move(nodes); }

  data::fill::FetchRoute link_for(std::span<const data::fill::FetchName> keys,
                                  state::Nanos now) override {
    if (replicas_ > 0) {
      const std::size_t turn = by_key_ ? static_cast<std::size_t>(keys[0].key[0]) : turn_++;
      const state::EndpointId chosen = nodes_[1 + turn % replicas_];
      bool fresh = true;
      for (const data::fill::FetchName& key : keys) {
        const bool same =
            !by_key_ || static_cast<std::size_t>(key.key[0]) % replicas_ == turn % replicas_;
        fresh = links_.fresh(chosen, key.name, now) && same && fresh;
      }
      FillLink* const link = links_.fetching(chosen);
      if (fresh && link != nullptr) return {link, false};
    }
    return {links_.fetching(nodes_[0]), by_key_ && replicas_ > 0};
  }
  FillLink* link_for_scripts() override { return links_.running_scripts(nodes_[0]); }

 private:
  const data::fill::LinkSet& links_;
  std::size_t replicas_;
  bool by_key_;
  std::size_t turn_ = 0;
  std::vector<state::EndpointId> nodes_;  // the primary first
};

/// No world subscribes to anything.
struct NoCouriers : data::pubsub::Couriers {
  void to_hub(std::function<void(data::pubsub::Hub&)>) override {}
  void to_worker(std::uint32_t, std::function<void(data::pubsub::Fanout&)>) override {}
  std::uint32_t worker_count() const override { return 1; }
};

// Members that are not named keep their defaults.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
struct World::Worker {
  Worker(World& world, std::uint32_t index)
      : turn_end(idle_io()),
        registry(index, *world.peers_, turn_end),
        lanes(world, registry),
        links({world.cache_, world.links_, world.invalidator_, world.replication_, registry,
               counters, &world.traffic_},
              link_options(world, index),
              [this, &world](std::unique_ptr<FillLinkFsm> fsm) {
                return world.make_link(*this, std::move(fsm));
              }),
        router(links, world.scenario_),
        director(director_options(world)),
        reader(world.cache_, world.rules_, counters),
        fanout({}, couriers, registry, census, counters),
        context{.lanes = lanes,
                .director = director,
                .reader = reader,
                .invalidator = world.invalidator_,
                .fences = registry,
                .neighbours = registry,
                .all_clients = all_clients,
                .fanout = fanout,
                .census = census,
                .scripts = scripts,
                .counters = counters,
                .topology = world.topology_,
                .worker = index,
                .identity = {},
                .upstream_name = "fake"} {
    reader.use_router(&router);
    registry.use_links(&links, world.links_, world.invalidator_);
  }

  /// It sends everything to the primary, and knows what that means for replicas.
  static data::request::Director::Options director_options(const World& world) {
    data::request::Director::Options options;
    options.replicas = world.scenario_.key_affinity;
    options.balance = route::ReadBalance::kKeyAffinity;
    return options;
  }

  static data::fill::LinkSetOptions link_options(const World& world, std::uint32_t index) {
    data::fill::LinkSetOptions options;
    options.worker = index;
    options.replicas = world.scenario_.replicas > 0;
    options.key_affinity = world.scenario_.key_affinity;
    options.link.max_entry_bytes = world.scenario_.max_entry_bytes;
    options.link.commands = world.commands_;
    return options;
  }

  state::Counters counters;
  net::TurnEnd turn_end;
  Registry registry;
  Lanes lanes;
  NoCouriers couriers;
  data::session::AllClients all_clients;
  data::pubsub::Census census;
  data::request::ScriptStore scripts;
  data::fill::LinkSet links;
  Spread router;
  data::request::Director director;
  data::request::Reader reader;
  data::pubsub::Fanout fanout;
  data::session::SessionContext context;
};

/// What is between a link and its node.
struct World::Wire {
  Worker& worker;
  FakeRedis& node;
  FillLinkFsm* fsm;                // of the link
  std::shared_ptr<FillLink> link;  // kept, so that the machine stays
  FakeRedis::Handle end;           // null while the link is down
  bool closed = false;             // its worker has it no longer
};

#pragma GCC diagnostic pop

// The shell of a session: what ClientConnection does, with strings for sockets.
class World::Client : public data::session::Client {
 public:
  Client(World& world, Worker& worker, std::uint32_t session, int protocol)
      : world_(world),
        worker_(worker),
        session_number_(session),
        protocol_(protocol),
        session_(worker.context, worker.registry.reserve(), initial_state(protocol)) {}

  data::session::Session& session() override { return session_; }
  void service(state::Nanos now, Output) override {
    if (closed_) return;
    collect(now);
    if (session_.take_wakeup() && !input_.empty()) run(now);
  }
  bool has_input() const override { return true; }           // never withheld
  void on_ready(bool, bool, bool, state::Nanos) override {}  // there is no socket
  void sweep(state::Nanos) override {}
  void close(state::DisconnectReason) override { leave(); }

  void leave() {
    if (std::exchange(closed_, true)) return;
    worker_.registry.remove(session_.name());
  }

  void send(const Batch& batch) {
    for (const std::string& text : batch) {
      Call call;
      call.arguments = parse_words(text);
      call.raw = encode(call.arguments);
      call.session = session_number_;
      call.protocol = protocol_;
      call.called_at = manual_now;
      call.called_after = world_.upstream().history().size() - 1;
      call.releases = world_.oracle_.releases();
      const std::string& name = call.arguments[0];
      if (name == "SELECT") database_ = static_cast<std::uint32_t>(std::stoul(call.arguments[1]));
      if (name == "AUTH") denied_ = true;
      call.database = database_;
      call.denied = denied_;
      call.queued = multi_;
      call.pinned = watching_ && !multi_;
      if (name == "WATCH") watching_ = true;
      if (name == "MULTI") multi_ = true;
      if (name == "EXEC" || name == "DISCARD" || name == "UNWATCH") watching_ = multi_ = false;
      input_ += call.raw;
      calls_.push_back(std::move(call));
    }
    sending_ = true;
    run(manual_now);
    sending_ = false;
  }

  bool idle() const { return answered_ == calls_.size(); }
  bool closed() const { return closed_; }
  const std::vector<Call>& calls() const { return calls_; }

  std::size_t next_batch = 0;

 private:
  static data::session::ClientState initial_state(int protocol) {
    data::session::ClientState state;
    state.protocol = protocol;
    return state;
  }

  void run(state::Nanos now) {
    for (;;) {
      std::size_t used = 0;
      if (!input_.empty()) {
        used = session_.process(input_, now);
        input_.erase(0, used);
      }
      collect(now);
      if (closed_ || used == 0 || input_.empty() || !session_.wants_input()) return;
    }
  }

  void collect(state::Nanos now) {
    if (session_.aborted()) {
      world_.blame("a client was cut off");
      leave();
      return;
    }
    std::string& tail = session_.output().tail();
    if (tail.empty()) return;
    received_ += tail;
    tail.clear();
    session_.on_output_progress(now);
    for (;;) {
      test::Value value;
      test::Incomplete need;
      const auto length = test::parse_reply(received_, value, need);
      if (!length) return;
      if (answered_ == calls_.size()) {
        world_.blame("session " + std::to_string(session_number_) +
                     " was told what it did not ask: " + test::printable(received_));
        return;
      }
      Call& call = calls_[answered_];
      call.reply = received_.substr(0, *length);
      call.at_once = sending_;
      received_.erase(0, *length);
      world_.story_ += "      session " + std::to_string(session_number_) + " " +
                       test::printable(call.raw) + " -> " + test::printable(call.reply) + "\n";
      world_.blame(world_.oracle_.judge(calls_, answered_));
      ++answered_;
    }
  }

  World& world_;
  Worker& worker_;
  const std::uint32_t session_number_;
  const int protocol_;
  data::session::Session session_;
  std::string input_;
  std::string received_;
  std::vector<Call> calls_;
  std::size_t answered_ = 0;
  std::uint32_t database_ = 0;
  bool denied_ = false;
  bool watching_ = false;
  bool multi_ = false;
  bool closed_ = false;
  bool sending_ = false;
};

std::vector<std::unique_ptr<FakeRedis>> World::make_nodes(const Scenario& scenario) {
  std::vector<std::unique_ptr<FakeRedis>> nodes;
  nodes.push_back(std::make_unique<FakeRedis>(manual_now));
  if (scenario.cluster) nodes[0]->join_cluster();
  for (std::uint32_t i = 0; i < scenario.replicas; ++i)
    nodes.push_back(std::make_unique<FakeRedis>(manual_now, *nodes[0]));
  return nodes;
}

std::shared_ptr<const state::TopologySnapshot> World::snapshot() const {
  auto snapshot = std::make_shared<state::TopologySnapshot>();
  snapshot->up = true;
  snapshot->role = "master";
  snapshot->redis_version = "7.0.15";
  snapshot->mode = "standalone";
  if (scenario_.replicas > 0) snapshot->kind = state::TopologyKind::kReplicated;
  if (scenario_.cluster) snapshot->kind = state::TopologyKind::kCluster;
  state::Shard shard;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    state::Node node;
    node.endpoint.id = static_cast<state::EndpointId>(i);
    node.endpoint.name = "node" + std::to_string(i);
    node.role = i == primary_ ? state::NodeRole::kPrimary : state::NodeRole::kReplica;
    node.in_rotation = true;
    if (i == primary_) {
      shard.primary = node.endpoint.id;
      snapshot->primary = node.endpoint;
    } else {
      shard.replicas.push_back(node.endpoint.id);
    }
    snapshot->nodes.push_back(node);
  }
  snapshot->shards.push_back(shard);
  return snapshot;
}

/// What sessions know: of a cluster also where slots went. Lanes speak to the cluster as a whole.
std::shared_ptr<const state::TopologySnapshot> World::snapshot_for_sessions() const {
  if (!scenario_.cluster) return snapshot();
  auto whole = std::make_shared<state::TopologySnapshot>(*snapshot());
  state::Node other = whole->nodes[0];
  other.endpoint.id = 1;
  other.endpoint.name = "10.0.0.2:7001";
  other.endpoint.addresses = {"10.0.0.2"};
  other.endpoint.port = 7001;
  other.shard = 1;
  whole->nodes.push_back(other);
  state::Shard shard;
  shard.primary = 1;
  whole->shards.push_back(shard);
  auto slots = std::make_shared<state::SlotMap>();
  slots->fill(0);
  whole->slots = std::move(slots);
  return whole;
}

void World::announce_topology() {
  topology_.publish(snapshot());
  std::vector<state::EndpointId> order = {static_cast<state::EndpointId>(primary_)};
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (i != primary_) order.push_back(static_cast<state::EndpointId>(i));
  }
  for (const auto& worker : workers_) {
    worker->router.use(order);
    worker->director.on_topology(snapshot_for_sessions());
    worker->links.on_topology(*topology_.load(), manual_now);
  }
  for (const auto& wire : wires_) {
    if (wire->worker.links.find(wire->fsm->options().endpoint) == wire->link.get()) continue;
    if (wire->end) wire->node.disconnect(wire->end);
    wire->end = nullptr;
    wire->closed = true;
  }
}

std::shared_ptr<FillLink> World::make_link(Worker& worker, std::unique_ptr<FillLinkFsm> machine) {
  FillLinkFsm* const fsm = machine.get();
  auto link = std::make_shared<FillLink>(idle_io(), worker.turn_end, topology_, std::move(machine));
  auto wire = std::unique_ptr<Wire>(
      new Wire{worker, *nodes_[fsm->options().endpoint], fsm, link, nullptr, false});
  wires_.push_back(std::move(wire));
  fsm->start(manual_now);
  return link;
}

World::World(const Scenario& scenario)
    : scenario_(scenario),
      nodes_(make_nodes(scenario)),
      oracle_(*nodes_[0], state::kSecond, scenario.monotonic),
      cache_({1UL << 20, scenario.max_entry_bytes, state::kSecond}, links_),
      tokens_(scenario.replicas > 0),
      invalidator_(cache_, links_, tokens_),
      rules_(cache_settings()),
      topology_(snapshot()) {
  manual_now = 1'000 * state::kSecond;
  for (const command::CacheRule& rule : command::cache_rules()) commands_.push_back(rule.name);
  peers_ = std::make_unique<PostBoxes>(scenario.workers);
  for (std::uint32_t i = 0; i < scenario.workers; ++i)
    workers_.push_back(std::make_unique<Worker>(*this, i));
  announce_topology();
  settle();
  // Replicas wait for a sample of their primary.
  for (int round = 0; round < 4 && scenario.replicas > 0; ++round) tick();
  settle();
  for (const ClientScript& script : scenario_.clients)
    clients_.push_back(new_client(script.worker, script.protocol));
  for (const Preparation& preparation : scenario_.preparations) {
    if (preparation.client < 0) {
      upstream().execute_foreign(parse_words(preparation.command));
    } else {
      clients_[static_cast<std::size_t>(preparation.client)]->send({preparation.command});
    }
    settle();
  }
}

World::~World() {
  for (const auto& client : clients_) client->leave();
  idle_io().restart();
  idle_io().poll();
}

const state::Counters& World::counters(std::uint32_t worker) const {
  return workers_[worker]->counters;
}

std::shared_ptr<World::Client> World::new_client(std::uint32_t worker, int protocol) {
  auto client = std::make_shared<Client>(*this, *workers_[worker], next_session_++, protocol);
  workers_[worker]->registry.add(client->session().name(), client);
  return client;
}

void World::connect_link(Wire& wire) {
  wire.end = wire.node.connect(0, 3, "default");
  wire.fsm->on_connected(manual_now);
}

void World::cut_link(Wire& wire) {
  wire.node.disconnect(wire.end);
  wire.end = nullptr;
  wire.fsm->on_failed("cut", manual_now, 0);
  wire.fsm->end_batch();
}

void World::tick_link(Wire& wire) {
  if (wire.closed) return;
  const auto action = wire.fsm->on_tick(manual_now, 0);
  if (action == FillLinkFsm::Action::kClose && wire.end) {
    wire.node.disconnect(wire.end);
    wire.end = nullptr;
  }
  wire.fsm->end_batch();
}

void World::tick_links() {
  for (std::size_t i = 0; i < wires_.size(); ++i) tick_link(*wires_[i]);
  for (const auto& worker : workers_) {
    worker->registry.on_tick(manual_now);
    worker->registry.on_batch_end();
  }
}

void World::deliver_to_link(Wire& wire, bool half) {
  std::string& front = wire.end->output.front();
  std::string bytes = half ? front.substr(0, front.size() / 2) : front;
  if (half) {
    front.erase(0, bytes.size());
  } else {
    wire.end->output.pop_front();
  }
  const auto action = wire.fsm->on_bytes(bytes, manual_now, 0);
  if (action == FillLinkFsm::Action::kClose) {
    // Nobody lies here but about what it is, after a failover.
    if (scenario_.replicas == 0) blame("a fill link broke: " + wire.fsm->reason());
    wire.node.disconnect(wire.end);
    wire.end = nullptr;
  }
  wire.fsm->end_batch();
}

std::string World::ask(std::size_t client, const std::string& command) {
  clients_[client]->send({command});
  settle();
  // What was refused may be asked again after a while.
  for (int i = 0; i < 10 && !clients_[client]->idle(); ++i) tick(1, 20 * state::kMillisecond);
  if (!clients_[client]->idle()) blame("not answered: " + command);
  return clients_[client]->calls().back().reply;
}

void World::stranger(const std::string& command) {
  story_ += "  stranger [" + command + "]\n";
  upstream().execute_foreign(parse_words(command));
  settle();
}

void World::advance(state::Nanos by) {
  story_ += "  clock +" + std::to_string(by / state::kMillisecond) + " ms\n";
  manual_now += by;
  upstream().expire();
}

void World::tick(std::uint32_t times, state::Nanos by) {
  for (std::uint32_t i = 0; i < times; ++i) {
    if (by != 0) advance(by);
    story_ += "  tick\n";
    tick_links();
    settle();
  }
}

void World::fail_over(std::size_t replica) {
  story_ += "  node " + std::to_string(replica) + " is the primary\n";
  nodes_[replica]->promote();
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (i == replica) continue;
    nodes_[i]->demote(*nodes_[replica]);
    nodes_[i]->resync();
  }
  primary_ = replica;
  oracle_.follow(upstream());
  for (const auto& lane : lanes_) lane->close();
  announce_topology();
  settle();
}

std::vector<Step> World::steps() const {
  using Kind = Step::Kind;
  std::vector<Step> result;
  for (std::size_t i = 0; i < wires_.size(); ++i) {
    const Wire& wire = *wires_[i];
    if (!wire.closed && wire.fsm->status() == FillLinkFsm::Status::kConnecting)
      result.push_back({Kind::kConnectLink, i});
    if (!wire.end) continue;
    if (!wire.fsm->unwritten().empty() || !wire.end->input.empty())
      result.push_back({Kind::kLinkExecute, i});
  }
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i]->is_behind() && !replication_held_) result.push_back({Kind::kReplicate, i});
  }
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    if (lanes_[i]->can_execute()) result.push_back({Kind::kLaneExecute, i});
  }
  if (foreign_done_ < scenario_.foreign.size()) result.push_back({Kind::kForeign, 0});
  for (std::size_t i = 0; i < clients_.size() && i < scenario_.clients.size(); ++i) {
    const auto& batches = scenario_.clients[i].batches;
    const std::size_t next = clients_[i]->next_batch;
    if (clients_[i]->closed() || next == batches.size()) continue;
    if (clients_[i]->idle() || batches[next][0] == "LEAVE") result.push_back({Kind::kIssue, i});
  }
  for (std::size_t i = 0; i < wires_.size(); ++i) {
    const Wire& wire = *wires_[i];
    if (!wire.end || wire.end->output.empty()) continue;
    result.push_back({Kind::kLinkReply, i});
    if (scenario_.halves && wire.end->output.front().size() > 8)
      result.push_back({Kind::kLinkHalf, i});
  }
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    if (!static_cast<const PostBoxes&>(*peers_).empty(i)) result.push_back({Kind::kPosted, i});
  }
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    if (lanes_[i]->has_reply()) result.push_back({Kind::kLaneReply, i});
  }
  if (clock_done_ < scenario_.clock_steps.size()) result.push_back({Kind::kClock, 0});
  if (ticks_ < scenario_.ticks) result.push_back({Kind::kTick, 0});
  if (link_cuts_ < scenario_.link_cuts && wires_[0]->fsm->status() == FillLinkFsm::Status::kLive) {
    result.push_back({Kind::kCutLink, 0});
  }
  for (std::size_t i = 0; i < lanes_.size() && lane_cuts_ < scenario_.lane_cuts; ++i) {
    if (lanes_[i]->cuttable()) result.push_back({Kind::kCutLane, i});
  }
  return result;
}

void World::perform(const Step& step) {
  using Kind = Step::Kind;
  const std::size_t i = step.index;
  story_ += "  " + step.text();
  switch (step.kind) {
    case Kind::kIssue: {
      const Batch& batch = scenario_.clients[i].batches[clients_[i]->next_batch++];
      for (const std::string& command : batch) story_ += " [" + command + "]";
      story_ += "\n";
      if (batch[0] == "LEAVE") {
        const std::size_t next = clients_[i]->next_batch;
        clients_[i]->leave();
        clients_[i] = new_client(scenario_.clients[i].worker, scenario_.clients[i].protocol);
        clients_[i]->next_batch = next;
      } else {
        clients_[i]->send(batch);
      }
      return;
    }
    case Kind::kLinkReply:
      story_ += " " + test::printable(wires_[i]->end->output.front(), 200) + "\n";
      deliver_to_link(*wires_[i], false);
      return;
    case Kind::kLinkHalf:
      deliver_to_link(*wires_[i], true);
      break;
    case Kind::kLaneReply:
      lanes_[i]->deliver();
      break;
    case Kind::kPosted:
      static_cast<PostBoxes&>(*peers_).run_one(i, workers_[i]->registry);
      break;
    case Kind::kLinkExecute: {
      const Wire& wire = *wires_[i];
      wire.end->input.append(wire.fsm->unwritten());
      wire.fsm->written(wire.fsm->unwritten().size());
      story_ += " " + test::printable(wire.end->input, 60);
      wire.node.execute_next(wire.end);
      break;
    }
    case Kind::kReplicate:
      nodes_[i]->replicate();
      break;
    case Kind::kLaneExecute:
      lanes_[i]->execute();
      break;
    case Kind::kForeign:
      story_ += " [" + scenario_.foreign[foreign_done_] + "]";
      upstream().execute_foreign(parse_words(scenario_.foreign[foreign_done_++]));
      break;
    case Kind::kClock:
      manual_now += scenario_.clock_steps[clock_done_++];
      upstream().expire();
      break;
    case Kind::kTick:
      ++ticks_;
      tick_links();
      break;
    case Kind::kCutLink:
      ++link_cuts_;
      cut_link(*wires_[i]);
      break;
    case Kind::kCutLane:
      ++lane_cuts_;
      lanes_[i]->cut();
      break;
    case Kind::kConnectLink:
      connect_link(*wires_[i]);
      break;
  }
  story_ += "\n";
}

/// A step that only carries on what is under way.
bool World::quiet_step(Step& step) const {
  using Kind = Step::Kind;
  for (const Step& candidate : steps()) {
    switch (candidate.kind) {
      case Kind::kIssue:
      case Kind::kLinkHalf:
      case Kind::kForeign:
      case Kind::kClock:
      case Kind::kTick:
      case Kind::kCutLink:
      case Kind::kCutLane:
        continue;
      default:
        step = candidate;
        return true;
    }
  }
  return false;
}

void World::settle() {
  Step step{};
  while (fault_.empty() && quiet_step(step)) perform(step);
}

void World::finish() {
  story_ += "  (all is delivered)\n";
  replication_held_ = false;
  // Links come back, and what was refused or lost is asked again, after some time.
  for (int round = 0; round < 12; ++round) {
    settle();
    const bool live = std::all_of(wires_.begin(), wires_.end(), [](const auto& wire) {
      return wire->closed || wire->fsm->status() == FillLinkFsm::Status::kLive;
    });
    const bool answered = std::all_of(clients_.begin(), clients_.end(),
                                      [](const auto& client) { return client->idle(); });
    if ((live && answered) || !fault_.empty()) break;
    advance(250 * state::kMillisecond);
    tick_links();
  }
  settle();
  for (const auto& worker : workers_) worker->registry.on_batch_end();
  if (!fault_.empty()) return;
  for (const auto& client : clients_) {
    if (!client->idle())
      blame("a command was never answered: " + test::printable(client->calls().back().raw));
  }
  if (cache_.stats().flights != 0) blame("a flight was never resolved");
  if (fault_.empty() && !scenario_.silent_changes) check_quiescence();
}

void World::check_quiescence() {
  std::set<std::pair<std::uint32_t, Arguments>> reads;
  for (const auto& client : clients_) {
    for (const Call& call : client->calls()) {
      if (is_read(call.arguments)) reads.insert({call.database, call.arguments});
    }
  }
  story_ += "  (quiet)\n";
  for (std::uint32_t worker = 0; worker < workers_.size(); ++worker) {
    for (const auto& [database, arguments] : reads) {
      const auto client = new_client(worker, 2);
      std::string text;
      for (const std::string& argument : arguments) text += argument + " ";
      if (database != 0) {
        client->send({"SELECT " + std::to_string(database)});
        settle();
      }
      client->send({text});
      settle();
      const bool answered = client->idle();
      const std::string told = client->calls().back().reply;
      client->leave();
      if (!answered) blame("not answered when all was quiet: " + text);
      if (told != read_reply(upstream().now(), database, arguments, 2)) {
        blame("stuck: " + text + "-> " + test::printable(told) + " when all was quiet");
      }
      if (!fault_.empty()) return;
    }
  }
}

}  // namespace pillion::coherence
