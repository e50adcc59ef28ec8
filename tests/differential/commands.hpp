// The commands of the stream, as templates.
//
// A template is a line of words. A word of '%' and a letter stands for an argument (words.cpp says
// which), {a|b c|} for one of its branches, <a b> for one to four times what is in it; other words
// stand for themselves. A template that begins with '!' is sent as it is: others are now and then
// spoilt (an argument lost, doubled, replaced or of odd case), which must not be done to commands
// that would then choose at random, block or disturb the server.
#pragma once

#include <span>
#include <string_view>

#include "tests/differential/step.hpp"
#include "tests/differential/words.hpp"

namespace pillion::test {

struct Template {
  unsigned weight;
  std::string_view words;
  Rule rule = Rule::kExact;
};

std::span<const Template> string_commands();
std::span<const Template> collection_commands();
std::span<const Template> sorted_set_commands();
std::span<const Template> stream_commands();
std::span<const Template> keyspace_commands();
std::span<const Template> server_commands();
/// All but the errors among them are kept by the L1.
std::span<const Template> cacheable_reads();

/// The arguments of one command made of `words`, not spoilt.
Arguments expand(std::string_view words, Random& random, Words& source);

}  // namespace pillion::test
