// What one client is subscribed to, and how Redis words it. No I/O.
#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/data/pubsub/messages.hpp"

namespace pillion::data::session {

class Subscriptions {
 public:
  /// Of all kinds.
  std::size_t size() const { return total_; }
  bool empty() const { return total_ == 0; }
  std::size_t size(pubsub::Kind kind) const { return of(kind).size(); }

  bool add(pubsub::Kind kind, std::string_view name) {
    const bool added = of(kind).emplace(name).second;
    total_ += added ? 1 : 0;
    return added;
  }
  bool remove(pubsub::Kind kind, std::string_view name);
  bool contains(pubsub::Kind kind, std::string_view name) const { return of(kind).contains(name); }
  std::vector<std::string> names(pubsub::Kind kind) const {
    return {of(kind).begin(), of(kind).end()};
  }
  void clear() {
    for (Names& names : names_) names.clear();
    total_ = 0;
  }

  /// The number that Redis puts behind a (un)subscribe confirmation: channels and patterns count
  /// together, shard channels apart.
  std::size_t reported(pubsub::Kind kind) const;

 private:
  using Names = std::set<std::string, std::less<>>;
  Names& of(pubsub::Kind kind) { return names_[static_cast<std::size_t>(kind)]; }
  const Names& of(pubsub::Kind kind) const { return names_[static_cast<std::size_t>(kind)]; }
  std::array<Names, 3> names_;
  std::size_t total_ = 0;  // asked with every command of a RESP2 client
};

/// One confirmation, e.g. ">3 subscribe news 1"; `name` null: UNSUBSCRIBE of nothing.
void append_confirmation(std::string& out, int protocol, bool subscribed, pubsub::Kind kind,
                         const std::string_view* name, std::size_t count);

}  // namespace pillion::data::session
