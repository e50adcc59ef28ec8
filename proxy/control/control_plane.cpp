#include "proxy/control/control_plane.hpp"

#include <pthread.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <exception>
#include <random>
#include <thread>
#include <utility>

#include "proxy/control/admin/admin_address.hpp"
#include "proxy/control/admin/routes.hpp"
#include "proxy/control/admin/server.hpp"
#include "proxy/control/health/checker.hpp"
#include "proxy/control/metrics/collector.hpp"
#include "proxy/control/topology/command_learner.hpp"
#include "proxy/control/topology/publisher.hpp"
#include "proxy/control/topology/standalone.hpp"
#include "proxy/logging/log.hpp"

namespace pillion::control {
namespace {

/// A server slower than this to a PING is not healthy, whatever commands may take.
constexpr config::Millis kLongestProbe{1'000};

state::Nanos nanos(config::Millis span) {
  return std::chrono::nanoseconds(span).count();
}

HealthChecker::Settings health_settings(const ControlPlaneOptions& options) {
  const config::Upstream& upstream = options.config.upstream;
  HealthChecker::Settings settings;
  settings.fsm.interval = nanos(upstream.health_interval);
  settings.fsm.connect_timeout = nanos(upstream.connect_timeout);
  settings.fsm.probe_timeout = nanos(std::min(upstream.command_timeout, kLongestProbe));
  settings.fsm.has_credentials =
      !options.upstream.user.empty() || !options.upstream.password.empty();
  settings.fsm.seed = std::random_device()();
  settings.user = options.upstream.user;
  settings.password = options.upstream.password;
  return settings;
}

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
       state::Published<state::TopologySnapshot>& topology,
       state::Published<state::LearnedCommands>* learned)
      : options(std::move(given)),
        work(io.get_executor()),
        publisher(topology),
        learner(io, learner_settings(options), publisher, learned),
        checker(
            io, health_settings(options), publisher, [this] { discovery.refresh(); },
            [this] { learner.on_new_run(); }),
        discovery(io, options.upstream, publisher, [this] { checker.on_endpoint(); }),
        collector({data_plane, topology, options.config, options.version, options.revision}),
        routes({data_plane, topology, [this] { return collector.text(); },
                admin_host(options.config)}),
        server(io, routes) {}

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
  HealthChecker checker;
  Standalone discovery;
  Collector collector;
  Routes routes;
  AdminServer server;
  std::thread thread;
};

ControlPlane::ControlPlane(ControlPlaneOptions options, state::DataPlaneOps& data_plane,
                           state::Published<state::TopologySnapshot>& topology,
                           state::Published<state::LearnedCommands>* learned)
    : impl_(std::make_unique<Impl>(std::move(options), data_plane, topology, learned)) {}

ControlPlane::~ControlPlane() {
  stop();
}

void ControlPlane::start() {
  const std::string& text = impl_->options.config.admin.address;
  if (!text.empty()) {
    const config::Address address = admin_address(text);
    impl_->server.listen(address.host, address.port);
  }
  impl_->discovery.start();
  impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
}

void ControlPlane::stop() {
  impl_->io.stop();
  if (!impl_->thread.joinable()) return;
  impl_->thread.join();
  // The thread is gone: what it owned may be closed from here.
  impl_->server.stop();
  impl_->discovery.stop();
  impl_->checker.stop();
  impl_->learner.stop();
}

std::uint16_t ControlPlane::admin_port() const {
  return impl_->server.port();
}

}  // namespace pillion::control
