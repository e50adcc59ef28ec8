#include "proxy/control/topology/address_book.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <limits>
#include <utility>

#include "proxy/logging/log.hpp"

namespace pillion::control {
namespace {

constexpr state::Nanos kAtMostEvery = state::kSecond;

}  // namespace

struct AddressBook::Entry {
  explicit Entry(boost::asio::io_context& io) : lookup(io) {}

  Addresses addresses;
  Lookup lookup;
  bool fixed = false;  // nothing to resolve
  state::Nanos looked_up_at = 0;
  state::Nanos due_at = 0;
};

struct AddressBook::Timer {
  explicit Timer(boost::asio::io_context& io) : timer(io) {}
  boost::asio::steady_timer timer;
};

AddressBook::AddressBook(boost::asio::io_context& io, state::Nanos refresh,
                         std::function<void(const std::string&)> on_change)
    : io_(io),
      refresh_(refresh),
      on_change_(std::move(on_change)),
      timer_(std::make_unique<Timer>(io)) {}

AddressBook::~AddressBook() = default;

const AddressBook::Addresses& AddressBook::want(const std::string& host) {
  auto& entry = entries_[host];
  if (entry) return entry->addresses;
  entry = std::make_unique<Entry>(io_);
  boost::system::error_code not_numeric;
  const auto address = boost::asio::ip::make_address(host, not_numeric);
  entry->fixed = !not_numeric;
  if (entry->fixed) {
    entry->addresses.list = {address.to_string()};
  } else {
    entry->addresses.error = "'" + host + "' is not resolved yet";
    entry->addresses.pending = true;
    look_up(host, *entry);
    schedule();
  }
  return entry->addresses;
}

state::Endpoint AddressBook::endpoint(const std::string& name, const std::string& host,
                                      std::uint16_t port) {
  state::Endpoint result;
  result.name = name;
  result.addresses = want(host).list;
  result.port = port;
  return result;
}

void AddressBook::keep(const std::set<std::string>& hosts) {
  for (auto it = entries_.begin(); it != entries_.end();) {
    it = hosts.count(it->first) != 0 ? std::next(it) : entries_.erase(it);
  }
}

void AddressBook::refresh(const std::string& host) {
  const auto found = entries_.find(host);
  if (found == entries_.end()) return;
  Entry& entry = *found->second;
  if (entry.fixed || state::now() - entry.looked_up_at < kAtMostEvery) return;
  look_up(host, entry);
  schedule();
}

void AddressBook::stop() {
  timer_->timer.cancel();
}

void AddressBook::look_up(const std::string& host, Entry& entry) {
  entry.looked_up_at = state::now();
  entry.due_at = entry.looked_up_at + (entry.addresses.list.empty() ? kAtMostEvery : refresh_);
  entry.lookup.start(host, 0,
                     [this, host](LookupResult result) { on_result(host, std::move(result)); });
}

void AddressBook::on_result(const std::string& host, LookupResult result) {
  const auto found = entries_.find(host);
  if (found == entries_.end()) return;
  Entry& entry = *found->second;
  Addresses& known = entry.addresses;
  known.pending = false;
  if (result.addresses.empty()) {
    if (!known.list.empty()) {
      logging::warn(result.error + "; keeping the addresses known so far");
      return;
    }
    if (known.error == result.error) return;
    logging::warn(result.error);
    known.error = std::move(result.error);
    return on_change_(host);
  }
  entry.due_at = entry.looked_up_at + refresh_;
  if (known.list == result.addresses) return;
  if (!known.list.empty()) logging::info("'" + host + "' has another address now");
  known.list = std::move(result.addresses);
  known.error.clear();
  on_change_(host);
}

void AddressBook::on_timer() {
  const state::Nanos now = state::now();
  for (auto& [host, entry] : entries_) {
    if (!entry->fixed && entry->due_at <= now) look_up(host, *entry);
  }
  schedule();
}

void AddressBook::schedule() {
  state::Nanos next = std::numeric_limits<state::Nanos>::max();
  for (const auto& [host, entry] : entries_) {
    if (!entry->fixed) next = std::min(next, entry->due_at);
  }
  if (next == std::numeric_limits<state::Nanos>::max()) return;
  timer_->timer.expires_after(
      std::chrono::nanoseconds(std::max<state::Nanos>(next - state::now(), 0)));
  timer_->timer.async_wait([this](const boost::system::error_code& stopped) {
    if (!stopped) on_timer();
  });
}

}  // namespace pillion::control
