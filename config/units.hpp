// Sizes and durations as operators write them: "64MiB", "250ms".
//
// Sizes: digits and an optional unit, letter case ignored. With an i the unit counts in 1024 (KiB,
// Ki), without in 1000 (KB, K), as Kubernetes does; plain digits are bytes. Durations: digits and
// one of ms, s, m, h, d. Plain digits are refused, because half of the readers would guess another
// unit; 0 needs none. Signs, fractions and anything that does not fit are refused. Pure functions;
// errors are sentences that continue "<key>: ".
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "config/config.hpp"

namespace pillion::config {

/// Why a text was refused, for a human; never contains a secret.
struct Refusal {
  std::string reason;
};

std::variant<std::size_t, Refusal> parse_bytes(std::string_view text);
std::variant<Millis, Refusal> parse_duration(std::string_view text);

/// Decimal digits only, 0 to 2^32-1.
std::optional<std::uint32_t> parse_count(std::string_view text);

/// true/false, yes/no, on/off, 1/0, letter case ignored.
std::optional<bool> parse_switch(std::string_view text);

/// The shortest text that parses to the same value.
std::string print_bytes(std::size_t bytes);
std::string print_duration(Millis duration);

/// ASCII only: what names and units are made of, whatever the locale.
std::string lower_case(std::string_view text);

}  // namespace pillion::config
