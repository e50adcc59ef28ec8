#include "proxy/worker.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/ip/host_name.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <utility>
#include <variant>

#include "config/address.hpp"
#include "config/print.hpp"
#include "protocol/command/cacheable.hpp"
#include "proxy/data/pubsub/link.hpp"
#include "proxy/net/cpu_count.hpp"
#include "proxy/net/endpoints.hpp"

namespace pillion {
namespace {

// What one read of a client takes at the most.
constexpr std::size_t kReadBuffer = 64 * 1024;
constexpr auto kTick = std::chrono::milliseconds(20);
// A gap in which invalidations may have piled up unread.
constexpr state::Nanos kAway = 5 * state::kMillisecond;
// A look that finds so many clients is followed by another in the same turn.
constexpr std::size_t kMany = 8;
// But not when the turn has taken so long: what it has for the upstream is due.
constexpr state::Nanos kLongestTurn = 200 * state::kMicrosecond;
// A client silent for so long has finished, when draining.
constexpr state::Nanos kDrainSilence = 250 * state::kMillisecond;

state::Nanos nanos(config::Millis value) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(value).count();
}

data::upstream::Identity own_identity(const config::UpstreamTarget& upstream) {
  return {upstream.user, upstream.password};
}

/// A quota counts looking for work as work, and throttles for it.
bool polls_busily(const config::Upstream& upstream) {
  if (upstream.busy_poll != "auto") return upstream.busy_poll == "on";
  return !net::has_cpu_quota();
}

/// So many answers of the largest size stay within a client's output limit, if they all come at
/// once.
std::uint32_t max_fetches(const Shared& shared) {
  const std::size_t fit = shared.config.listen.output_limit / shared.max_entry_bytes;
  return static_cast<std::uint32_t>(std::clamp<std::size_t>(fit, 16, 1024));
}

data::fill::LinkSetOptions link_options(std::uint32_t worker, const Shared& shared) {
  data::fill::LinkSetOptions options;
  options.worker = worker;
  options.cache = shared.config.cache.enabled;
  options.replicas = shared.tokens.enabled();
  options.link.identity = own_identity(shared.upstream);
  options.link.max_entry_bytes = shared.max_entry_bytes;
  options.link.max_staleness = nanos(shared.config.cache.max_staleness);
  options.link.connect_timeout = nanos(shared.config.upstream.connect_timeout);
  options.link.reply_timeout = nanos(shared.config.upstream.command_timeout);
  options.link.script_timeout = nanos(shared.config.upstream.script_timeout);
  options.link.max_script_reply = shared.config.listen.output_limit;
  options.link.commands = shared.cacheable_commands;
  options.key_affinity = shared.config.reads.balance == "key_affinity";
  options.replica_age = options.link.max_staleness + nanos(shared.config.reads.max_lag);
  options.replica_reply_timeout =
      nanos(std::min(shared.config.reads.timeout, shared.config.upstream.command_timeout));
  return options;
}

/// Reads may go to replicas: there may be some, and the operator does not forbid it.
bool reads_replicas(const config::Config& config, const config::UpstreamTarget& target) {
  return config.reads.from != "primary" && target.kind != config::UpstreamKind::kStandalone;
}

data::request::Director::Options director_options(const Shared& shared) {
  data::request::Director::Options options;
  options.replicas = shared.tokens.enabled();
  if (shared.config.reads.balance == "key_affinity") {
    options.balance = route::ReadBalance::kKeyAffinity;
  } else if (shared.config.reads.balance == "least_latency") {
    options.balance = route::ReadBalance::kLeastLatency;
  }
  options.retries.percent = shared.config.upstream.retry_budget;
  return options;
}

}  // namespace

Shared::Shared(const config::Config& configuration, const config::UpstreamTarget& target,
               const Upstream& planes, std::string version_text,
               const state::Published<state::LearnedCommands>& learned_commands,
               std::size_t workers)
    : config(configuration),
      upstream(target),
      topology(planes.topology),
      traffic(planes.traffic),
      refresh(planes.refresh),
      version(std::move(version_text)),
      config_values(config::effective_values(configuration)),
      started_at(state::now()),
      learned(learned_commands),
      max_entry_bytes(
          std::min(configuration.cache.max_entry_bytes, configuration.cache.max_bytes / 4)),
      cache({configuration.cache.max_bytes, max_entry_bytes,
             nanos(configuration.cache.max_staleness), workers > 1},
            links),
      tokens(reads_replicas(configuration, target)),
      invalidator(cache, links, tokens),
      scripts(configuration.upstream.script_memory),
      rules(configuration.cache) {
  for (const command::CacheRule& rule : command::cache_rules())
    cacheable_commands.push_back(rule.name);
}

