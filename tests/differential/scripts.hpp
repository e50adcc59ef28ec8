// Commands that run Lua: EVAL and its like, SCRIPT, FUNCTION, FCALL.
#pragma once

#include "tests/differential/step.hpp"
#include "tests/differential/words.hpp"

namespace pillion::test {

struct ScriptCommand {
  Arguments arguments;
  Rule rule = Rule::kExact;
};

ScriptCommand script_command(Random& random, Words& source);

}  // namespace pillion::test
