#include "protocol/cluster/redirect.hpp"

#include <charconv>
#include <cstddef>

#include "protocol/cluster/slot.hpp"

namespace pillion::cluster {
namespace {

struct Code {
  std::string_view word;
  RedirectKind kind;
};
constexpr Code kCodes[] = {
    {"MOVED", RedirectKind::kMoved},       {"ASK", RedirectKind::kAsk},
    {"TRYAGAIN", RedirectKind::kTryAgain}, {"CLUSTERDOWN", RedirectKind::kClusterDown},
    {"LOADING", RedirectKind::kLoading},   {"MASTERDOWN", RedirectKind::kMasterDown},
    {"READONLY", RedirectKind::kReadonly},
};

/// Digits only, the whole of `text`, at most `limit`.
bool parse_number(std::string_view text, std::uint32_t limit, std::uint16_t& value) {
  std::uint32_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || stop != end || number > limit) return false;
  value = static_cast<std::uint16_t>(number);
  return true;
}

/// "<slot> <host>:<port>"
bool parse_target(std::string_view text, Redirect& redirect) {
  const std::size_t blank = text.find(' ');
  if (blank == std::string_view::npos) return false;
  const std::string_view address = text.substr(blank + 1);
  // An IPv6 address has colons of its own.
  const std::size_t colon = address.rfind(':');
  if (colon == std::string_view::npos || address.find(' ') != std::string_view::npos) return false;
  if (!parse_number(text.substr(0, blank), kSlotCount - 1, redirect.slot)) return false;
  if (!parse_number(address.substr(colon + 1), 0xffff, redirect.port)) return false;
  redirect.host = address.substr(0, colon);
  if (redirect.host.size() >= 2 && redirect.host.front() == '[' && redirect.host.back() == ']') {
    redirect.host = redirect.host.substr(1, redirect.host.size() - 2);
  }
  return redirect.port != 0;
}

}  // namespace

std::optional<Redirect> parse_redirect(std::string_view frame) {
  if (!may_redirect(frame) || !frame.ends_with("\r\n")) return std::nullopt;
  const std::string_view line = frame.substr(1, frame.size() - 3);
  const std::size_t blank = line.find(' ');
  const std::string_view word = line.substr(0, blank);
  for (const Code& code : kCodes) {
    if (word != code.word) continue;
    Redirect redirect{code.kind};
    if (code.kind != RedirectKind::kMoved && code.kind != RedirectKind::kAsk) return redirect;
    if (blank == std::string_view::npos) return std::nullopt;
    if (!parse_target(line.substr(blank + 1), redirect)) return std::nullopt;
    return redirect;
  }
  return std::nullopt;
}

}  // namespace pillion::cluster
