#include "proxy/data/pubsub/census.hpp"

#include <algorithm>

#include "protocol/glob.hpp"

namespace pillion::data::pubsub {

template <class Change>
void Census::change(const IdentityPtr& who, const NameView& name, const Change& apply) {
  const std::lock_guard lock(mutex_);
  NameMap<Sides>& map = name.kind == Kind::kPattern ? patterns_ : channels_;
  auto found = map.find(name);
  if (found == map.end()) found = map.emplace(NameKey(name), Sides{}).first;
  Sides& sides = found->second;
  auto side =
      std::find_if(sides.begin(), sides.end(), [&](const Side& s) { return *s.who == *who; });
  if (side == sides.end()) side = sides.insert(sides.end(), Side{who});
  apply(*side);
  if (side->members == 0 && !side->linked) sides.erase(side);
  if (sides.empty()) map.erase(found);
  names_.store(channels_.size() + patterns_.size(), std::memory_order_relaxed);
}

void Census::add_members(const IdentityPtr& who, const NameView& name, std::int64_t change_by) {
  change(who, name, [&](Side& side) { side.members += change_by; });
}

void Census::set_linked(const IdentityPtr& who, const NameView& name, bool linked,
                        state::EndpointId at) {
  change(who, name, [&](Side& side) {
    side.linked = linked;
    side.at = at;
  });
}

std::int64_t Census::correction(const Sides& sides, state::EndpointId asked) {
  std::int64_t sum = 0;
  for (const Side& side : sides) {
    if (!side.linked) continue;
    const bool counted =
        asked == state::kNoEndpoint || side.at == state::kNoEndpoint || side.at == asked;
    sum += side.members - (counted ? 1 : 0);
  }
  return sum;
}

std::int64_t Census::correction(const NameView& name, state::EndpointId asked) const {
  const auto found = channels_.find(name);
  return found == channels_.end() ? 0 : correction(found->second, asked);
}

std::int64_t Census::publish_correction(std::string_view channel, state::EndpointId asked) const {
  const std::lock_guard lock(mutex_);
  std::int64_t sum = correction(NameView{Kind::kChannel, channel}, asked);
  for (const auto& [pattern, sides] : patterns_) {
    if (protocol::glob_match(pattern.name, channel)) sum += correction(sides, asked);
  }
  return sum;
}

std::int64_t Census::channel_correction(std::string_view channel) const {
  const std::lock_guard lock(mutex_);
  return correction(NameView{Kind::kChannel, channel}, state::kNoEndpoint);
}

std::int64_t Census::shard_correction(std::string_view channel, state::EndpointId asked) const {
  const std::lock_guard lock(mutex_);
  return correction(NameView{Kind::kShard, channel}, asked);
}

}  // namespace pillion::data::pubsub
