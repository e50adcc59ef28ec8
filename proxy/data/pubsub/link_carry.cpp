// Names that go from one link to another, as their slot does.
#include <unordered_map>
#include <utility>

#include "proxy/data/pubsub/link_fsm.hpp"

namespace pillion::data::pubsub {

std::vector<CarriedName> LinkFsm::take(const std::function<bool(const NameView&)>& which,
                                       state::Nanos now) {
  std::vector<CarriedName> taken;
  std::unordered_map<const Name*, std::size_t> places;
  std::vector<Name*> left;
  for (auto& [key, name] : names_) {
    if ((!name.wanted() && name.waiting.empty()) || !which(key)) continue;
    places.emplace(&name, taken.size());
    taken.push_back({key, std::exchange(name.counts, {}), std::exchange(name.established, false),
                     std::exchange(name.waiting, {})});
    left.push_back(&name);
  }
  if (taken.empty()) return taken;
  for (std::size_t i = 0; i < operations_.size(); ++i) {
    Operation& operation = operations_[i];
    if (operation.type != Operation::Type::kSubscribe) continue;
    for (std::size_t at = operation.next; at < operation.items.size(); ++at) {
      Item& item = operation.items[at];
      const auto place = places.find(item.name);
      if (place != places.end() && item.asker)
        taken[place->second].waiting.push_back(std::exchange(item.asker, nullptr));
    }
  }
  std::vector<Item> ended;
  for (Name* const name : left) {
    if (name->subscribed && !name->carried_off)
      census_.set_linked(options_.identity, *name->key, false, endpoint_);
    name->carried_off = true;
    name->refused = false;
    name->retry_at = 0;
    if (status_ == Status::kLive && (name->subscribed || name->under_way > 0)) {
      ended.push_back({name, nullptr});
    } else {
      reconcile(*name, now);
    }
  }
  ask(Kind::kShard, false, ended, now);
  update_idle(now);
  return taken;
}

void LinkFsm::put(std::vector<CarriedName> names, state::Nanos now) {
  std::vector<Item> items;
  for (CarriedName& carried : names) {
    Name& name = name_of(carried.key);
    for (const auto& [worker, members] : carried.counts) add_members(name.counts, worker, members);
    keep(name);
    name.established = name.established || carried.established;
    if (status_ != Status::kLive) {
      for (AskerPtr& asker : carried.waiting) {
        if (hopeless()) {
          finish(asker, unavailable());
        } else {
          name.waiting.push_back(std::move(asker));
        }
      }
      continue;
    }
    for (AskerPtr& asker : carried.waiting) items.push_back({&name, std::move(asker)});
    if (carried.waiting.empty() && !name.subscribed && name.under_way == 0)
      items.push_back({&name, nullptr});
  }
  ask(Kind::kShard, true, items, now);
  update_idle(now);
}

}  // namespace pillion::data::pubsub
