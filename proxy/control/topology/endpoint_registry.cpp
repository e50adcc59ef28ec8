#include "proxy/control/topology/endpoint_registry.hpp"

namespace pillion::control {

std::optional<state::EndpointId> EndpointRegistry::take(std::string_view name, state::Nanos now) {
  const auto known = entries_.find(name);
  if (known != entries_.end()) {
    known->second.used = true;
    return known->second.id;
  }
  Entry entry{static_cast<state::EndpointId>(entries_.size()), true, now};
  if (entries_.size() >= most_) {
    auto oldest = entries_.end();
    for (auto it = entries_.begin(); it != entries_.end(); ++it) {
      if (it->second.used || now - it->second.left_at < kRest) continue;
      if (oldest == entries_.end() || it->second.left_at < oldest->second.left_at) oldest = it;
    }
    if (oldest == entries_.end()) return std::nullopt;
    entry.id = oldest->second.id;
    entries_.erase(oldest);
  }
  entries_.emplace(name, entry);
  return entry.id;
}

void EndpointRegistry::keep(const std::set<state::EndpointId>& used, state::Nanos now) {
  for (auto& [name, entry] : entries_) {
    const bool is_used = used.count(entry.id) != 0;
    if (entry.used && !is_used) entry.left_at = now;
    entry.used = is_used;
  }
}

}  // namespace pillion::control
