#include "proxy/data/session/monitor_filter.hpp"

#include "proxy/data/session/local_commands.hpp"
#include "proxy/data/upstream/lane.hpp"

namespace pillion::data::session {
namespace {

using Role = state::OwnConnections::Role;

/// The argument `text` begins with, between its quotes; `text` goes on behind it.
std::string_view quoted(std::string_view& text) {
  const std::size_t open = text.find('"');
  if (open == std::string_view::npos) return {};
  const std::size_t close = text.find('"', open + 1);
  if (close == std::string_view::npos) return {};
  const std::string_view word = text.substr(open + 1, close - open - 1);
  text.remove_prefix(close + 1);
  return word;
}

/// As Redis writes a string for people.
void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '\\':
      case '"':
        out += '\\';
        out += c;
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\a':
        out += "\\a";
        break;
      case '\b':
        out += "\\b";
        break;
      default:
        if (c >= ' ' && c <= '~') {
          out += c;
        } else {
          constexpr std::string_view kDigits = "0123456789abcdef";
          const auto byte = static_cast<unsigned char>(c);
          out += "\\x";
          out += kDigits[byte >> 4U];
          out += kDigits[byte & 15U];
        }
    }
  }
  out += '"';
}

}  // namespace

void MonitorFilter::feed(std::string_view bytes, std::string& out) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    if (end == std::string_view::npos) {
      partial_.append(bytes);
      return;
    }
    std::string_view line = bytes.substr(0, end + 1);
    if (!partial_.empty()) {
      partial_.append(line);
      line = partial_;
    }
    if (!ours(line)) out.append(line);
    partial_.clear();
    bytes.remove_prefix(end + 1);
  }
}

bool MonitorFilter::ours(std::string_view line) const {
  const std::size_t open = line.find(" [");
  const std::size_t close = line.find(']', open == std::string_view::npos ? 0 : open);
  if (open == std::string_view::npos || close == std::string_view::npos) return false;
  const std::size_t blank = line.find(' ', open + 2);
  if (blank == std::string_view::npos || blank > close) return false;
  // An IPv6 address has brackets of its own.
  const std::size_t behind = line.find("] ", blank);
  if (behind == std::string_view::npos) return false;
  const Role role = own_.role_of(line.substr(blank + 1, behind - blank - 1));
  if (role == Role::kNone) return false;
  if (role == Role::kInternal) return true;
  // What these say on behalf of a client is shown where the client said it.
  std::string_view words = line.substr(behind + 2);
  const std::string_view name = quoted(words);
  for (const std::string_view of_the_connection : {"CLIENT", "SELECT", "HELLO", "AUTH"}) {
    if (equals_ignoring_case(name, of_the_connection)) return true;
  }
  return name == "PING" && quoted(words).starts_with(upstream::kOwnPing);
}

/// Redis does not show who somebody says to be.
bool redacted(const resp::Command& command, std::size_t i) {
  if (i == 0) return false;
  if (equals_ignoring_case(command.name(), "AUTH")) return true;
  if (!equals_ignoring_case(command.name(), "HELLO")) return false;
  for (std::size_t back = 1; back <= 2 && i > back; ++back) {
    if (equals_ignoring_case(command.arg(i - back), "AUTH")) return true;
  }
  return false;
}

std::string monitor_line(const resp::Command& command, std::uint32_t database,
                         std::string_view peer, std::uint64_t wall_micros) {
  constexpr std::uint64_t kMicros = 1'000'000;
  const std::string fraction = std::to_string(kMicros + wall_micros % kMicros);
  std::string line = "+" + std::to_string(wall_micros / kMicros) + "." + fraction.substr(1) + " [" +
                     std::to_string(database) + " ";
  line.append(peer).append("]");
  for (std::size_t i = 0; i < command.argc(); ++i) {
    line += ' ';
    append_quoted(line, redacted(command, i) ? "(redacted)" : command.arg(i));
  }
  line += "\r\n";
  return line;
}

}  // namespace pillion::data::session
