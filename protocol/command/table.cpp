// Names are compared as machine words. A name of up to 16 bytes is folded to upper case into two
// words that, with its length, say all about it: one hash, one probe, two comparisons. Only the few
// longer names are compared byte by byte as well.
//
//   length   low word                high word
//   1..3     first, middle, last     0            (bytes 0, 1, 2)
//   4..7     first 4, last 4         0
//   8..      first 8                 last 8       (they overlap below 16)
#include "protocol/command/table.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <type_traits>

#include "protocol/command/arguments.hpp"
#include "protocol/command/cache_list.hpp"

namespace pillion::command {
namespace {

struct Keys {
  KeyRule rule;
  std::int8_t first;
  std::int8_t last;
  std::int8_t step;
  std::uint8_t extra;
};

struct Row {
  std::string_view name;
  std::int8_t arity;
  std::uint32_t flags;
  Route route;
  Effect effect;
  Keys keys;
};

constexpr std::int8_t narrow(int value) {
  return static_cast<std::int8_t>(value);
}

constexpr Keys no_key() {
  return {KeyRule::kNone, 0, 0, 0, 0};
}
constexpr Keys any_key() {
  return {KeyRule::kUnknown, 0, 0, 0, 0};
}
constexpr Keys range(int first, int last, int step) {
  return {KeyRule::kRange, narrow(first), narrow(last), narrow(step), 0};
}
constexpr Keys one_key(int at) {
  return range(at, at, 1);
}
constexpr Keys counted(int numkeys_at) {
  return {KeyRule::kKeyNum, narrow(numkeys_at), 0, 1, 0};
}
constexpr Keys counted_and_target(int numkeys_at) {
  return {KeyRule::kKeyNum, narrow(numkeys_at), 0, 1, 1};
}
constexpr Keys special(KeyTokens tokens, int first_key, int options_at) {
  return {KeyRule::kSpecial, narrow(first_key), narrow(options_at), 0,
          static_cast<std::uint8_t>(tokens)};
}
constexpr Keys sort_keys() {
  return special(KeyTokens::kSort, 1, 2);
}
constexpr Keys geo_store_keys(int options_at) {
  return special(KeyTokens::kGeoStore, 1, options_at);
}
constexpr Keys migrate_keys() {
  return special(KeyTokens::kMigrate, 3, 6);
}
constexpr Keys stream_keys() {
  return special(KeyTokens::kStreams, 0, 1);
}

using enum Route;
constexpr Row kRows[] = {
#include "protocol/command/table_rows.inc"
};
constexpr std::size_t kRowCount = std::size(kRows);

constexpr bool sorted_and_unique() {
  for (std::size_t i = 1; i < kRowCount; ++i) {
    if (!(kRows[i - 1].name < kRows[i].name)) return false;
  }
  return true;
}
static_assert(sorted_and_unique(), "table_rows.inc is out of order or repeats a name");

constexpr bool cache_list_is_routed() {
  std::size_t routed = 0;
  for (const Row& row : kRows) routed += row.route == kCacheable ? 1 : 0;
  for (const CacheListing& listing : kCacheList) {
    bool found = false;
    for (const Row& row : kRows) {
      found = found || (row.name == listing.rule.name && row.route == kCacheable &&
                        row.effect == Effect::kNone && (row.flags & kReadonly) != 0);
    }
    if (!found) return false;
  }
  return routed == kCacheList.size();
}
static_assert(cache_list_is_routed(),
              "cache_list.hpp and the kCacheable rows must be the same set");

constexpr std::array<Spec, kRowCount> kTable = [] {
  std::array<Spec, kRowCount> table{};
  for (std::size_t i = 0; i < kRowCount; ++i) {
    const Row& row = kRows[i];
    std::uint8_t cacheable = 0;
    for (std::size_t rule = 0; rule < kCacheList.size(); ++rule) {
      if (kCacheList[rule].rule.name == row.name) cacheable = static_cast<std::uint8_t>(rule + 1);
    }
    table[i] = Spec{row.name,      row.arity,      row.flags,      row.route,
                    row.effect,    row.keys.rule,  row.keys.first, row.keys.last,
                    row.keys.step, row.keys.extra, cacheable,      static_cast<std::uint16_t>(i)};
  }
  return table;
}();

constexpr Spec kUnknownSpec{"",
                            -1,
                            kWrite,
                            kForward,
                            Effect::kUnknown,
                            KeyRule::kUnknown,
                            0,
                            0,
                            0,
                            0,
                            0,
                            static_cast<std::uint16_t>(kRowCount)};

/// Upper-cases the ASCII letters among eight bytes; other bytes, also above 0x7f, stay.
constexpr std::uint64_t upper(std::uint64_t word) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  const std::uint64_t low7 = word & (0x7f * kOnes);
  const std::uint64_t past_z = low7 + (0x7f - 'z') * kOnes;
  const std::uint64_t from_a = low7 + (0x80 - 'a') * kOnes;
  const std::uint64_t lower_letters = ~word & (from_a ^ past_z) & (0x80 * kOnes);
  return word - (lower_letters >> 2);
}

constexpr std::uint32_t load4(const char* from) {
  if (std::is_constant_evaluated()) {
    return std::bit_cast<std::uint32_t>(std::array{from[0], from[1], from[2], from[3]});
  }
  std::uint32_t word = 0;
  std::memcpy(&word, from, sizeof word);
  return word;
}

constexpr std::uint64_t load8(const char* from) {
  if (std::is_constant_evaluated()) {
    return std::bit_cast<std::uint64_t>(
        std::array{from[0], from[1], from[2], from[3], from[4], from[5], from[6], from[7]});
  }
  std::uint64_t word = 0;
  std::memcpy(&word, from, sizeof word);
  return word;
}

struct FoldedName {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  std::uint64_t length = 0;

