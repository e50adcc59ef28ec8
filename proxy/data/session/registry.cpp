#include "proxy/data/session/registry.hpp"

#include <algorithm>
#include <utility>

#include "proxy/state/invariant.hpp"

namespace pillion::data::session {
namespace {

// A fence's number carries the worker that asked, so that any worker can send the answer home.
constexpr unsigned kOriginShift = 48;

Requester name_of(const cache::Waiter& waiter) {
  return {static_cast<std::uint32_t>(waiter.session),
          static_cast<std::uint32_t>(waiter.session >> 32U), waiter.slot};
}

}  // namespace

Requester Registry::reserve() {
  std::uint32_t index = 0;
  if (free_.empty()) {
    index = static_cast<std::uint32_t>(places_.size());
    places_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
  }
  return {index, places_[index].generation, 0};
}

void Registry::add(const Requester& name, std::shared_ptr<Client> client) {
  Place& place = places_[name.session];
  place.session = &client->session();
  place.has_input = true;
  place.client = std::move(client);
  ++size_;
}

void Registry::remove(const Requester& name) {
  Place& place = places_[name.session];
  if (place.generation != name.generation) return;
  ++place.generation;
  withheld_.remove(name.session);
  // Ends last: what the client's end causes must find nobody under this name.
  const auto client = std::exchange(place.client, nullptr);
  place.session = nullptr;
  if (client) --size_;
  free_.push_back(name.session);
}

Session* Registry::find(const Requester& name) {
  if (name.session >= places_.size()) return nullptr;
  Place& place = places_[name.session];
  const bool theirs =
      place.generation == name.generation || !state::holds(state::Invariant::kInv1LateReply);
  return theirs ? place.session : nullptr;
}

void Registry::mark_dirty(std::uint32_t index) {
  Place& place = places_[index];
  if (place.dirty) return;
  place.dirty = true;
  dirty_.push_back(index);
}

void Registry::service_later(const Requester& name) {
  mark_dirty(name.session);
  if (turn_asked_) return;
  turn_asked_ = true;
  turn_end_.add_to_look(own_turn_);
}

void Registry::flush() {
  turn_asked_ = false;
  serve_dirty();
}

void Registry::watch(const Requester& name) {
  Place& place = places_[name.session];
  if (place.watched || place.generation != name.generation) return;
  place.watched = true;
  watched_.push_back(name.session);
}

void Registry::on_ready(std::span<const net::Readiness::Event> events, state::Nanos now) {
  for (const net::Readiness::Event& event : events) {
    const auto index = static_cast<std::uint32_t>(event.token);
    if (index >= places_.size() || places_[index].generation != event.token >> 32U) continue;
    if (const std::shared_ptr<Client> client = places_[index].client) {
      client->on_ready(event.readable, event.writable, event.broken, now);
    }
  }
}

void Registry::on_owners_changed() {
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (!places_[i].client || !places_[i].client->session().on_owners_changed()) continue;
    mark_dirty(static_cast<std::uint32_t>(i));
  }
  on_batch_end();
}

void Registry::on_tick(state::Nanos now) {
  std::vector<std::uint32_t> watched;
  watched.swap(watched_);
  for (const std::uint32_t index : watched) {
    places_[index].watched = false;
    const std::shared_ptr<Client> client = places_[index].client;
    if (!client) continue;
    const Requester name = client->session().name();
    const bool again = client->session().on_tick(now);
    client->service(now, Client::Output::kWritten);
    if (again && places_[index].client == client) watch(name);
  }
}

void Registry::sweep(state::Nanos now) {
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (const std::shared_ptr<Client> client = places_[i].client) client->sweep(now);
  }
}

void Registry::close_quiet(state::Nanos now, state::Nanos silence, bool force) {
  for (std::size_t i = 0; i < places_.size(); ++i) {
    const std::shared_ptr<Client> client = places_[i].client;
    if (!client) continue;
    const Session& session = client->session();
    const bool quiet = session.quiet() && now - session.state().last_command_at >= silence;
    if (force || quiet || session.waits_forever()) client->close(state::DisconnectReason::kDrain);
  }
}

