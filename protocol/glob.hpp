// Redis's glob: * ? [a-z] [^a] \x; of keys, channels and names of settings.
#pragma once

#include <string_view>

namespace pillion::protocol {

/// Linear in pattern times text at worst, without recursion (CVE-2024-31228).
bool glob_match(std::string_view pattern, std::string_view text);

}  // namespace pillion::protocol
