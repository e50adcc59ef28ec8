// Every example loads without problems.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "config/load.hpp"
#include "tests/unit/config/temporary_file.hpp"

namespace pillion::config {
namespace {

std::vector<std::string> examples() {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(PILLION_CONFIG_DIR "/examples")) {
    if (entry.path().extension() == ".yaml") paths.push_back(entry.path().string());
  }
  return paths;
}

TEST(Examples, AllLoad) {
  EXPECT_GE(examples().size(), 6U);
  // Stands for the secret that production mounts.
  const TemporaryFile secret("s3cret\n");
  for (const auto& path : examples()) {
    Sources sources;
    sources.file = path;
    if (path.find("sidecar") != std::string::npos) {
      sources.settings = {{"upstream.password_file", secret.path(), "test"}};
    }
    EXPECT_EQ(print_problems(load(sources).problems), "") << path;
  }
}

}  // namespace
}  // namespace pillion::config