Worker::Worker(std::uint32_t index, Shared& shared, const Ways& ways)
    : index_(index),
      shared_(shared),
      work_(io_.get_executor()),
      turn_end_(io_),
      busy_poll_(polls_busily(shared.config.upstream)),
      registry_(index, ways.peers, turn_end_),
      upstream_context_{
          io_,
          registry_,
          turn_end_,
          busy_poll_,
          counters_,
          shared.topology,
          nanos(shared.config.upstream.connect_timeout),
          {nanos(shared.config.upstream.command_timeout),
           nanos(shared.config.upstream.script_timeout),
           nanos(std::min(shared.config.reads.timeout, shared.config.upstream.command_timeout))},
          net::ConnectRate(shared.config.upstream.reconnect_rate),
          &shared.traffic},
      pool_(upstream_context_,
            {shared.config.upstream.connections, shared.config.upstream.max_dedicated}),
      fanout_({index, nanos(shared.config.upstream.command_timeout), shared.upstream.display},
              ways.couriers, registry_, shared.census, counters_),
      links_({shared.cache, shared.links, shared.invalidator, shared.replication, registry_,
              counters_, &shared.traffic},
             link_options(index, shared),
             data::fill::socket_fill_links(io_, turn_end_, shared.topology)),
      director_(director_options(shared)),
      reader_(shared.cache, shared.rules, counters_),
      pillion_{.cache = shared.cache,
               .invalidator = shared.invalidator,
               .counters = counters_,
               .all_counters = [&all = ways.all] { return all.counters(); },
               .topology = shared.topology,
               .links = [&all = ways.all] { return all.link_stats(); },
               .cache_stats = [&all = ways.all] { return all.cache_stats(); },
               .config = shared.config_values,
               .name = shared.config.pillion_command.name,
               .version = shared.version,
               .started_at = shared.started_at},
      session_context_{.lanes = pool_,
                       .director = director_,
                       .reader = reader_,
                       .invalidator = shared.invalidator,
                       .fences = registry_,
                       .neighbours = registry_,
                       .all_clients = shared.all_clients,
                       .fanout = fanout_,
                       .census = shared.census,
                       .scripts = shared.scripts,
                       .counters = counters_,
                       .topology = shared.topology,
                       .worker = index,
                       .cache_enabled = shared.config.cache.enabled,
                       .identity = own_identity(shared.upstream),
                       .database = shared.upstream.database,
                       .upstream_name = shared.upstream.display,
                       .command_timeout = nanos(shared.config.upstream.command_timeout),
                       .output_stall_timeout = nanos(shared.config.listen.output_stall_timeout),
                       .output_limit = shared.config.listen.output_limit,
                       .max_pipeline = shared.config.listen.max_pipeline,
                       .max_fetches = max_fetches(shared),
                       .auth_required = false,
                       .subscriber_limits = {shared.config.listen.subscriber_limit,
                                             shared.config.listen.subscriber_soft_limit,
                                             nanos(shared.config.listen.subscriber_soft_time)},
                       .max_subscriptions = shared.config.listen.max_subscriptions,
                       .learned = &shared.learned,
                       .pillion = &pillion_,
                       .busy_poll = &busy_poll_,
                       .cluster_face = nullptr,
                       .ahead = {}},
      readiness_(io_,
                 [this](std::span<const net::Readiness::Event> events) { return on_look(events); }),
      client_context_{session_context_, registry_, readiness_, std::vector<char>(kReadBuffer),
                      [this] { shared_.clients.fetch_sub(1, std::memory_order_relaxed); }},
      timer_(io_) {
  registry_.use_hot_keys(reader_.hot_keys());
  registry_.use_busy_poll(busy_poll_);
  if (index == 0) {
    data::pubsub::HubOptions hub;
    hub.link.connect_timeout = nanos(shared.config.upstream.connect_timeout);
    hub.link.reply_timeout = nanos(shared.config.upstream.command_timeout);
    hub.link.upstream = shared.upstream.display;
    hub.refresh = &shared.refresh;
    if (shared.config.cache.enabled) {
      hub.fence = [this](std::function<void()> then) { registry_.after_fence(std::move(then)); };
    }
    hub_ = std::make_unique<data::pubsub::Hub>(
        hub, ways.couriers, shared.census, counters_,
        data::pubsub::socket_links(io_, turn_end_, shared.topology));
  }
  director_.use_refresh(&shared.refresh);
  if (!shared.config.cache.enabled && !shared.tokens.enabled()) return;
  director_.use_links(&links_);
  if (shared.config.cache.enabled) reader_.use_router(&director_);
  registry_.use_links(&links_, shared.links, shared.invalidator);
}

