#include "proxy/control/control_plane.hpp"

#include <pthread.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <exception>
#include <mutex>
#include <random>
#include <thread>
#include <utility>

#include "config/hosts.hpp"
#include "proxy/control/admin/admin_address.hpp"
#include "proxy/control/admin/routes.hpp"
#include "proxy/control/admin/server.hpp"
#include "proxy/control/health/watch.hpp"
#include "proxy/control/metrics/collector.hpp"
#include "proxy/control/topology/cluster.hpp"
#include "proxy/control/topology/command_learner.hpp"
#include "proxy/control/topology/publisher.hpp"
#include "proxy/control/topology/sentinel.hpp"
#include "proxy/control/topology/standalone.hpp"
#include "proxy/logging/log.hpp"

namespace pillion::control {
namespace {

/// A server slower than this to a PING is not healthy, whatever commands may take.
constexpr config::Millis kLongestProbe{1'000};
constexpr config::Millis kShortestProbe{100};

state::Nanos nanos(config::Millis span) {
  return std::chrono::nanoseconds(span).count();
}

/// How often servers are probed where replicas serve: a lag is seen with a quarter of what is
/// allowed to spare, and a server that is gone within a second.
state::Nanos replicated_interval(const config::Config& config) {
  constexpr config::Millis kLongest{1'000};
  constexpr config::Millis kLeast{50};
  return nanos(std::min(
      {config.upstream.health_interval, kLongest, std::max(config.reads.max_lag / 4, kLeast)}));
}

Watch::Settings watch_settings(const ControlPlaneOptions& options) {
  const config::Upstream& upstream = options.config.upstream;
  const config::Reads& reads = options.config.reads;
  Watch::Settings settings;
  settings.dns_refresh = nanos(upstream.dns_refresh);

  HealthChecker::Settings& primary = settings.primary;
  primary.fsm.interval = options.upstream.kind == config::UpstreamKind::kStandalone
                             ? nanos(upstream.health_interval)
                             : replicated_interval(options.config);
  primary.fsm.connect_timeout = nanos(upstream.connect_timeout);
  primary.fsm.probe_timeout = nanos(std::min(upstream.command_timeout, kLongestProbe));
  primary.fsm.has_credentials =
      !options.upstream.user.empty() || !options.upstream.password.empty();
  primary.fsm.seed = std::random_device()();
  primary.user = options.upstream.user;
  primary.password = options.upstream.password;

  settings.replica = primary.fsm;
  // A replica that is slower than reads may wait for is no use to them.
  settings.replica.probe_timeout =
      std::min(settings.replica.probe_timeout, nanos(std::max(reads.timeout, kShortestProbe)));
  settings.replica.rise = reads.health_rise;
  settings.replica.fall = reads.health_fall;

  settings.roster.rotation = {nanos(reads.max_lag), nanos(reads.slow_start), reads.health_rise};
  settings.roster.fall = reads.health_fall;
  settings.roster.zone = reads.zone;
  auto zones = config::parse_zones(reads.zones);
  if (auto* labels = std::get_if<std::vector<std::pair<std::string, std::string>>>(&zones)) {
    settings.roster.zones = std::move(*labels);
  }
  settings.roster.display = options.upstream.display;
  return settings;
}

Interview::Settings interview_settings(const config::Upstream& upstream, std::string user,
                                       std::string password) {
  Interview::Settings settings;
  settings.user = std::move(user);
  settings.password = std::move(password);
  settings.connect_timeout = nanos(std::min(upstream.connect_timeout, kLongestProbe));
  settings.answer_timeout = nanos(std::min(upstream.command_timeout, kLongestProbe));
  return settings;
}

std::unique_ptr<Discovery> make_discovery(boost::asio::io_context& io,
                                          const ControlPlaneOptions& options, LayoutSink& sink) {
  const config::Upstream& upstream = options.config.upstream;
  const config::UpstreamTarget& target = options.upstream;
  const auto servers = interview_settings(upstream, target.user, target.password);
  switch (target.kind) {
    case config::UpstreamKind::kSentinel: {
      Sentinel::Settings settings;
      settings.fsm = {target.seeds, target.master, nanos(upstream.topology_refresh)};
      settings.sentinels =
          interview_settings(upstream, target.sentinel_user, target.sentinel_password);
      settings.servers = servers;
      settings.dns_refresh = nanos(upstream.dns_refresh);
      return std::make_unique<Sentinel>(io, std::move(settings), sink);
    }
    case config::UpstreamKind::kCluster: {
      Cluster::Settings settings;
      settings.fsm = {target.seeds, nanos(upstream.topology_refresh)};
      settings.nodes = servers;
      settings.dns_refresh = nanos(upstream.dns_refresh);
      return std::make_unique<Cluster>(io, std::move(settings), sink);
    }
    case config::UpstreamKind::kStandalone:
    case config::UpstreamKind::kReplicated:
      break;
  }
  return std::make_unique<Standalone>(target, sink);
}

/// What a data plane that asks for a refresh calls, from any thread: also one that outlives us.
class Wake {
 public:
  explicit Wake(boost::asio::io_context& io) : io_(&io) {}

  void post(std::function<void()> task) {
    const std::lock_guard lock(mutex_);
    if (io_ != nullptr) boost::asio::post(*io_, std::move(task));
  }
  void end() {
    const std::lock_guard lock(mutex_);
    io_ = nullptr;
  }

 private:
  std::mutex mutex_;
  boost::asio::io_context* io_;
};

CommandLearner::Settings learner_settings(const ControlPlaneOptions& options) {
  CommandLearner::Settings settings;
  settings.user = options.upstream.user;
  settings.password = options.upstream.password;
  settings.connect_timeout = nanos(options.config.upstream.connect_timeout);
  return settings;
}

std::string admin_host(const config::Config& config) {
  return config.admin.address.empty() ? std::string() : admin_address(config.admin.address).host;
}

}  // namespace

// Everything below `io` uses it and is destroyed before it; the thread is joined before either.
struct ControlPlane::Impl {
  Impl(ControlPlaneOptions given, state::DataPlaneOps& data_plane,
       state::Published<state::TopologySnapshot>& topology, const state::EndpointTraffic& traffic,
       state::RefreshRequests& requests, state::Published<state::LearnedCommands>* learned)
      : options(std::move(given)),
        work(io.get_executor()),
        publisher(topology),
        learner(io, learner_settings(options), publisher, learned),
        watch(io, watch_settings(options), traffic, publisher, [this] { learner.on_new_run(); }),
        discovery(make_discovery(io, options, watch)),
        wake(std::make_shared<Wake>(io)),
        collector({data_plane, topology, traffic, requests, options.config, options.version,
                   options.revision}),
        routes({data_plane, topology, traffic, [this] { return collector.text(); },
                admin_host(options.config)}),
        server(io, routes) {
    watch.follow(*discovery);
    requests.on_request([wake = wake, this, &requests] {
      wake->post([this, &requests] {
        requests.take();
        watch.refresh();
        discovery->refresh();
      });
    });
  }
  ~Impl() { wake->end(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void run() {
    ::pthread_setname_np(::pthread_self(), "pillion-control");
    while (!io.stopped()) {
      try {
        io.run();
      } catch (const std::exception& unexpected) {
        // One handler's failure must not end health checks and the admin port for all.
        logging::error(std::string("control plane: ") + unexpected.what());
      }
    }
  }

  ControlPlaneOptions options;
  boost::asio::io_context io{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work;
  TopologyPublisher publisher;
  CommandLearner learner;
  Watch watch;
  std::unique_ptr<Discovery> discovery;
  std::shared_ptr<Wake> wake;
  Collector collector;
  Routes routes;
  AdminServer server;
  std::thread thread;
};

ControlPlane::ControlPlane(ControlPlaneOptions options, state::DataPlaneOps& data_plane,
                           state::Published<state::TopologySnapshot>& topology,
                           const state::EndpointTraffic& traffic, state::RefreshRequests& refresh,
                           state::Published<state::LearnedCommands>* learned)
    : impl_(std::make_unique<Impl>(std::move(options), data_plane, topology, traffic, refresh,
                                   learned)) {}

ControlPlane::~ControlPlane() {
  stop();
}

void ControlPlane::start() {
  const std::string& text = impl_->options.config.admin.address;
  if (!text.empty()) {
    const config::Address address = admin_address(text);
    impl_->server.listen(address.host, address.port);
  }
  impl_->discovery->start();
  impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
}

void ControlPlane::stop() {
  impl_->io.stop();
  if (!impl_->thread.joinable()) return;
  impl_->thread.join();
  // The thread is gone: what it owned may be closed from here.
  impl_->server.stop();
  impl_->discovery->stop();
  impl_->watch.stop();
  impl_->learner.stop();
}

std::uint16_t ControlPlane::admin_port() const {
  return impl_->server.port();
}

}  // namespace pillion::control
