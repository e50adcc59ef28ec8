// Where the upstream is:
//   redis://[user[:password]@]host[:port][/db][?replicas=host:port,...|auto]
//   unix://[user[:password]@]/path[?db=n]
//   redis+sentinel://[user[:password]@]host[:port],.../master[/db]
//   redis+cluster://[user[:password]@]host[:port],...
//
// User, password, host, path and parameters are percent-decoded; IPv6 hosts stand in brackets. The
// credentials are those of the data servers in each form. Anything else, an unknown scheme or a
// parameter we would have to ignore, is refused with the reason. Refusals never repeat a piece of
// an URL that may hold a password (one with an '@' in it). Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "config/config.hpp"

namespace pillion::config {

/// The target, or why not (a sentence that continues "upstream.url: ").
std::variant<UpstreamTarget, std::string> parse_upstream_url(std::string_view url);

/// upstream.url with the keys beside it laid over it.
/// Precondition: the URL and the lists parse, as they do in every Config that load() returned
/// without problems.
UpstreamTarget upstream_target(const Config& config);

/// reads.from, with what `auto` means for this upstream in its place.
std::string_view reads_from(const Config& config);

/// The URL without its password, as it may be shown; "***" when it does not parse.
std::string redact_url(std::string_view url);

}  // namespace pillion::config
