// Whether two replies to one command say the same.
#pragma once

#include <string_view>
#include <vector>

#include "tests/differential/step.hpp"

namespace pillion::test {

/// `queued`: the rules of a transaction's commands, for Rule::kExec. Bytes are whole replies.
bool same_reply(Rule rule, std::string_view one, std::string_view other,
                const std::vector<Rule>& queued = {});

}  // namespace pillion::test
