#include "tests/component/coherence/manual_clock.hpp"

namespace pillion::coherence {

state::Nanos manual_now = 0;

}  // namespace pillion::coherence

namespace pillion::state {

Nanos now() {
  return coherence::manual_now;
}

}  // namespace pillion::state
