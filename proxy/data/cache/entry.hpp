// One stored reply, and the handle that keeps it alive while it is written to a socket.
//
// An entry is one allocation, so that a hit touches one place and the allocator rounds up once:
//
//      +--------------- 80 bytes ---------------+-----------------+--------------+
//      | links, tags, deadline, generation, ... | argument bytes  | reply bytes  |
//      +----------------------------------------+-----------------+--------------+
//
// Immutable once stored, except for the shard's links and `used` (under the shard's mutex) and
// the reference count: one reference is the shard's, each Pin is another.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include "proxy/data/cache/cache_key.hpp"
#include "proxy/data/cache/link_table.hpp"
#include "proxy/state/clock.hpp"

namespace pillion::cache {

/// What kind of answer an entry holds.
enum class EntryKind : std::uint8_t {
  kReply,     // a RESP3 reply that differs in RESP2
  kPlain,     // a reply with the same bytes in RESP2 and RESP3
  kTooLarge,  // no reply: this variant exceeds max_entry_bytes, go straight upstream
};

/// Layout and accounting are the shard's business; others use reply_of(), kind_of() and Pin.
struct Entry {
  static constexpr std::size_t kMaxArguments = (std::size_t{1} << 24) - 1;
  static constexpr std::size_t kMaxReply = 0xFFFF'FFFF;
  static constexpr std::uint32_t kMaxDatabase = 0xFFFF;
  // The deadline shares a word with the link: its low 16 bits (65.5 us) are dropped, so it only
  // ever becomes earlier (I7).
  static constexpr std::uint64_t kLinkMask = 0xFFFF;

  Entry* next_variant = nullptr;
  std::uint32_t variant_tag = 0;  // low half of CacheKey::variant
  std::uint32_t arguments_size : 24;
  std::uint32_t kind : 8;
  std::uint16_t command = 0;
  std::uint16_t database = 0;
  Generation generation = 0;
  std::uint64_t deadline_and_link = 0;
  std::uint32_t reply_size = 0;
  std::uint32_t used = 0;  // since it was placed in the recency list
  mutable std::atomic<std::uint32_t> references{1};
  std::uint32_t name_tag = 0;  // low half of the NameHash
  Entry* newer = nullptr;
  Entry* older = nullptr;
  Entry* next_of_name = nullptr;
  Entry** prev_of_name = nullptr;  // what points at this entry in its name's chain

  const char* bytes() const { return reinterpret_cast<const char*>(this + 1); }
  std::string_view arguments() const { return {bytes(), arguments_size}; }
  std::string_view reply() const { return {bytes() + arguments_size, reply_size}; }
  LinkId link() const { return static_cast<LinkId>(deadline_and_link & kLinkMask); }
  state::Nanos deadline() const {
    return static_cast<state::Nanos>(deadline_and_link & ~kLinkMask);
  }

  /// Bytes and all: a hash alone must never give one key another key's answer.
  bool is(const CacheKey& key) const {
    return variant_tag == static_cast<std::uint32_t>(key.variant) && database == key.database &&
           command == key.command && arguments_size == key.arguments.size() &&
           std::memcmp(bytes(), key.arguments.data(), arguments_size) == 0;
  }
};
static_assert(sizeof(Entry) == 80, "every cached key pays for this");

inline std::string_view reply_of(const Entry& entry) {
  return entry.reply();
}
inline EntryKind kind_of(const Entry& entry) {
  return static_cast<EntryKind>(entry.kind);
}

/// A new entry with one reference; null when memory or the size fields do not suffice.
Entry* make_entry(const CacheKey& key, EntryKind kind, std::string_view reply,
                  state::Nanos deadline, LinkId link, Generation generation);

/// What the allocator really gave for it.
std::size_t allocated_size(const Entry& entry);

/// Gives one reference back; the last one frees. Any thread, no lock needed.
void drop_reference(const Entry& entry);

/// Move-only handle that keeps an entry's bytes alive while they are written to a socket: they
/// survive eviction and erasure. Pinned bytes that left the shard count against the session's
/// output limit, no longer against the cache's budget.
class Pin {
 public:
  Pin() = default;
  explicit Pin(const Entry& entry) : entry_(&entry) {  // only inside an on_hit callback
    entry.references.fetch_add(1, std::memory_order_relaxed);
  }
  Pin(Pin&& other) noexcept : entry_(std::exchange(other.entry_, nullptr)) {}
  Pin& operator=(Pin&& other) noexcept {
    std::swap(entry_, other.entry_);
    other.reset();
    return *this;
  }
  ~Pin() { reset(); }

  std::string_view bytes() const {
    return entry_ != nullptr ? reply_of(*entry_) : std::string_view{};
  }
  explicit operator bool() const { return entry_ != nullptr; }

 private:
  void reset() {
    if (entry_ != nullptr) drop_reference(*std::exchange(entry_, nullptr));
  }

  const Entry* entry_ = nullptr;
};

/// Entries that left a shard, freed when this goes out of scope: declare it before taking the lock,
/// so that an erase of many variants does not free them under it.
class Graveyard {
 public:
  Graveyard() = default;
  Graveyard(const Graveyard&) = delete;
  Graveyard& operator=(const Graveyard&) = delete;
  ~Graveyard() {
    while (first_ != nullptr) drop_reference(*std::exchange(first_, first_->older));
  }

  void add(Entry& entry) {
    entry.older = first_;
    first_ = &entry;
  }
  /// A whole recency list, chained by `older` already. Only into an empty graveyard.
  void adopt(Entry* newest) { first_ = newest; }

 private:
  Entry* first_ = nullptr;
};

}  // namespace pillion::cache
