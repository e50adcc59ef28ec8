#include "proxy/control/topology/standalone.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <utility>

#include "proxy/logging/log.hpp"

namespace pillion::control {
namespace {

constexpr state::Nanos kEvery = 30 * state::kSecond;
constexpr state::Nanos kAtMostEvery = state::kSecond;

}  // namespace

struct Standalone::Timer {
  explicit Timer(boost::asio::io_context& io) : timer(io) {}
  boost::asio::steady_timer timer;
};

Standalone::Standalone(boost::asio::io_context& io, const config::UpstreamTarget& target,
                       TopologyPublisher& publisher, std::function<void()> on_addresses)
    : target_(target),
      publisher_(publisher),
      on_addresses_(std::move(on_addresses)),
      lookup_(io),
      timer_(std::make_unique<Timer>(io)) {}

Standalone::~Standalone() = default;

void Standalone::start() {
  boost::system::error_code not_numeric;
  const auto address = boost::asio::ip::make_address(target_.host, not_numeric);
  fixed_ = !target_.unix_path.empty() || !not_numeric;
  publisher_.update([&](state::TopologySnapshot& snapshot) {
    snapshot.primary = {target_.display, target_.unix_path, {}, target_.port};
    if (!target_.unix_path.empty()) return;
    if (fixed_) {
      snapshot.primary.addresses = {address.to_string()};
    } else {
      snapshot.resolve_error = "'" + target_.host + "' is not resolved yet";
    }
  });
  if (fixed_) {
    on_addresses_();
  } else {
    look_up();
  }
}

void Standalone::refresh() {
  if (!fixed_ && state::now() - looked_up_at_ >= kAtMostEvery) look_up();
}

void Standalone::stop() {
  timer_->timer.cancel();
}

void Standalone::look_up() {
  looked_up_at_ = state::now();
  schedule(kEvery);
  lookup_.start(target_.host, target_.port,
                [this](LookupResult result) { on_result(std::move(result)); });
}

void Standalone::on_result(LookupResult result) {
  const auto& known = publisher_.current();
  const bool had_addresses = !known.primary.addresses.empty();
  if (result.addresses.empty()) {
    if (had_addresses) {
      logging::warn(result.error + "; keeping the addresses known so far");
    } else {
      if (known.resolve_error != result.error) logging::warn(result.error);
      publisher_.update(
          [&](state::TopologySnapshot& snapshot) { snapshot.resolve_error = result.error; });
      schedule(kAtMostEvery);
    }
    return;
  }
  if (known.primary.addresses == result.addresses) return;
  publisher_.update([&](state::TopologySnapshot& snapshot) {
    snapshot.primary.addresses = std::move(result.addresses);
    snapshot.resolve_error.clear();
  });
  if (had_addresses) logging::info("upstream " + target_.display + " has another address now");
  on_addresses_();
}

void Standalone::schedule(state::Nanos after) {
  timer_->timer.expires_after(std::chrono::nanoseconds(after));
  timer_->timer.async_wait([this](const boost::system::error_code& stopped) {
    if (!stopped) look_up();
  });
}

}  // namespace pillion::control
