#include "config/nearest.hpp"

#include <algorithm>
#include <cstddef>

#include "config/units.hpp"

namespace pillion::config {
namespace {

// Longer than any name of ours; keeps a hostile file from costing quadratic time.
constexpr std::size_t kLongestName = 80;
// Fewer letters in common are chance.
constexpr std::size_t kShortestStem = 3;

std::string plain(std::string_view name) {
  auto out = lower_case(name);
  std::replace(out.begin(), out.end(), '-', '_');
  return out;
}

std::size_t edits(std::string_view a, std::string_view b) {
  // Three rows of the usual table: swaps look two rows back.
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> above(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] =
          std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    std::swap(before, above);
    std::swap(above, row);
  }
  return above[b.size()];
}

std::string_view last_word(std::string_view path) {
  return path.substr(path.rfind('.') + 1);
}

}  // namespace

std::string nearest(std::string_view name, const std::vector<std::string_view>& candidates) {
  if (name.empty() || name.size() > kLongestName) return "";
  const auto wanted = plain(name);
  std::string_view best;
  auto fewest = std::max<std::size_t>(2, wanted.size() / 4) + 1;
  for (const auto candidate : candidates) {
    const auto distance = edits(wanted, plain(candidate));
    // Changing most of a short word is another word.
    if (distance < fewest && distance * 2 <= candidate.size()) {
      fewest = distance;
      best = candidate;
    }
  }
  if (!best.empty()) return std::string(best);
  for (const auto candidate : candidates) {
    const auto common = std::min(candidate.size(), wanted.size());
    if (common >= kShortestStem && plain(candidate).compare(0, common, wanted, 0, common) == 0) {
      return std::string(candidate);
    }
  }
  for (const auto candidate : candidates) {
    if (last_word(wanted) == plain(last_word(candidate))) return std::string(candidate);
  }
  return "";
}

}  // namespace pillion::config
