#include "proxy/logging/log.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <string>

namespace pillion::logging {
namespace {

/// Standard error becomes a pipe for as long as this lives.
class CapturedStderr {
 public:
  CapturedStderr() : saved_(::dup(STDERR_FILENO)) {
    EXPECT_EQ(::pipe(ends_.data()), 0);
    ::dup2(ends_[1], STDERR_FILENO);
    ::close(ends_[1]);
  }
  ~CapturedStderr() {
    restore();
    ::close(ends_[0]);
  }
  CapturedStderr(const CapturedStderr&) = delete;
  CapturedStderr& operator=(const CapturedStderr&) = delete;

  /// Nothing more can be written before something is read.
  void clog() {
    const int flags = ::fcntl(STDERR_FILENO, F_GETFL);
    ::fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK);
    const std::string filler(4096, '.');
    while (::write(STDERR_FILENO, filler.data(), filler.size()) > 0) {
    }
    ::fcntl(STDERR_FILENO, F_SETFL, flags);
  }

  std::string read_all() {
    restore();
    std::string all;
    std::array<char, 4096> chunk{};
    for (ssize_t n = 0; (n = ::read(ends_[0], chunk.data(), chunk.size())) > 0;) {
      all.append(chunk.data(), static_cast<std::size_t>(n));
    }
    return all;
  }

 private:
  void restore() {
    if (saved_ < 0) return;
    ::dup2(saved_, STDERR_FILENO);
    ::close(saved_);
    saved_ = -1;
  }

  std::array<int, 2> ends_{};
  int saved_;
};

TEST(Log, TextIsOneLinePerMessage) {
  CapturedStderr captured;
  set_up(Level::kInfo, Format::kText);
  info("hello\nworld");
  shut_down();
  EXPECT_THAT(captured.read_all(),
              testing::MatchesRegex(
                  "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{3}Z info hello\\\\nworld\n"));
}

TEST(Log, JsonIsOneObjectPerLine) {
  CapturedStderr captured;
  set_up(Level::kInfo, Format::kJson);
  warn("a \"quoted\" word");
  shut_down();
  EXPECT_THAT(
      captured.read_all(),
      testing::MatchesRegex(R"(\{"time":"[^"]+Z","level":"warn","message":"a \\"quoted\\" word"\})"
                            "\n"));
}

TEST(Log, LevelsBelowTheChosenOneAreSilent) {
  CapturedStderr captured;
  set_up(Level::kWarn, Format::kText);
  EXPECT_FALSE(enabled(Level::kInfo));
  EXPECT_TRUE(enabled(Level::kError));
  EXPECT_FALSE(enabled(Level::kOff));
  debug("no");
  info("no");
  error("yes");
  shut_down();
  const std::string all = captured.read_all();
  EXPECT_THAT(all, testing::HasSubstr("error yes"));
  EXPECT_THAT(all, testing::Not(testing::HasSubstr("no")));
}

TEST(Log, AStuckStandardErrorNeverHoldsUpTheCaller) {
  CapturedStderr captured;
  captured.clog();
  const std::uint64_t before = dropped();
  set_up(Level::kInfo, Format::kText);
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 5000; ++i) info("nobody reads this");
  const auto logged = std::chrono::steady_clock::now() - start;
  shut_down();
  const auto stopped = std::chrono::steady_clock::now() - start;
  EXPECT_LT(logged, std::chrono::milliseconds(500));
  EXPECT_LT(stopped, std::chrono::seconds(3));
  EXPECT_EQ(dropped() - before, 5000U);
}

TEST(Log, LongMessagesAreCut) {
  CapturedStderr captured;
  set_up(Level::kInfo, Format::kText);
  info(std::string(100'000, 'x'));
  shut_down();
  EXPECT_LT(captured.read_all().size(), 5000U);
}

TEST(Log, NamesOfTheConfiguration) {
  EXPECT_EQ(level_from("debug"), Level::kDebug);
  EXPECT_EQ(level_from("off"), Level::kOff);
  EXPECT_EQ(level_from("loud"), std::nullopt);
  EXPECT_EQ(format_from("json"), Format::kJson);
  EXPECT_EQ(format_from("xml"), std::nullopt);
}

}  // namespace
}  // namespace pillion::logging
