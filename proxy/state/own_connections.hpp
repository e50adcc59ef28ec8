// Addresses of this process's own upstream connections, as the upstream sees them: so that MONITOR
// can leave out what Pillion asks for itself. The latest that ended are remembered: what they said
// may still be on its way. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace pillion::state {

class OwnConnections {
 public:
  enum class Role : std::uint8_t {
    kNone,      // not ours
    kLane,      // carries clients' commands, and a few of ours: a handshake, PINGs with a number
    kInternal,  // carries none, or such as are shown where they were asked
  };

  /// Keeps an address known as long as it lives.
  class Entry {
   public:
    Entry() = default;
    Entry(OwnConnections& all, std::string address, Role role)
        : all_(&all), address_(std::move(address)) {
      const std::lock_guard lock(all.mutex_);
      all.roles_[address_] = role;
      ++all.known_[address_];
    }
    Entry(Entry&& other) noexcept
        : all_(std::exchange(other.all_, nullptr)), address_(std::move(other.address_)) {}
    Entry& operator=(Entry&& other) noexcept {
      if (this == &other) return *this;
      drop();
      all_ = std::exchange(other.all_, nullptr);
      address_ = std::move(other.address_);
      return *this;
    }
    ~Entry() { drop(); }

   private:
    void drop() {
      if (all_ == nullptr) return;
      const std::lock_guard lock(all_->mutex_);
      all_->forget(address_);
      all_ = nullptr;
    }
    OwnConnections* all_ = nullptr;
    std::string address_;
  };

  Role role_of(std::string_view address) const {
    const std::lock_guard lock(mutex_);
    const auto found = roles_.find(address);
    return found == roles_.end() ? Role::kNone : found->second;
  }

 private:
  static constexpr std::size_t kRemembered = 256;

  /// Locked.
  void forget(const std::string& address) {
    ended_.push_back(address);
    if (ended_.size() <= kRemembered) return;
    // Unless the address has a new connection meanwhile, which is forgotten in its turn.
    const std::string oldest = std::move(ended_.front());
    ended_.pop_front();
    if (--known_[oldest] > 0) return;
    known_.erase(oldest);
    roles_.erase(oldest);
  }

  mutable std::mutex mutex_;
  std::map<std::string, Role, std::less<>> roles_;
  std::map<std::string, std::uint32_t, std::less<>> known_;  // entries and remembered ones
  std::deque<std::string> ended_;                            // oldest first
};

/// One per process, as the addresses are.
inline OwnConnections& own_connections() {
  static OwnConnections all;
  return all;
}

}  // namespace pillion::state
