// The names of a link: who wants them, what the upstream has, and what is missing.
#include <algorithm>
#include <utility>

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

}  // namespace

LinkFsm::Name& LinkFsm::name_of(const NameView& view) {
  auto found = names_.find(view);
  if (found == names_.end()) {
    found = names_.emplace(NameKey(view), Name{}).first;
    found->second.key = &found->first;
  }
  return found->second;
}

void LinkFsm::subscribe(std::uint32_t worker, Ticket ticket, Kind kind,
                        std::span<const std::string> names, state::Nanos now) {
  const auto asker =
      std::make_shared<Asker>(Asker{worker, ticket, static_cast<std::uint32_t>(names.size()), {}});
  std::vector<Item> items;
  for (const std::string& each : names) {
    Name& name = name_of({kind, each});
    const auto count = std::find_if(name.counts.begin(), name.counts.end(),
                                    [&](const auto& pair) { return pair.first == worker; });
    if (count == name.counts.end()) {
      name.counts.emplace_back(worker, 1U);
    } else {
      ++count->second;
    }
    name.refused = false;
    name.retry_at = 0;
    items.push_back({&name, asker});
  }
  idle_since_ = names_.empty() ? now : -1;
  if (items.empty()) {
    fence(asker, now);
  } else if (status_ == Status::kLive) {
    ask(kind, true, items, now);
  } else if (status_ == Status::kBackoff && !worked_) {
    settle(worker, ticket, unavailable());
  } else {
    for (const Item& item : items) item.name->waiting.push_back(asker);
  }
}

void LinkFsm::unsubscribe(std::uint32_t worker, Ticket ticket, Kind kind,
                          std::span<const std::string> names, state::Nanos now) {
  const bool live = status_ == Status::kLive;
  const auto asker = std::make_shared<Asker>(Asker{worker, ticket, 1, {}});
  std::vector<Item> items;
  for (const std::string& each : names) {
    const auto found = names_.find(NameView{kind, each});
    if (found == names_.end()) continue;
    Name& name = found->second;
    uncount(worker, name);
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
    asker->left = static_cast<std::uint32_t>(items.size());
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
    const auto some = items.first(std::min(items.size(), options_.max_names));
    items = items.subspan(some.size());
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

void LinkFsm::fence(AskerPtr asker, state::Nanos now) {
  asker->left = 1;
  if (status_ == Status::kLive) {
    ping(std::move(asker), now);
  } else if (status_ == Status::kBackoff && !worked_) {
    finish(asker, {});
  } else {
    fences_.push_back(std::move(asker));
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

void LinkFsm::retry_later(Name& name, state::Nanos now) {
  name.retry_at = now + options_.retry_after;
  if (next_retry_at_ == 0) next_retry_at_ = name.retry_at;
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
    reconcile(name, now);
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
    if (name.wanted()) retry_later(name, now);
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
    retry_later(*item.name, now);
  }
  reconcile(*item.name, now);
}

void LinkFsm::refused(const Item& item, std::string_view error, state::Nanos now) {
  finish(item.asker, error);
  Name& name = *item.name;
  if (name.subscribed) return;
  if (!name.established) {
    name.refused = true;
  } else if (is_denial(error)) {
    revoke(name);
  } else {
    retry_later(name, now);
  }
}

void LinkFsm::set_subscribed(Name& name, bool subscribed) {
  if (name.subscribed == subscribed) return;
  name.subscribed = subscribed;
  census_.set_linked(options_.identity, *name.key, subscribed);
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
