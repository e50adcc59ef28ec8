// What counts as YAML text at all. yaml-cpp hands bytes that are not UTF-8 and control characters
// on without a word, and they would end up in keys, patterns, messages and logs; so they are
// refused before.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace pillion::config {

/// Offset of the first byte that does not belong into a YAML text: not UTF-8 (also overlong forms
/// and surrogates), or a control character other than tab and line ends.
std::optional<std::size_t> find_foreign_byte(std::string_view text);

}  // namespace pillion::config
