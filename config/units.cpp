#include "config/units.hpp"

#include <array>
#include <charconv>
#include <limits>

namespace pillion::config {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::uint64_t kKi = 1024;
constexpr std::uint64_t kTera = 1'000'000'000'000;
constexpr std::array kByteUnits{
    Unit{"", 1},
    Unit{"b", 1},
    Unit{"k", 1000},
    Unit{"kb", 1000},
    Unit{"ki", kKi},
    Unit{"kib", kKi},
    Unit{"m", 1000 * 1000},
    Unit{"mb", 1000 * 1000},
    Unit{"mi", kKi* kKi},
    Unit{"mib", kKi* kKi},
    Unit{"g", 1000 * 1000 * 1000},
    Unit{"gb", 1000 * 1000 * 1000},
    Unit{"gi", kKi* kKi* kKi},
    Unit{"gib", kKi* kKi* kKi},
    Unit{"t", kTera},
    Unit{"tb", kTera},
    Unit{"ti", kKi* kKi* kKi* kKi},
    Unit{"tib", kKi* kKi* kKi* kKi},
};

// In milliseconds.
constexpr std::array kDurationUnits{
    Unit{"ms", 1}, Unit{"s", 1000}, Unit{"m", 60'000}, Unit{"h", 3'600'000}, Unit{"d", 86'400'000},
};

// Digits, optional blanks, the rest.
struct Quantity {
  std::uint64_t number = 0;
  std::string unit;
};

enum class Trouble { kNone, kNotANumber, kTooLarge };

Trouble split(std::string_view text, Quantity& out) {
  const auto* first = text.data();
  const auto* last = first + text.size();
  const auto [end, error] = std::from_chars(first, last, out.number);
  if (error == std::errc::result_out_of_range) return Trouble::kTooLarge;
  if (error != std::errc{}) return Trouble::kNotANumber;
  auto unit = text.substr(static_cast<std::size_t>(end - first));
  while (!unit.empty() && unit.front() == ' ') unit.remove_prefix(1);
  out.unit = lower_case(unit);
  return Trouble::kNone;
}

template <std::size_t N>
std::optional<std::uint64_t> factor_of(const std::array<Unit, N>& units, std::string_view name) {
  for (const auto& unit : units) {
    if (unit.name == name) return unit.factor;
  }
  return std::nullopt;
}

std::string quoted(std::string_view text) {
  return "'" + std::string(text) + "'";
}

}  // namespace

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (auto& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::variant<std::size_t, Refusal> parse_bytes(std::string_view text) {
  const auto too_large = [&] { return Refusal{quoted(text) + " is too large"}; };
  Quantity quantity;
  const auto trouble = split(text, quantity);
  if (trouble == Trouble::kTooLarge) return too_large();
  const auto factor = factor_of(kByteUnits, quantity.unit);
  if (trouble == Trouble::kNotANumber || !factor) {
    return Refusal{quoted(text) +
                   " is not a size: write whole bytes or a unit, as in 65536, 512KiB, 64MiB, 2GB"};
  }
  if (quantity.number > std::numeric_limits<std::size_t>::max() / *factor) return too_large();
  return static_cast<std::size_t>(quantity.number * *factor);
}

std::variant<Millis, Refusal> parse_duration(std::string_view text) {
  const auto too_large = [&] { return Refusal{quoted(text) + " is too large"}; };
  Quantity quantity;
  const auto trouble = split(text, quantity);
  if (trouble == Trouble::kTooLarge) return too_large();
  if (trouble == Trouble::kNone && quantity.unit.empty()) {
    if (quantity.number == 0) return Millis{0};
    return Refusal{quoted(text) + " has no unit: write " + std::string(text) + "ms, " +
                   std::string(text) + "s, " + std::string(text) + "m or " + std::string(text) +
                   "h"};
  }
  const auto factor = factor_of(kDurationUnits, quantity.unit);
  if (trouble == Trouble::kNotANumber || !factor) {
    return Refusal{quoted(text) +
                   " is not a duration: write a whole number and ms, s, m, h or d, as in 250ms"};
  }
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (quantity.number > kMost / *factor) return too_large();
  return Millis{static_cast<std::int64_t>(quantity.number * *factor)};
}

std::optional<std::uint32_t> parse_count(std::string_view text) {
  std::uint32_t value = 0;
  const auto* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  if (error != std::errc{} || end != last) return std::nullopt;
  return value;
}

std::optional<bool> parse_switch(std::string_view text) {
  const auto word = lower_case(text);
  if (word == "true" || word == "yes" || word == "on" || word == "1") return true;
  if (word == "false" || word == "no" || word == "off" || word == "0") return false;
  return std::nullopt;
}

std::string print_bytes(std::size_t bytes) {
  constexpr std::array kPrinted{
      Unit{"TiB", kKi * kKi * kKi * kKi},
      Unit{"GiB", kKi * kKi * kKi},
      Unit{"MiB", kKi * kKi},
      Unit{"KiB", kKi},
  };
  for (const auto& unit : kPrinted) {
    if (bytes != 0 && bytes % unit.factor == 0) {
      return std::to_string(bytes / unit.factor) + std::string(unit.name);
    }
  }
  return std::to_string(bytes);
}

std::string print_duration(Millis duration) {
  const auto count = duration.count();
  if (count == 0) return "0";
  // From the largest unit down; days and minutes only from two, so that a minute reads "60s".
  if (count % 86'400'000 == 0 && count > 86'400'000)
    return std::to_string(count / 86'400'000) + "d";
  if (count % 3'600'000 == 0) return std::to_string(count / 3'600'000) + "h";
  if (count % 60'000 == 0 && count >= 120'000) return std::to_string(count / 60'000) + "m";
  if (count % 1000 == 0) return std::to_string(count / 1000) + "s";
  return std::to_string(count) + "ms";
}

}  // namespace pillion::config
