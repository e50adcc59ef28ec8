// Questions and messages from one client to others, on whatever worker they live.
#include <algorithm>
#include <utility>

#include "proxy/data/session/registry.hpp"

namespace pillion::data::session {

void Registry::post(std::uint32_t worker, std::function<void(Registry&)> task) {
  peers_.post(worker, [task = std::move(task)](Registry& registry) {
    task(registry);
    registry.on_batch_end();
  });
}

std::vector<std::shared_ptr<Client>> Registry::clients() {
  std::vector<std::shared_ptr<Client>> all;
  all.reserve(size_);
  for (const Place& place : places_) {
    if (place.client) all.push_back(place.client);
  }
  return all;
}

std::vector<request::HotKey> Registry::hot_keys() {
  if (hot_keys_ == nullptr) return {};
  return hot_keys_->top(request::HotKeys::kCounters);
}

void Registry::gather(const Requester& to, Ask ask, Done done) {
  const std::uint64_t id = next_gathering_++;
  gatherings_.emplace(id, Gathering{to, peers_.count(), {}, std::move(done)});
  for (std::uint32_t worker = 0; worker < peers_.count(); ++worker) {
    if (worker == worker_) continue;
    post(worker, [ask, id, home = worker_](Registry& other) {
      Gathered part;
      ask(other, part);
      other.post(home,
                 [id, part = std::move(part)](Registry& registry) { registry.collect(id, part); });
    });
  }
  Gathered own;
  ask(*this, own);
  collect(id, std::move(own));
}

void Registry::collect(std::uint64_t gathering, Gathered part) {
  const auto found = gatherings_.find(gathering);
  if (found == gatherings_.end()) return;
  Gathered& all = found->second.found;
  std::move(part.items.begin(), part.items.end(), std::back_inserter(all.items));
  all.places.insert(all.places.end(), part.places.begin(), part.places.end());
  std::move(part.hot_keys.begin(), part.hot_keys.end(), std::back_inserter(all.hot_keys));
  if (--found->second.missing > 0) return;
  Gathering whole = std::move(found->second);
  gatherings_.erase(found);
  Session* session = find(whole.to);
  if (session == nullptr) return;
  whole.done(*session, whole.to.slot, std::move(whole.found));
  mark_dirty(whole.to.session);
}

void Registry::deliver_push(const ClientPlace& to, std::string frame) {
  if (to.worker != worker_) {
    post(to.worker,
         [to, frame = std::move(frame)](Registry& other) { other.deliver_push(to, frame); });
    return;
  }
  Session* session = find(to.name);
  if (session == nullptr) return;
  session->on_redirected_push(frame);
  mark_dirty(to.name.session);
}

void Registry::forget_redirect(const ClientPlace& target, const ClientPlace& source) {
  if (target.worker != worker_) {
    post(target.worker,
         [target, source](Registry& other) { other.forget_redirect(target, source); });
    return;
  }
  if (Session* session = find(target.name)) session->remove_redirect_source(source);
}

void Registry::tell_target_left(const ClientPlace& to, const Requester& target) {
  if (to.worker != worker_) {
    post(to.worker, [to, target](Registry& other) { other.tell_target_left(to, target); });
    return;
  }
  if (Session* session = find(to.name)) session->on_redirect_target_left(target);
}

void Registry::publish_monitor_line(std::string line) {
  for (std::uint32_t worker = 0; worker < peers_.count(); ++worker) {
    if (worker == worker_) continue;
    post(worker, [line](Registry& other) { other.on_monitor_line(line); });
  }
  on_monitor_line(line);
}

void Registry::on_monitor_line(const std::string& line) {
  for (std::size_t i = 0; i < monitors_.size();) {
    const Requester name = monitors_[i];
    Session* session = find(name);
    if (session == nullptr || !session->activity().monitor) {
      monitors_.erase(monitors_.begin() + static_cast<std::ptrdiff_t>(i));
      continue;
    }
    session->on_monitor_line(line);
    service_later(name);
    ++i;
  }
}

}  // namespace pillion::data::session
