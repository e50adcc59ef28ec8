#include "tests/differential/minimise.hpp"

#include <algorithm>

namespace pillion::test {
namespace {

/// One item each, so that steps and items are left out by the same means.
struct Atom {
  std::size_t step;
  Item item;
};

std::vector<Step> assembled(const std::vector<Atom>& atoms, const std::vector<Step>& origin) {
  std::vector<Step> steps;
  std::size_t last = origin.size();
  for (const Atom& atom : atoms) {
    if (steps.empty() || last != atom.step) {
      steps.push_back({origin[atom.step].number, origin[atom.step].client, {}});
      last = atom.step;
    }
    steps.back().items.push_back(atom.item);
  }
  return steps;
}

std::vector<Atom> without(const std::vector<Atom>& atoms, std::size_t from, std::size_t count) {
  std::vector<Atom> rest(atoms.begin(), atoms.begin() + static_cast<std::ptrdiff_t>(from));
  rest.insert(rest.end(), atoms.begin() + static_cast<std::ptrdiff_t>(from + count), atoms.end());
  return rest;
}

}  // namespace

std::vector<Step> minimised(std::vector<Step> steps, const Fails& fails) {
  std::vector<Atom> atoms;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    for (const Item& item : steps[i].items) atoms.push_back({i, item});
  }
  for (std::size_t chunk = std::max<std::size_t>(atoms.size() / 2, 1);;) {
    bool shorter = false;
    // From the end: what stands there decides what must stay.
    for (std::size_t end = atoms.size(); end > 0;) {
      const std::size_t from = end > chunk ? end - chunk : 0;
      std::vector<Atom> rest = without(atoms, from, end - from);
      if (!rest.empty() && fails(assembled(rest, steps))) {
        atoms = std::move(rest);
        shorter = true;
      }
      end = from;
    }
    if (chunk == 1 && !shorter) break;
    chunk = std::max<std::size_t>(chunk / 2, 1);
  }
  return assembled(atoms, steps);
}

}  // namespace pillion::test
