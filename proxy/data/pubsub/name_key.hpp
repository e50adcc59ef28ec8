// What can be subscribed to, as a key of hash maps that are asked with views.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "proxy/data/pubsub/messages.hpp"
#include "proxy/data/upstream/identity.hpp"

namespace pillion::data::pubsub {

using IdentityPtr = std::shared_ptr<const upstream::Identity>;

struct NameView {
  Kind kind;
  std::string_view name;
  friend bool operator==(const NameView&, const NameView&) = default;
};

struct NameKey {
  Kind kind = Kind::kChannel;
  std::string name;

  explicit NameKey(const NameView& view) : kind(view.kind), name(view.name) {}
  operator NameView() const { return {kind, name}; }  // NOLINT(google-explicit-constructor)
};

struct NameHash {
  using is_transparent = void;
  std::size_t operator()(const NameView& key) const {
    return std::hash<std::string_view>{}(key.name) * 3 + static_cast<std::size_t>(key.kind);
  }
};

struct NameEqual {
  using is_transparent = void;
  bool operator()(const NameView& a, const NameView& b) const { return a == b; }
};

/// References to values stay good while others come and go.
template <class Value>
using NameMap = std::unordered_map<NameKey, Value, NameHash, NameEqual>;

}  // namespace pillion::data::pubsub
