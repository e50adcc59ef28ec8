// The names of a link: who wants them, what the upstream has, and what is missing.
#include <algorithm>
#include <utility>

#include "protocol/cluster/slot.hpp"
#include "protocol/resp/writer.hpp"
#include "proxy/data/pubsub/link_fsm.hpp"
#include "proxy/data/pubsub/wire.hpp"

namespace pillion::data::pubsub {
namespace {

/// The upstream knows who asks and says no; asking again would not help.
bool is_denial(std::string_view error) {
  return error.starts_with("NOPERM") || error.starts_with("WRONGPASS") ||
         error.starts_with("NOAUTH");
}

/// Why a shard channel is not here; kCount: for no reason that has to do with the layout.
state::RefreshReason layout_reason(std::string_view error) {
  using state::RefreshReason;
  if (error.starts_with("MOVED ")) return RefreshReason::kMoved;
  if (error.starts_with("CLUSTERDOWN")) return RefreshReason::kClusterDown;
  if (error.starts_with("TRYAGAIN")) return RefreshReason::kTryAgain;
  if (error.starts_with("LOADING")) return RefreshReason::kLoading;
  if (error.starts_with("MASTERDOWN")) return RefreshReason::kMasterDown;
  return RefreshReason::kCount;
}

}  // namespace

void LinkFsm::add_members(MemberCounts& counts, std::uint32_t worker, std::uint32_t members) {
  const auto count = std::find_if(counts.begin(), counts.end(),
                                  [&](const auto& pair) { return pair.first == worker; });
  if (count == counts.end()) {
    counts.emplace_back(worker, members);
  } else {
    count->second += members;
  }
}

LinkFsm::Name& LinkFsm::name_of(const NameView& view) {
  auto found = names_.find(view);
  if (found == names_.end()) {
    found = names_.emplace(NameKey(view), Name{}).first;
    found->second.key = &found->first;
  }
  return found->second;
}

void LinkFsm::keep(Name& name) {
  name.refused = false;
  // Requests that wait for the owner of a shard channel go on waiting.
  if (name.waiting.empty()) name.retry_at = 0;
  if (!std::exchange(name.carried_off, false)) return;
  if (name.subscribed) census_.set_linked(options_.identity, *name.key, true, endpoint_);
}

void LinkFsm::subscribe(std::uint32_t worker, Ticket ticket, Kind kind,
                        std::span<const std::string> names, state::Nanos now) {
  const auto asker = std::make_shared<Asker>(Asker{worker, ticket, 1});
  subscribe(asker, kind, names, now);
  finish(asker, {});
}

void LinkFsm::subscribe(const AskerPtr& asker, Kind kind, std::span<const std::string> names,
                        state::Nanos now) {
  std::vector<Item> items;
  for (const std::string& each : names) {
    Name& name = name_of({kind, each});
    add_members(name.counts, asker->worker, 1);
    keep(name);
    items.push_back({&name, asker});
  }
  asker->left += static_cast<std::uint32_t>(items.size());
  idle_since_ = names_.empty() ? now : -1;
  if (items.empty()) {
    fence(asker, now);
  } else if (status_ == Status::kLive) {
    ask(kind, true, items, now);
  } else if (hopeless()) {
    for (const Item& item : items) finish(item.asker, unavailable());
  } else {
    for (const Item& item : items) item.name->waiting.push_back(asker);
  }
}

void LinkFsm::unsubscribe(std::uint32_t worker, Ticket ticket, Kind kind,
                          std::span<const std::string> names, state::Nanos now) {
  const auto asker = std::make_shared<Asker>(Asker{worker, ticket, 1});
  unsubscribe(asker, kind, names, now);
  finish(asker, {});
}

void LinkFsm::unsubscribe(const AskerPtr& asker, Kind kind, std::span<const std::string> names,
                          state::Nanos now) {
  const bool live = status_ == Status::kLive;
  std::vector<Item> items;
  for (const std::string& each : names) {
    const auto found = names_.find(NameView{kind, each});
    if (found == names_.end()) continue;
    Name& name = found->second;
    uncount(asker->worker, name);
    if (live && !name.wanted() && (name.subscribed || name.under_way > 0)) {
      items.push_back({&name, asker});
    } else {
      reconcile(name, now);
    }
  }
  idle_since_ = names_.empty() ? now : -1;
  if (items.empty()) {
    fence(asker, now);
  } else {
    asker->left += static_cast<std::uint32_t>(items.size());
    ask(kind, false, items, now);
  }
}

void LinkFsm::leave(std::uint32_t worker, Kind kind, std::span<const std::string> names,
                    state::Nanos now) {
  std::vector<Item> items;
  for (const std::string& each : names) {
    const auto found = names_.find(NameView{kind, each});
    if (found == names_.end()) continue;
    Name& name = found->second;
    uncount(worker, name);
    if (status_ == Status::kLive && !name.wanted() && (name.subscribed || name.under_way > 0)) {
      items.push_back({&name, nullptr});
    } else {
      reconcile(name, now);
    }
  }
  ask(kind, false, items, now);
  update_idle(now);
}

void LinkFsm::uncount(std::uint32_t worker, Name& name) {
  const auto count = std::find_if(name.counts.begin(), name.counts.end(),
                                  [&](const auto& pair) { return pair.first == worker; });
  if (count == name.counts.end()) return;
  if (--count->second == 0) name.counts.erase(count);
  if (name.wanted()) return;
  name.established = false;
  name.refused = false;
  name.retry_at = 0;
}

void LinkFsm::ask(Kind kind, bool subscribe, std::span<const Item> items, state::Nanos now) {
  while (!items.empty()) {
    std::size_t many = std::min(items.size(), options_.max_names);
    if (options_.by_slot && kind == Kind::kShard) {
      const auto slot_at = [&](std::size_t i) {
        return cluster::slot_of(items[i].name->key->name);
      };
      const std::uint16_t slot = slot_at(0);
      std::size_t same = 1;
      while (same < many && slot_at(same) == slot) ++same;
      many = same;
    }
    const auto some = items.first(many);
    items = items.subspan(many);
    resp::append_array_header(out_, 1 + some.size());
    resp::append_bulk(out_, verb(kind, subscribe));
    Operation operation;
    operation.type = subscribe ? Operation::Type::kSubscribe : Operation::Type::kUnsubscribe;
    operation.kind = kind;
    operation.sent_at = now;
    for (const Item& item : some) {
      ++item.name->under_way;
      resp::append_bulk(out_, item.name->key->name);
      operation.items.push_back(item);
    }
    operations_.push_back(std::move(operation));
  }
}

void LinkFsm::ping(AskerPtr asker, state::Nanos now) {
  Operation operation;
  operation.sent_at = now;
  if (asker) operation.items.push_back({nullptr, std::move(asker)});
  operations_.push_back(std::move(operation));
  resp::append_request(out_, {"PING"});
}

void LinkFsm::fence(const AskerPtr& asker, state::Nanos now) {
  ++asker->left;
  if (status_ == Status::kLive) {
    ping(asker, now);
  } else if (status_ == Status::kBackoff && !worked_) {
    finish(asker, {});
  } else {
    fences_.push_back(asker);
  }
}

void LinkFsm::go_live(state::Nanos now) {
  status_ = Status::kLive;
  live_since_ = now;
  reason_.clear();
  if (was_live_) counters_.pubsub_reconnects.add();
  was_live_ = true;
  std::vector<Item> items[3];
  for (auto entry = names_.begin(); entry != names_.end();) {
    Name& name = entry->second;
    const std::vector<AskerPtr> waiting = std::exchange(name.waiting, {});
    if (!name.wanted()) {
      for (const AskerPtr& asker : waiting) finish(asker, {});
      entry = names_.erase(entry);
      continue;
    }
    std::vector<Item>& of_kind = items[static_cast<std::size_t>(name.key->kind)];
    for (const AskerPtr& asker : waiting) of_kind.push_back({&name, asker});
    if (waiting.empty()) of_kind.push_back({&name, nullptr});
    ++entry;
  }
  for (const Kind kind : {Kind::kChannel, Kind::kPattern, Kind::kShard}) {
    std::vector<Item>& of_kind = items[static_cast<std::size_t>(kind)];
    // Requests of one worker in the order they were made.
    std::stable_sort(of_kind.begin(), of_kind.end(), [](const Item& a, const Item& b) {
      return (a.asker ? a.asker->ticket : 0) < (b.asker ? b.asker->ticket : 0);
    });
    ask(kind, true, of_kind, now);
  }
  for (AskerPtr& asker : std::exchange(fences_, {})) ping(std::move(asker), now);
}

void LinkFsm::reconcile(Name& name, state::Nanos now) {
  if (status_ == Status::kLive && !name.wanted()) {
    for (const AskerPtr& asker : std::exchange(name.waiting, {})) finish(asker, {});
  }
  if (name.under_way > 0 || !name.waiting.empty()) return;
  if (status_ == Status::kLive && name.retry_at == 0) {
    const Item item{&name, nullptr};
    if (name.wanted() && !name.subscribed && !name.refused)
      ask(name.key->kind, true, {&item, 1}, now);
    if (!name.wanted() && name.subscribed) ask(name.key->kind, false, {&item, 1}, now);
  }
  if (!name.wanted() && !name.subscribed && name.under_way == 0) {
    const auto entry = names_.find(NameView(*name.key));
    names_.erase(entry);
  }
}

void LinkFsm::retry_later(Name& name, state::Nanos at) {
  name.retry_at = at;
  next_retry_at_ = next_retry_at_ == 0 ? at : std::min(next_retry_at_, at);
}

void LinkFsm::retry_due(state::Nanos now) {
  if (next_retry_at_ == 0 || now < next_retry_at_) return;
  next_retry_at_ = 0;
  for (auto entry = names_.begin(); entry != names_.end();) {
    Name& name = (entry++)->second;  // reconcile() may take it out
    if (name.retry_at == 0) continue;
    if (now < name.retry_at) {
      next_retry_at_ =
          next_retry_at_ == 0 ? name.retry_at : std::min(next_retry_at_, name.retry_at);
      continue;
    }
    name.retry_at = 0;
    std::vector<Item> items;
    for (AskerPtr& asker : std::exchange(name.waiting, {}))
      items.push_back({&name, std::move(asker)});
    if (items.empty()) {
      reconcile(name, now);
    } else {
      ask(name.key->kind, true, items, now);
    }
  }
}

bool LinkFsm::on_confirmation(const Push& push, state::Nanos now) {
  const bool subscribed = push.type == Push::Type::kSubscribed;
  const auto type = subscribed ? Operation::Type::kSubscribe : Operation::Type::kUnsubscribe;
  Operation* const front = operations_.empty() ? nullptr : &operations_.front();
  const bool expected = front != nullptr && front->type == type && front->kind == push.kind &&
                        front->items[front->next].name->key->name == push.name;
  if (!expected) {
    if (subscribed) return distrust("a confirmation that nobody asked for");
    // The upstream takes a shard channel away when its slot moves.
    const auto found = names_.find(NameView{push.kind, push.name});
    if (found == names_.end()) return true;
    Name& name = found->second;
    set_subscribed(name, false);
    if (name.wanted()) {
      retry_later(name, now + options_.retry_moved);
      sink_.on_doubt(state::RefreshReason::kMoved);
    }
    reconcile(name, now);
    return true;
  }
  const Item item = front->items[front->next++];
  if (front->next == front->items.size()) operations_.pop_front();
  Name& name = *item.name;
  --name.under_way;
  set_subscribed(name, subscribed);
  if (subscribed) {
    name.established = name.wanted();
    name.retry_at = 0;
    for (const AskerPtr& asker : std::exchange(name.waiting, {})) finish(asker, {});
  }
  finish(item.asker, {});
  reconcile(name, now);
  return true;
}

void LinkFsm::on_refusal(const Operation& operation, std::string_view error, state::Nanos now) {
  const bool subscribe = operation.type == Operation::Type::kSubscribe;
  if (operation.items.size() > 1) {
    for (const Item& item : operation.items) {
      --item.name->under_way;
      ask(operation.kind, subscribe, {&item, 1}, now);
    }
    return;
  }
  const Item& item = operation.items.front();
  --item.name->under_way;
  if (subscribe) {
    refused(item, error, now);
  } else {
    // The upstream is busy; the member need not wait for it.
    finish(item.asker, {});
    retry_later(*item.name, now + options_.retry_after);
  }
  reconcile(*item.name, now);
}

void LinkFsm::refused(const Item& item, std::string_view error, state::Nanos now) {
  Name& name = *item.name;
  const state::RefreshReason reason =
      name.key->kind == Kind::kShard ? layout_reason(error) : state::RefreshReason::kCount;
  if (reason != state::RefreshReason::kCount && name.wanted()) {
    if (item.asker) name.waiting.push_back(item.asker);
    retry_later(name, now + options_.retry_moved);
    sink_.on_doubt(reason);
    return;
  }
  finish(item.asker, error);
  if (name.subscribed) return;
  if (!name.established) {
    name.refused = true;
  } else if (is_denial(error)) {
    revoke(name);
  } else {
    retry_later(name, now + options_.retry_after);
  }
}

void LinkFsm::set_subscribed(Name& name, bool subscribed) {
  if (name.subscribed == subscribed) return;
  name.subscribed = subscribed;
  if (!name.carried_off) census_.set_linked(options_.identity, *name.key, subscribed, endpoint_);
  if (subscribed) {
    counters_.pubsub_names.add();
  } else {
    counters_.pubsub_names.sub();
  }
}

void LinkFsm::revoke(Name& name) {
  name.established = false;
  name.refused = true;
  for (const auto& [worker, members] : name.counts) {
    Event event;
    event.type = Event::Type::kRevoked;
    event.kind = name.key->kind;
    event.name = name.key->name;
    add_event(worker, std::move(event));
  }
}

bool LinkFsm::hopeless() const {
  return status_ == Status::kBackoff && !worked_ && (!options_.patient || is_denial(reason_));
}

void LinkFsm::give_up_names() {
  const std::string error = unavailable();
  const bool denied = is_denial(reason_);
  for (auto& [key, name] : names_) {
    for (const AskerPtr& asker : std::exchange(name.waiting, {})) finish(asker, error);
    if (denied && name.established) revoke(name);
  }
  for (const AskerPtr& asker : std::exchange(fences_, {})) finish(asker, {});
}

void LinkFsm::release_connection() {
  RingQueue<Operation> lost = std::exchange(operations_, {});
  for (std::size_t i = 0; i < lost.size(); ++i) {
    Operation& operation = lost[i];
    const bool subscribe = operation.type == Operation::Type::kSubscribe;
    for (std::size_t at = operation.next; at < operation.items.size(); ++at) {
      const Item& item = operation.items[at];
      if (subscribe && item.asker) {
        item.name->waiting.push_back(item.asker);
      } else if (item.asker && --item.asker->left == 0) {
        // What was to end has ended; it is told behind what was asked for before.
        item.asker->left = 1;
        fences_.push_back(item.asker);
      }
    }
  }
  next_retry_at_ = 0;
  for (auto entry = names_.begin(); entry != names_.end();) {
    Name& name = entry->second;
    set_subscribed(name, false);
    name.under_way = 0;
    name.refused = false;
    name.retry_at = 0;
    if (name.wanted() || !name.waiting.empty()) {
      ++entry;
    } else {
      entry = names_.erase(entry);
    }
  }
}

}  // namespace pillion::data::pubsub
