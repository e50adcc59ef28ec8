// Which hash slot a key belongs to.
//
// CRC16 as XMODEM has it (polynomial 0x1021, most significant bit first, starts at 0) over the key,
// or over its hash tag: what stands between the first '{' and the first '}' behind it, unless that
// is empty. The key of every command to a cluster passes here, so eight bytes are folded at once.
#pragma once

#include <cstdint>
#include <string_view>

namespace pillion::cluster {

inline constexpr std::uint16_t kSlotCount = 16384;

std::uint16_t crc16(std::string_view bytes);

/// What of a key is hashed: its tag or all of it.
std::string_view hashed_part(std::string_view key);

std::uint16_t slot_of(std::string_view key);

}  // namespace pillion::cluster
