// Where the upstream is: redis://[user[:password]@]host[:port][/db] or
// unix://[user[:password]@]/path[?db=n].
//
// User, password, host and path are percent-decoded; IPv6 hosts stand in brackets. Anything else,
// an unknown scheme or a parameter we would have to ignore, is refused with the reason. Refusals
// never repeat a piece of an URL that may hold a password (one with an '@' in it). Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "config/config.hpp"

namespace pillion::config {

/// The target, or why not (a sentence that continues "upstream.url: ").
std::variant<UpstreamTarget, std::string> parse_upstream_url(std::string_view url);

/// upstream.url with upstream.user and upstream.password laid over it.
/// Precondition: the URL parses, as it does in every Config that load() returned without problems.
UpstreamTarget upstream_target(const Config& config);

/// The URL without its password, as it may be shown; "***" when it does not parse.
std::string redact_url(std::string_view url);

}  // namespace pillion::config
