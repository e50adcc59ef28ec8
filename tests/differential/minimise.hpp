// Makes a failing run short.
#pragma once

#include <functional>
#include <vector>

#include "tests/differential/step.hpp"

namespace pillion::test {

/// Whether a run fails; it is played from empty servers.
using Fails = std::function<bool(const std::vector<Step>&)>;

/// A part of `steps` that still fails and of which no single item can be left out. Plays `fails`
/// about (remaining items) * log(all items) times.
std::vector<Step> minimised(std::vector<Step> steps, const Fails& fails);

}  // namespace pillion::test
