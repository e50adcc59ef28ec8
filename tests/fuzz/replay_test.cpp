// Feeds every seed and every input that once failed to a fuzz target, without libFuzzer.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "tests/fuzz/fuzz_input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace pillion::fuzz {
namespace {

namespace fs = std::filesystem;

std::size_t replay_folder(const fs::path& folder) {
  if (!fs::exists(folder)) return 0;
  std::size_t inputs = 0;
  for (const fs::directory_entry& file : fs::directory_iterator(folder)) {
    SCOPED_TRACE(file.path().string());
    std::ifstream stream(file.path(), std::ios::binary);
    const Block content{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
    std::vector<std::uint8_t> bytes(content.begin(), content.end());
    // Every seed in several splits and under both limits; the input's own choice comes first.
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    for (std::size_t split = 0; split < 64 && bytes.size() > 2; ++split) {
      bytes[0] = static_cast<std::uint8_t>(split);
      bytes[1] = static_cast<std::uint8_t>(split % 2);
      LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    }
    ++inputs;
  }
  return inputs;
}

TEST(Replay, SeedsHoldTheOracle) {
  EXPECT_GT(replay_folder(fs::path(PILLION_FUZZ_ROOT) / "seeds" / PILLION_FUZZ_TARGET), 0U);
}

TEST(Replay, OldFailuresStayFixed) {
  replay_folder(fs::path(PILLION_FUZZ_ROOT) / "crashes" / PILLION_FUZZ_TARGET);
}

}  // namespace
}  // namespace pillion::fuzz