// Posting and joining throw only for misuse of this class.
Worker::~Worker() {  // NOLINT(bugprone-exception-escape)
  stop();
}

void Worker::listen(std::uint16_t port) {
  const config::Listen& listen = shared_.config.listen;
  if (!listen.address.empty()) {
    const config::Address address =
        std::get<config::Address>(config::parse_address(listen.address));  // validated
    auto acceptor = std::make_shared<net::Acceptor>(
        io_, [this](net::Socket socket) { accept(std::move(socket)); });
    acceptor->open({address.host, port != 0 ? port : address.port, {}}, index_ == 0);
    acceptors_.push_back(std::move(acceptor));
    if (listen.emulate_cluster) show_as_cluster(address.host);
  }
  // A UNIX socket cannot be shared by the kernel among listeners: the first worker takes it.
  if (!listen.unix_path.empty() && index_ == 0) {
    auto acceptor = std::make_shared<net::Acceptor>(
        io_, [this](net::Socket socket) { accept(std::move(socket)); });
    acceptor->open({{}, 0, listen.unix_path}, true);
    acceptors_.push_back(std::move(acceptor));
  }
}

/// Cluster clients connect to the addresses they are told, so only one of TCP can be shown. All
/// workers say the same, and say it again after a restart.
void Worker::show_as_cluster(std::string_view host) {
  const bool any = host == "0.0.0.0" || host == "::";
  cluster_face_.host = any ? std::string_view() : host;
  cluster_face_.port = port();
  const std::string name = boost::asio::ip::host_name() + ':' + std::to_string(cluster_face_.port);
  cluster_face_.id = route::cluster_node_id(name);
  session_context_.cluster_face = &cluster_face_;
}

std::uint16_t Worker::port() const {
  return acceptors_.empty() ? 0 : acceptors_.front()->port();
}

void Worker::start() {
  for (const auto& acceptor : acceptors_) acceptor->start();
  boost::asio::post(io_, [this] {
    const state::Nanos now = state::now();
    on_topology(now);
    // Warm: the first client must not wait for a connection.
    pool_.pick({own_identity(shared_.upstream), shared_.upstream.database, 2, director_.primary()},
               now);
    readiness_.start();
    tick();
  });
  thread_ = std::thread([this] { run(); });
}

void Worker::run() {
  while (!io_.stopped()) {
    if (busy_poll_.looking()) {
      look_for_work();
    } else if (io_.run_one() == 0) {
      return;
    }
  }
}

void Worker::look_for_work() {
  const state::Nanos begun = state::now();
  state::Nanos now = begun;
  while (busy_poll_.go_on(now)) {
    if (io_.poll() > 0) {
      busy_poll_.found();
      break;
    }
    std::this_thread::yield();  // whoever else this core is for has it first
    now = state::now();
  }
  counters_.busy_poll_nanos.add(static_cast<std::uint64_t>(now - begun));
}

void Worker::post(std::function<void(data::session::Registry&)> task) {
  boost::asio::post(io_, [this, task = std::move(task)] { task(registry_); });
}

void Worker::post_to_hub(std::function<void(data::pubsub::Hub&)> task) {
  boost::asio::post(io_, [this, task = std::move(task)] { task(*hub_); });
}

void Worker::post_to_fanout(std::function<void(data::pubsub::Fanout&)> task) {
  boost::asio::post(io_, [this, task = std::move(task)] { task(fanout_); });
}

