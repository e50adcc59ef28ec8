#include "proxy/data/route/scan_cursor.hpp"

#include <charconv>
#include <cstddef>
#include <utility>

#include "protocol/resp/reply_cursor.hpp"
#include "protocol/resp/writer.hpp"

namespace pillion::route {
namespace {

constexpr unsigned kEndpointBits = 9;
constexpr std::uint64_t kEndpointMask = (1U << kEndpointBits) - 1;
static_assert(state::kMaxEndpoints < kEndpointMask);

/// Where a shard stands in the order of visits.
using Place = std::pair<std::uint16_t, EndpointId>;

Place place_of(const RouteTable::ShardRoute& shard) {
  return {shard.scan_place, shard.primary};
}

bool is_visited(const RouteTable::ShardRoute& shard) {
  return shard.owns_slots && shard.primary != kNoEndpoint;
}

/// The first shard at `from` or behind it; kNoShard when there is none.
std::uint16_t first_from(const RouteTable& table, Place from) {
  std::uint16_t found = kNoShard;
  for (std::size_t i = 0; i < table.shards().size(); ++i) {
    const RouteTable::ShardRoute& shard = table.shards()[i];
    if (!is_visited(shard) || place_of(shard) < from) continue;
    if (found != kNoShard && place_of(table.shards()[found]) < place_of(shard)) continue;
    found = static_cast<std::uint16_t>(i);
  }
  return found;
}

ScanStep begin_of(const RouteTable& table, std::uint16_t shard) {
  if (shard == kNoShard) return {};
  return ScanStep{table.primary_of(shard), shard, 0};
}

bool parse_cursor(std::string_view text, std::uint64_t& cursor) {
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, cursor);
  return error == std::errc{} && stop == end;
}

std::string_view decimal(std::uint64_t number, char (&digits)[20]) {
  const char* const end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  return {digits, static_cast<std::size_t>(end - digits)};
}

std::uint64_t cursor_at(EndpointId endpoint, std::uint64_t node_cursor) {
  return node_cursor << kEndpointBits | (std::uint64_t{endpoint} + 1);
}

}  // namespace

std::optional<ScanStep> next_scan_step(const RouteTable& table, std::string_view cursor) {
  std::uint64_t number = 0;
  if (!parse_cursor(cursor, number)) return std::nullopt;
  if (number == 0) return begin_of(table, first_from(table, {0, 0}));
  const std::uint64_t tag = number & kEndpointMask;
  // A number that nobody was given: Redis goes on anywhere with such a one, here it is an end.
  if (tag == 0 || tag > state::kMaxEndpoints) return ScanStep{};
  const auto endpoint = static_cast<EndpointId>(tag - 1);
  const std::uint16_t shard = table.shard_of_endpoint(endpoint);
  if (table.primary_of(shard) == endpoint && is_visited(table.shards()[shard])) {
    return ScanStep{endpoint, shard, number >> kEndpointBits};
  }
  return begin_of(table, first_from(table, {table.scan_place_of(endpoint), 0}));
}

void append_scan_request(std::string& out, const resp::Command& command,
                         std::uint64_t node_cursor) {
  char digits[20];
  resp::append_array_header(out, command.argc());
  resp::append_bulk(out, command.name());
  resp::append_bulk(out, decimal(node_cursor, digits));
  for (std::size_t i = 2; i < command.argc(); ++i) resp::append_bulk(out, command.arg(i));
}

bool append_scan_reply(std::string& out, const RouteTable& table, EndpointId endpoint,
                       std::string_view frame) {
  resp::ReplyCursor cursor(frame);
  resp::Node pair{};
  resp::Node text{};
  std::uint64_t node_cursor = 0;
  if (!cursor.next(pair) || pair.type != '*' || pair.integer != 2 || !cursor.next(text) ||
      text.type != '$' || !parse_cursor(text.text, node_cursor)) {
    out += frame;
    return true;
  }
  if (node_cursor >> (64 - kEndpointBits) != 0) return false;
  std::uint64_t next = 0;
  if (node_cursor != 0) {
    next = cursor_at(endpoint, node_cursor);
  } else {
    const Place behind{table.scan_place_of(endpoint), static_cast<EndpointId>(endpoint + 1)};
    const std::uint16_t shard = first_from(table, behind);
    if (shard != kNoShard) next = cursor_at(table.primary_of(shard), 0);
  }
  char digits[20];
  resp::append_array_header(out, 2);
  resp::append_bulk(out, decimal(next, digits));
  out += cursor.rest();
  return true;
}

void append_scan_end(std::string& out) {
  resp::append_array_header(out, 2);
  resp::append_bulk(out, "0");
  resp::append_array_header(out, 0);
}

}  // namespace pillion::route
