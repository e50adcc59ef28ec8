#include "proxy/app.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <csignal>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "config/url.hpp"
#include "proxy/control/control_plane.hpp"
#include "proxy/logging/log.hpp"
#include "proxy/net/cpu_count.hpp"
#include "proxy/worker.hpp"

namespace pillion {
namespace {

constexpr auto kPoll = std::chrono::milliseconds(50);
constexpr auto kFirstProbe = std::chrono::milliseconds(500);
constexpr auto kFirstProbeStep = std::chrono::milliseconds(2);
// Descriptors that clients cannot take: listeners, upstream connections, the admin port, logs.
constexpr rlim_t kReservedDescriptors = 64;

/// As many descriptors as the system allows; a sidecar's image rarely sets the soft limit.
void raise_descriptor_limit(std::uint32_t max_clients) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < max_clients + kReservedDescriptors) {
    logging::warn("listen.max_clients is " + std::to_string(max_clients) + " but only " +
                  std::to_string(limit.rlim_cur) +
                  " descriptors may be open; further clients will wait in the backlog");
  }
}

}  // namespace

struct App::Impl : state::DataPlaneOps, data::session::Peers, data::pubsub::Couriers {
  explicit Impl(AppOptions given)
      : options(std::move(given)),
        upstream(config::upstream_target(options.config)),
        workers_wanted(std::min<std::uint32_t>(
            options.config.workers != 0 ? options.config.workers : net::usable_cpus(),
            cache::LinkTable::kMaxLinks)),
        shared(options.config, upstream, {topology, traffic, refresh}, options.version, learned,
               workers_wanted),
        signals(io, SIGTERM, SIGINT),
        poll(io) {}

  // DataPlaneOps: called by the control plane's thread.
  state::CacheStats cache_stats() const override {
    const std::lock_guard lock(shared.cache_stats_mutex);
    const cache::Stats& stats = shared.cache_stats;
    return {options.config.cache.enabled,
            stats.entries,
            stats.bytes,
            stats.max_bytes,
            stats.evictions,
            stats.expirations,
            stats.flights};
  }
  std::vector<state::LinkStats> link_stats() const override {
    std::vector<state::LinkStats> all;
    for (const auto& worker : workers) {
      for (state::LinkStats& link : worker->link_stats()) all.push_back(std::move(link));
    }
    return all;
  }
  std::vector<const state::Counters*> counters() const override {
    std::vector<const state::Counters*> all;
    for (const auto& worker : workers) all.push_back(&worker->counters());
    return all;
  }
  bool draining() const override { return drain_begun.load(); }
  bool ready() const override { return listening.load(); }

  // Peers: called by any worker.
  std::uint32_t count() const override { return workers_wanted; }
  void post(std::uint32_t worker, std::function<void(data::session::Registry&)> task) override {
    workers[worker]->post(std::move(task));
  }

  // Couriers: called by any worker.
  void to_hub(std::function<void(data::pubsub::Hub&)> task) override {
    workers.front()->post_to_hub(std::move(task));
  }
  void to_worker(std::uint32_t worker, std::function<void(data::pubsub::Fanout&)> task) override {
    workers[worker]->post_to_fanout(std::move(task));
  }
  std::uint32_t worker_count() const override { return workers_wanted; }

  int run() {
    raise_descriptor_limit(options.config.listen.max_clients);
    for (std::uint32_t i = 0; i < workers_wanted; ++i)
      workers.push_back(std::make_unique<Worker>(i, shared, Worker::Ways{*this, *this, *this}));
    for (const auto& worker : workers) worker->listen(workers.front()->port());

    control::ControlPlane control({options.config, upstream, options.version, options.revision},
                                  *this, topology, traffic, refresh, &learned);
    control.start();
    await_first_probe();
    for (const auto& worker : workers) worker->start();
    listening = true;
    logging::info("pillion " + options.version + " serves " + where() + " in front of " +
                  upstream.display + " with " + std::to_string(workers_wanted) +
                  (workers_wanted == 1 ? " worker" : " workers"));

    await_signal();
    watch();
    io.run();

    for (const auto& worker : workers) worker->stop();
    control.stop();
    logging::info("stopped");
    return 0;
  }

  /// Clients that connect at once wait in the backlog instead of hearing that nothing is known of
  /// the upstream yet; an upstream that is down is known within milliseconds, or after a moment.
  void await_first_probe() const {
    const auto until = std::chrono::steady_clock::now() + kFirstProbe;
    while (!topology.load()->probed && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(kFirstProbeStep);
    }
  }

  std::string where() const {
    std::string text;
    if (!options.config.listen.address.empty()) {
      text = options.config.listen.address;
      if (text.size() >= 2 && text.compare(text.size() - 2, 2, ":0") == 0) {
        text.replace(text.size() - 1, 1, std::to_string(workers.front()->port()));
      }
    }
    if (!options.config.listen.unix_path.empty()) {
      if (!text.empty()) text += " and ";
      text += options.config.listen.unix_path;
    }
    return text;
  }

  void await_signal() {
    signals.async_wait([this](const boost::system::error_code& ec, int) {
      if (ec) return;
      if (drain_begun.exchange(true)) {
        logging::warn("second signal: stopping without waiting for clients");
        io.stop();
        return;
      }
      logging::info("draining: no new clients, those connected may finish");
      drain_until = std::chrono::steady_clock::now() + options.config.drain_timeout;
      for (const auto& worker : workers) worker->drain();
      await_signal();
    });
  }

  /// What the data plane may not log by itself: link states. And the end of a drain.
  void watch() {
    for (const state::LinkStats& link : link_stats()) {
      const std::string name =
          "fill link of worker " + std::to_string(link.worker) + " to " + link.endpoint;
      std::string& known = link_states[name];
      const std::string state = link.state + (link.reason.empty() ? "" : ": " + link.reason);
      if (state == known || !options.config.cache.enabled) continue;
      const std::string text = name + " is " + state;
      if (link.state == "live") {
        logging::info(text);
      } else if (link.state == "refused") {
        logging::warn(
            text + "; the cache is off until the upstream accepts tracking, commands pass through");
      } else if (known.compare(0, 4, "live") == 0) {
        logging::warn(text + "; what it had cached is dropped, commands pass through");
      } else {
        logging::debug(text);
      }
      known = state;
    }
    if (drain_begun &&
        (shared.clients.load() == 0 || std::chrono::steady_clock::now() >= drain_until)) {
      io.stop();
      return;
    }
    poll.expires_after(kPoll);
    poll.async_wait([this](const boost::system::error_code& ec) {
      if (!ec) watch();
    });
  }

  AppOptions options;
  config::UpstreamTarget upstream;
  std::uint32_t workers_wanted;
  state::Published<state::TopologySnapshot> topology;
  state::Published<state::LearnedCommands> learned;
  state::EndpointTraffic traffic;
  state::RefreshRequests refresh;
  mutable Shared shared;
  std::vector<std::unique_ptr<Worker>> workers;
  boost::asio::io_context io{1};
  boost::asio::signal_set signals;
  boost::asio::steady_timer poll;
  std::map<std::string, std::string> link_states;  // by worker and endpoint
  std::chrono::steady_clock::time_point drain_until;
  std::atomic<bool> drain_begun{false};
  std::atomic<bool> listening{false};
};

App::App(AppOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
App::~App() = default;

int App::run() {
  return impl_->run();
}

}  // namespace pillion