  constexpr bool operator==(const FoldedName&) const = default;
};

/// `name` must not be empty.
constexpr FoldedName fold(std::string_view name) {
  const std::size_t length = name.size();
  const char* const first = name.data();
  if (length >= 8) return {upper(load8(first)), upper(load8(first + length - 8)), length};
  if (length >= 4) {
    const std::uint64_t tail = load4(first + length - 4);
    return {upper(load4(first) | tail << 32), 0, length};
  }
  const auto byte = [first](std::size_t i) -> std::uint64_t {
    return static_cast<unsigned char>(first[i]);
  };
  return {upper(byte(0) | byte(length / 2) << 8 | byte(length - 1) << 16), 0, length};
}

constexpr std::size_t kSlotBits = 10;
constexpr std::size_t kSlots = std::size_t{1} << kSlotBits;

constexpr std::size_t slot_of(const FoldedName& name) {
  const std::uint64_t mixed =
      (name.low ^ std::rotl(name.high, 23) ^ name.length << 59) * 0x9e3779b97f4a7c15;
  return static_cast<std::size_t>(mixed >> (64 - kSlotBits));
}

constexpr std::uint16_t kEmpty = 0xffff;

constexpr bool is_subcommand(std::string_view name) {
  return name.find('|') != std::string_view::npos;
}

constexpr std::array<FoldedName, kRowCount> kFolded = [] {
  std::array<FoldedName, kRowCount> folded{};
  for (std::size_t i = 0; i < kRowCount; ++i) folded[i] = fold(kRows[i].name);
  return folded;
}();

/// Row numbers of all names without '|', open addressed with linear probing.
constexpr std::array<std::uint16_t, kSlots> kSlotTable = [] {
  std::array<std::uint16_t, kSlots> slots{};
  slots.fill(kEmpty);
  for (std::size_t i = 0; i < kRowCount; ++i) {
    if (is_subcommand(kRows[i].name)) continue;
    std::size_t slot = slot_of(kFolded[i]);
    while (slots[slot] != kEmpty) slot = (slot + 1) % kSlots;
    slots[slot] = static_cast<std::uint16_t>(i);
  }
  return slots;
}();

constexpr std::size_t kLongestName = [] {
  std::size_t longest = 0;
  for (const Row& row : kRows) {
    if (!is_subcommand(row.name) && row.name.size() > longest) longest = row.name.size();
  }
  return longest;
}();

}  // namespace

const Spec& find(std::string_view name) {
  if (name.empty() || name.size() > kLongestName) return kUnknownSpec;
  const FoldedName folded = fold(name);
  for (std::size_t slot = slot_of(folded);; slot = (slot + 1) % kSlots) {
    const std::uint16_t row = kSlotTable[slot];
    if (row == kEmpty) return kUnknownSpec;
    if (kFolded[row] == folded && (name.size() <= 16 || is_word(name, kRows[row].name))) {
      return kTable[row];
    }
  }
}

const Spec& find_sub(const Spec& container, std::string_view subcommand) {
  // Rows are sorted, so those of a container follow it at once.
  for (std::size_t i = container.id + std::size_t{1}; i < kRowCount; ++i) {
    std::string_view name = kRows[i].name;
    if (!name.starts_with(container.name)) break;
    name.remove_prefix(container.name.size());
    if (name.starts_with('|') && is_word(subcommand, name.substr(1))) return kTable[i];
  }
  return container;
}

const Spec& find_full(std::string_view name) {
  const std::size_t bar = name.find('|');
  if (bar == std::string_view::npos) return find(name);
  const Spec& container = find(name.substr(0, bar));
  const Spec& found = find_sub(container, name.substr(bar + 1));
  return &found == &container ? kUnknownSpec : found;
}

const Spec& unknown() {
  return kUnknownSpec;
}

std::span<const Spec> all() {
  return kTable;
}

}  // namespace pillion::command
