// REFERENCE.md is what the table of keys says.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "config/print.hpp"

namespace pillion::config {
namespace {

TEST(Reference, FileAndTableAgree) {
  const std::string path = PILLION_CONFIG_DIR "/REFERENCE.md";
  std::ifstream in(path, std::ios::binary);
  const std::string written((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  const auto expected = print_reference();
  if (written == expected) return;
  const std::string renewed = PILLION_SCRATCH_DIR "/REFERENCE.md";
  std::ofstream(renewed, std::ios::binary) << expected;
  ADD_FAILURE() << "config/REFERENCE.md does not say what config/keys.cpp says. To renew it:\n  cp "
                << renewed << " " << path;
}

}  // namespace
}  // namespace pillion::config
