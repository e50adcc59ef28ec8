#include "tests/component/coherence/scheduler.hpp"

#include <algorithm>
#include <random>
#include <vector>

namespace pillion::coherence {
namespace {

struct Choice {
  std::size_t taken = 0;
  std::size_t among = 0;
};

std::string report(const Scenario& scenario, const World& world) {
  return world.fault() + "\nscenario: " + scenario.name + "\n" + world.story();
}

/// Those that are not the later half of a pair that could have been the other way round.
std::vector<Step> worth_taking(const std::vector<Step>& possible, const std::vector<Step>& before,
                               const Step* last) {
  if (last == nullptr || !last->at_pillion()) return possible;
  std::vector<Step> result;
  for (const Step& step : possible) {
    const bool swapped =
        step.at_upstream() && std::find(before.begin(), before.end(), step) != before.end();
    if (!swapped) result.push_back(step);
  }
  return result;
}

}  // namespace

Walk walk_all(const Scenario& scenario, std::uint64_t most) {
  Walk walk;
  std::vector<Choice> path;
  while (walk.schedules < most) {
    World world(scenario);
    std::size_t depth = 0;
    std::vector<Step> before;
    Step last{};
    bool first = true;
    bool redundant = false;
    while (world.fault().empty()) {
      const std::vector<Step> possible = world.steps();
      if (possible.empty()) break;
      const std::vector<Step> steps = worth_taking(possible, before, first ? nullptr : &last);
      if (steps.empty()) {
        redundant = true;
        break;
      }
      if (depth == path.size()) path.push_back({0, steps.size()});
      last = steps[path[depth].taken];
      first = false;
      ++depth;
      before = possible;
      world.perform(last);
    }
    if (!redundant) {
      if (world.fault().empty()) world.finish();
      ++walk.schedules;
    }
    if (!world.fault().empty()) {
      walk.fault = report(scenario, world);
      return walk;
    }
    while (!path.empty() && path.back().taken + 1 == path.back().among) path.pop_back();
    if (path.empty()) {
      walk.complete = true;
      return walk;
    }
    ++path.back().taken;
  }
  return walk;
}

Walk walk_random(const Scenario& scenario, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Walk walk;
  walk.schedules = 1;
  World world(scenario);
  while (world.fault().empty()) {
    const std::vector<Step> possible = world.steps();
    if (possible.empty()) break;
    world.perform(possible[random() % possible.size()]);
  }
  if (world.fault().empty()) world.finish();
  if (!world.fault().empty())
    walk.fault = report(scenario, world) + "seed: " + std::to_string(seed) + "\n";
  return walk;
}

}  // namespace pillion::coherence