void Registry::on_replies(const Requester& to, const Replies& replies, state::Nanos now) {
  Session* session = find(to);
  if (session == nullptr) return;
  session->on_replies(to.slot, replies, now);
  const Place& place = places_[to.session];
  if (place.session == nullptr) return;  // it has left
  // Who waits for other servers' replies, and has said nothing more, is not served before those.
  const state::Nanos until = place.has_input ? 0 : session->withheld_until(now);
  if (until == 0) {
    mark_dirty(to.session);
  } else if (until != Withheld::kNever) {
    withhold(to.session, until);
  }
}

void Registry::on_refused(const Requester& to, std::string_view frame, std::string_view request) {
  Session* session = find(to);
  if (session == nullptr) return;
  session->on_refused(to, frame, request, state::now());
  mark_dirty(to.session);
}

Flow Registry::on_fragment(const Requester& to, std::string_view bytes, bool last) {
  Session* session = find(to);
  if (session == nullptr) return Flow::kGoOn;
  mark_dirty(to.session);
  const Flow flow = session->on_fragment(to.slot, bytes, last, state::now());
  watch(session->name());
  return flow;
}

void Registry::on_push(const Requester& to, std::string_view frame) {
  Session* session = find(to);
  if (session == nullptr) return;
  session->on_push(to, frame);
  mark_dirty(to.session);
}

void Registry::on_subscription_settled(const Requester& to, std::string_view error) {
  Session* session = find(to);
  if (session == nullptr) return;
  session->on_subscription_settled(to.slot, error);
  mark_dirty(to.session);
}

void Registry::on_messages(const Requester& to, const pubsub::Messages& messages) {
  Session* session = find(to);
  if (session == nullptr) return;
  session->on_messages(messages);
  mark_dirty(to.session);
}

void Registry::on_subscription_revoked(const Requester& to) {
  if (to.session >= places_.size() || places_[to.session].generation != to.generation) return;
  if (const std::shared_ptr<Client> client = places_[to.session].client)
    client->close(state::DisconnectReason::kUpstreamLost);
}

Flow Registry::on_relay(const Requester& to, std::string_view bytes) {
  Session* session = find(to);
  if (session == nullptr) return Flow::kGoOn;
  mark_dirty(to.session);
  const Flow flow = session->on_relay(bytes);
  watch(session->name());
  return flow;
}

void Registry::on_lost(const LostRun& run, const Failure& failure) {
  Session* session = find(run.to);
  if (session == nullptr) return;
  session->on_lost(run, failure, state::now());
  mark_dirty(run.to.session);
}

void Registry::on_relay_lost(const Requester& to) {
  Session* session = find(to);
  if (session == nullptr) return;
  session->on_relay_lost();
  mark_dirty(to.session);
}

void Registry::on_batch_end() {
  serve_dirty();
}

void Registry::serve_dirty() {
  // Serving a client may deliver to others, even end up here again: the outer loop serves them
  // next.
  if (serving_now_) return;
  serving_now_ = true;
  while (!dirty_.empty()) {
    serving_.swap(dirty_);
    const state::Nanos now = state::now();
    for (const std::uint32_t index : serving_) {
      Place& place = places_[index];
      place.dirty = false;
      if (place.session == nullptr) continue;
      const state::Nanos until = place.session->withheld_until(now);
      const bool withheld = until != 0 && until != Withheld::kNever;
      if (withheld) {
        withhold(index, until);
      } else {
        withheld_.remove(index);
      }
      const std::shared_ptr<Client> client = place.client;  // it may leave
      client->service(now, withheld ? Client::Output::kWithheld : Client::Output::kWritten);
      places_[index].has_input = client->has_input();
    }
    serving_.clear();
  }
  serving_now_ = false;
  set_alarm();
}

void Registry::withhold(std::uint32_t index, state::Nanos until) {
  first_until_ = std::min(first_until_, until);
  withheld_.add(index, until);
}

