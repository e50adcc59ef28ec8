// "Did you mean": the valid name a mistyped one was probably meant to be.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pillion::config {

/// The candidate with the fewest edits (insert, delete, replace, swap of neighbours), if few enough
/// for the length of the name; else one that ends in the same last word ("max_bytes" for
/// "cache.max_bytes"); else "". Ties go to the earlier candidate. Letter case counts for nothing
/// and
/// '-' is '_'.
std::string nearest(std::string_view name, const std::vector<std::string_view>& candidates);

}  // namespace pillion::config
