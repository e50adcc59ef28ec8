#include <stdexcept>

#include "tests/differential/commands.hpp"

namespace pillion::test {
namespace {

/// Behind the bracket that ends what began at `at`; `ends` gathers where its branches end.
std::size_t end_of_group(std::string_view words, std::size_t at, std::vector<std::size_t>& ends) {
  int depth = 0;
  for (std::size_t i = at; i < words.size(); ++i) {
    const char c = words[i];
    if (c == '{' || c == '<') ++depth;
    if (c == '|' && depth == 1) ends.push_back(i);
    if ((c == '}' || c == '>') && --depth == 0) {
      ends.push_back(i);
      return i + 1;
    }
  }
  throw std::logic_error("a bracket is not closed: " + std::string(words));
}

void expand_into(std::string_view words, Random& random, Words& source, Arguments& to) {
  std::size_t at = 0;
  while (at < words.size()) {
    if (words[at] == ' ') {
      ++at;
    } else if (words[at] == '{') {
      std::vector<std::size_t> ends;
      const std::size_t end = end_of_group(words, at, ends);
      const std::size_t branch = random.below(ends.size());
      const std::size_t from = branch == 0 ? at + 1 : ends[branch - 1] + 1;
      expand_into(words.substr(from, ends[branch] - from), random, source, to);
      at = end;
    } else if (words[at] == '<') {
      std::vector<std::size_t> ends;
      const std::size_t end = end_of_group(words, at, ends);
      for (std::int64_t times = random.between(1, 4); times > 0; --times) {
        expand_into(words.substr(at + 1, end - at - 2), random, source, to);
      }
      at = end;
    } else if (words[at] == '%' && at + 1 < words.size()) {
      source.append(words[at + 1], to);
      at += 2;
    } else {
      const std::size_t end = std::min(words.find_first_of(" {<", at), words.size());
      to.emplace_back(words.substr(at, end - at));
      at = end;
    }
  }
}

}  // namespace

Arguments expand(std::string_view words, Random& random, Words& source) {
  Arguments result;
  expand_into(words, random, source, result);
  return result;
}

}  // namespace pillion::test
