#include "proxy/data/fill/server_check.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "protocol/resp/reply_cursor.hpp"

namespace pillion::data::fill {
namespace {

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return std::tolower(static_cast<unsigned char>(x)) ==
                  std::tolower(static_cast<unsigned char>(y));
         });
}

bool is_list(const resp::Node& node) {
  return (node.type == '*' || node.type == '~') && !node.null;
}

/// Reads one command's entry behind its header; false when the bytes are not such an entry.
bool read_command(resp::ReplyCursor& cursor, const resp::Node& entry, std::string_view name,
                  bool& allowed) {
  allowed = false;
  resp::Node node{};
  if (entry.integer < 3 || !cursor.next(node) || !same_name(node.text, name)) return false;
  if (!cursor.next(node) || node.type != ':') return false;
  if (!cursor.next(node) || !is_list(node)) return false;
  bool readonly = false;
  bool vetoed = false;
  for (std::int64_t i = node.integer; i > 0; --i) {
    if (!cursor.next(node)) return false;
    readonly = readonly || node.text == "readonly";
    vetoed = vetoed || node.text == "write" || node.text == "blocking";
  }
  // first key, last key, step, ACL categories, then the tips (7.0 and later).
  for (std::int64_t i = 3; i < entry.integer; ++i) {
    if (!cursor.next(node)) return false;
    if (i != 7 || !is_list(node)) {
      if (!cursor.skip(node)) return false;
      continue;
    }
    for (std::int64_t tip = node.integer; tip > 0; --tip) {
      if (!cursor.next(node)) return false;
      vetoed = vetoed || node.text == "nondeterministic_output" || node.text == "dont_cache";
    }
  }
  allowed = readonly && !vetoed;
  return true;
}

/// "name:value" of a line of INFO; empty when there is no such line.
std::string_view field_of(std::string_view info, std::string_view name) {
  while (!info.empty()) {
    const std::size_t end = std::min(info.find('\n'), info.size());
    std::string_view line = info.substr(0, end);
    info.remove_prefix(std::min(end + 1, info.size()));
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.size() > name.size() && line[name.size()] == ':' && line.starts_with(name))
      return line.substr(name.size() + 1);
  }
  return {};
}

/// One node of a range of CLUSTER SLOTS: address, port, id, and since 7.0 more.
bool read_node(resp::ReplyCursor& cursor, std::string_view id, bool& is_it) {
  resp::Node node{};
  if (!cursor.next(node) || !is_list(node) || node.integer < 3) return false;
  const std::int64_t parts = node.integer;
  for (std::int64_t i = 0; i < parts; ++i) {
    if (!cursor.next(node)) return false;
    if (i == 2) is_it = node.text == id;
    if (!cursor.skip(node)) return false;
  }
  return true;
}

}  // namespace

std::string_view text_of(std::string_view frame) {
  resp::ReplyCursor cursor(frame);
  resp::Node node{};
  if (!cursor.next(node) || node.null) return {};
  if (node.type == '$') return node.text;
  constexpr std::string_view kPlainText = "txt:";
  if (node.type == '=' && node.text.starts_with(kPlainText))
    return node.text.substr(kPlainText.size());
  return {};
}

std::optional<Replication> replication_of(std::string_view frame) {
  const std::string_view info = text_of(frame);
  const std::string_view role = field_of(info, "role");
  Replication found;
  found.primary = role == "master";
  found.replica = role == "slave" || role == "replica";
  if (!found.primary && !found.replica) return std::nullopt;
  found.syncing = field_of(info, "master_sync_in_progress") == "1";
  found.connected = field_of(info, "master_link_status") == "up" && !found.syncing;
  found.history = field_of(info, "master_replid");
  const std::string_view offset =
      field_of(info, found.primary ? "master_repl_offset" : "slave_repl_offset");
  const auto [end, error] =
      std::from_chars(offset.data(), offset.data() + offset.size(), found.offset);
  if (offset.empty() || error != std::errc{} || end != offset.data() + offset.size())
    return std::nullopt;
  return found;
}

bool cluster_is_ok(std::string_view frame) {
  return field_of(text_of(frame), "cluster_state") == "ok";
}

std::optional<SlotSet> slots_of(std::string_view frame, std::string_view id, bool replica) {
  resp::ReplyCursor cursor(frame);
  resp::Node node{};
  if (!cursor.next(node) || !is_list(node)) return std::nullopt;
  SlotSet slots;
  for (std::int64_t ranges = node.integer; ranges > 0; --ranges) {
    if (!cursor.next(node) || !is_list(node) || node.integer < 3) return std::nullopt;
    const std::int64_t nodes = node.integer - 2;
    resp::Node first{};
    resp::Node last{};
    if (!cursor.next(first) || first.type != ':' || !cursor.next(last) || last.type != ':')
      return std::nullopt;
    if (first.integer < 0 || last.integer < first.integer ||
        last.integer >= static_cast<std::int64_t>(state::kSlots))
      return std::nullopt;
    bool mine = false;
    for (std::int64_t i = 0; i < nodes; ++i) {
      bool is_it = false;
      if (!read_node(cursor, id, is_it)) return std::nullopt;
      mine = mine || (is_it && (i == 0) != replica);
    }
    if (!mine || id.empty()) continue;
    for (std::int64_t slot = first.integer; slot <= last.integer; ++slot)
      slots.set(static_cast<std::size_t>(slot));
  }
  return slots;
}

SlotSet leaving_slots_of(std::string_view frame) {
  SlotSet slots;
  std::string_view nodes = text_of(frame);
  while (!nodes.empty()) {
    const std::size_t end = std::min(nodes.find('\n'), nodes.size());
    std::string_view line = nodes.substr(0, end);
    nodes.remove_prefix(std::min(end + 1, nodes.size()));
    if (line.find("myself") == std::string_view::npos) continue;
    // "[93->-<id>" goes, "[93-<-<id>" comes.
    for (std::size_t at = line.find('['); at != std::string_view::npos;
         at = line.find('[', at + 1)) {
      std::uint32_t slot = 0;
      const char* const from = line.data() + at + 1;
      const auto [rest, error] = std::from_chars(from, line.data() + line.size(), slot);
      const std::string_view arrow(rest,
                                   static_cast<std::size_t>(line.data() + line.size() - rest));
      if (error == std::errc{} && slot < state::kSlots && arrow.starts_with("->-")) slots.set(slot);
    }
  }
  return slots;
}

std::string_view role_of(std::string_view frame) {
  resp::ReplyCursor cursor(frame);
  resp::Node node{};
  if (!cursor.next(node) || !is_list(node) || node.integer < 1 || !cursor.next(node)) return {};
  return node.text;
}

std::uint64_t allowed_commands(std::string_view frame, std::span<const std::string_view> names) {
  resp::ReplyCursor cursor(frame);
  resp::Node node{};
  if (!cursor.next(node) || !is_list(node) ||
      node.integer != static_cast<std::int64_t>(names.size()))
    return 0;
  std::uint64_t mask = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!cursor.next(node)) return 0;
    if (node.null) continue;  // the server does not know it
    if (!is_list(node)) return 0;
    bool allowed = false;
    if (!read_command(cursor, node, names[i], allowed)) return 0;
    if (allowed) mask |= std::uint64_t{1} << i;
  }
  return mask;
}

}  // namespace pillion::data::fill
