// SHA1, where a protocol names things by it. Not for secrets.
#pragma once

#include <string>
#include <string_view>

namespace pillion::net {

/// 40 lower-case hex digits.
std::string sha1_hex(std::string_view text);

}  // namespace pillion::net
