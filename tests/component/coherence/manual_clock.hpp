// Time stands still until a scenario moves it: this program defines state::now() itself.
#pragma once

#include "proxy/state/clock.hpp"

namespace pillion::coherence {

/// What state::now() says.
extern state::Nanos manual_now;

}  // namespace pillion::coherence