/// Has write_withheld() run by the first deadline, or little later.
void Registry::set_alarm() {
  // Setting a timer costs a call, so one that is set is good for those who come a little earlier.
  constexpr state::Nanos kLittle = 100 * state::kMicrosecond;
  const state::Nanos first = std::exchange(first_until_, Withheld::kNever);
  if (alarm_at_ - kLittle <= first) return;
  alarm_at_ = first;
  turn_end_.after(first - state::now(), [this] { write_withheld(); });
}

void Registry::write_withheld() {
  const state::Nanos now = state::now();
  alarm_at_ = Withheld::kNever;
  withheld_.take_due(now, due_);
  for (const std::uint32_t index : due_) {
    if (const std::shared_ptr<Client> client = places_[index].client)
      client->service(now, Client::Output::kWritten);
  }
  due_.clear();
  serve_dirty();
  first_until_ = withheld_.next();
  set_alarm();
}

void Registry::on_uncongested() {
  for (std::size_t i = 0; i < places_.size(); ++i) {
    if (!places_[i].client || !places_[i].client->session().blocked()) continue;
    places_[i].client->session().on_uncongested();
    mark_dirty(static_cast<std::uint32_t>(i));
  }
  on_batch_end();
}

void Registry::on_fetched(std::span<const cache::Waiter> waiters, const fill::FetchResult& result) {
  std::vector<std::vector<cache::Waiter>> others;
  for (const cache::Waiter& waiter : waiters) {
    if (waiter.worker != worker_) {
      others.resize(peers_.count());
      others[waiter.worker].push_back(waiter);
      continue;
    }
    const Requester to = name_of(waiter);
    Session* session = find(to);
    if (session == nullptr) continue;
    session->on_fetched(to.slot, result, state::now());
    mark_dirty(to.session);
  }
  for (std::uint32_t worker = 0; worker < others.size(); ++worker) {
    if (others[worker].empty()) continue;
    peers_.post(worker, [waiters = std::move(others[worker]), result](Registry& registry) {
      registry.on_fetched(waiters, result);
      registry.on_batch_end();
    });
  }
}

void Registry::start_fence(const Requester& to, cache::LinkId proven) {
  after_fence(
      [this, to] {
        Session* session = find(to);
        if (session == nullptr) return;
        session->on_fenced(to.slot);
        mark_dirty(to.session);
      },
      proven);
}

void Registry::after_fence(std::function<void()> then, cache::LinkId proven) {
  std::vector<std::uint32_t> asked;
  if (link_table_ != nullptr) {
    // What replicas filled cannot be proved by a fence: it is not served until they are past now.
    invalidator_->on_unknown_write(state::now());
    link_table_->for_each([&](cache::LinkId link, std::uint32_t worker) {
      const bool known = std::find(asked.begin(), asked.end(), worker) != asked.end();
      if (!known && link != proven && link_table_->wants_fence(link)) asked.push_back(worker);
    });
  }
  if (asked.empty()) {
    then();
    return;
  }
  const fill::FenceId fence = (std::uint64_t{worker_} << kOriginShift) | next_fence_++;
  fences_[fence] = {std::move(then), static_cast<std::uint32_t>(asked.size())};
  for (const std::uint32_t worker : asked) {
    if (worker == worker_) {
      ask_own_links(fence);
    } else {
      peers_.post(worker, [fence](Registry& registry) { registry.ask_own_links(fence); });
    }
  }
}

void Registry::ask_own_links(fill::FenceId fence) {
  if (links_ != nullptr) {
    // A client waits for it.
    if (busy_poll_ != nullptr) busy_poll_->expect(state::now());
    links_->send_fence(fence, state::now());
  } else {
    on_fence(fence);
  }
}

void Registry::on_fence(fill::FenceId fence) {
  const auto origin = static_cast<std::uint32_t>(fence >> kOriginShift);
  if (origin == worker_) {
    acknowledge(fence);
  } else {
    peers_.post(origin, [fence](Registry& registry) {
      registry.acknowledge(fence);
      registry.on_batch_end();
    });
  }
}

void Registry::acknowledge(fill::FenceId fence) {
  const auto found = fences_.find(fence);
  if (found == fences_.end() || --found->second.missing > 0) return;
  const auto then = std::move(found->second.then);
  fences_.erase(found);
  then();
}

}  // namespace pillion::data::session