void Worker::accept(net::Socket socket) {
  if (shared_.clients.fetch_add(1, std::memory_order_relaxed) >=
      shared_.config.listen.max_clients) {
    shared_.clients.fetch_sub(1, std::memory_order_relaxed);
    counters_.clients_rejected.add();
    constexpr std::string_view kFull = "-ERR max number of clients reached\r\n";
    (void)::send(socket.native_handle(), kFull.data(), kFull.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return;
  }
  net::ErrorCode ec;
  socket.non_blocking(true, ec);
  net::tune(socket);
  const state::Nanos now = state::now();
  data::session::ClientState state;
  state.id = shared_.next_client_id.fetch_add(1, std::memory_order_relaxed);
  state.peer = net::peer_name(socket);
  state.local = net::local_name(socket);
  state.descriptor = socket.native_handle();
  state.connected_at = now;
  state.last_command_at = now;
  counters_.clients_accepted.add();
  counters_.clients_connected.add();
  const data::Requester name = registry_.reserve();
  // From here on the client is served through the readiness set, not through Asio.
  net::Descriptor descriptor(socket.release(ec));
  auto client = std::make_shared<data::session::ClientConnection>(
      client_context_, std::move(descriptor), name, std::move(state));
  registry_.add(name, client);
  client->start();
}

bool Worker::on_look(std::span<const net::Readiness::Event> events) {
  const state::Nanos now = state::now();
  if (!turn_end_.open()) {
    // I5: after a gap, what the upstream said meanwhile comes first.
    if (now - latest_turn_ > kAway) links_.drain();
    latest_turn_ = now;
    turn_end_.begin();
  }
  registry_.on_ready(events, now);
  turn_end_.end_look();
  // While many clients speak, others have spoken by now: a write upstream costs as much as dozens
  // of commands in it, so it waits for theirs, for a moment.
  if (events.size() >= kMany && turn_end_.waiting() && state::now() - latest_turn_ < kLongestTurn)
    return true;
  turn_end_.end();
  return false;
}

void Worker::tick() {
  const state::Nanos now = state::now();
  if (shared_.topology.version() != topology_version_) on_topology(now);
  links_.on_tick(now);
  pool_.on_tick(now);
  fanout_.on_tick(now);
  if (hub_) hub_->on_tick(now);
  registry_.on_tick(now);
  registry_.on_batch_end();
  if (now - swept_at_ >= state::kSecond) {
    swept_at_ = now;
    registry_.sweep(now);
    reader_.hot_keys().tick(now);
  }
  if (draining_) registry_.close_quiet(now, kDrainSilence, false);
  if (index_ == 0) publish_cache_stats();
  publish_link_stats();
  timer_.expires_after(kTick);
  timer_.async_wait([this](const net::ErrorCode& ec) {
    if (!ec) tick();
  });
}

void Worker::on_topology(state::Nanos now) {
  topology_version_ = shared_.topology.version();
  const auto snapshot = shared_.topology.load();
  session_context_.auth_required = snapshot->auth_required;
  links_.on_topology(*snapshot, now);
  pool_.on_topology(*snapshot, now);
  const std::uint64_t owners = director_.owners_version();
  director_.on_topology(snapshot);
  if (director_.owners_version() != owners) registry_.on_owners_changed();
  if (hub_) hub_->on_topology(*snapshot, now);
}

void Worker::publish_cache_stats() {
  const cache::Stats stats = shared_.cache.stats();
  const std::lock_guard lock(shared_.cache_stats_mutex);
  shared_.cache_stats = stats;
}

void Worker::publish_link_stats() {
  std::vector<state::LinkStats> stats = links_.stats(state::now());
  const std::lock_guard lock(link_stats_mutex_);
  link_stats_.swap(stats);
}

std::vector<state::LinkStats> Worker::link_stats() const {
  const std::lock_guard lock(link_stats_mutex_);
  return link_stats_;
}

void Worker::drain() {
  boost::asio::post(io_, [this] {
    draining_ = true;
    for (const auto& acceptor : acceptors_) acceptor->close();
  });
}

void Worker::stop() {
  if (!thread_.joinable()) return;
  boost::asio::post(io_, [this] {
    for (const auto& acceptor : acceptors_) acceptor->close();
    timer_.cancel();
    readiness_.stop();
    registry_.close_quiet(state::now(), 0, true);
    if (hub_) hub_->close();
    links_.close();
    pool_.close_all();
    work_.reset();
    io_.stop();
  });
  thread_.join();
}

}  // namespace pillion
