// Runs one input in every way a socket may deliver it: whole, byte by byte, and cut in two at
// every point.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace pillion::test {

/// Where each delivery ends, ascending; the last one is the size of the input.
using Cuts = std::vector<std::size_t>;

inline Cuts bytewise(std::size_t size) {
  Cuts cuts;
  for (std::size_t end = 1; end <= size; ++end) cuts.push_back(end);
  return cuts;
}

/// Calls visit(cuts) for every way. Two cuts per input keep it linear in the number of runs.
template <class Visit>
void for_each_split(std::string_view bytes, Visit&& visit) {
  visit(Cuts{bytes.size()});
  visit(bytewise(bytes.size()));
  for (std::size_t first = 1; first < bytes.size(); ++first) visit(Cuts{first, bytes.size()});
}

}  // namespace pillion::test
