#include "proxy/data/session/pause.hpp"

#include <gtest/gtest.h>

namespace pillion::data::session {
namespace {

using Mode = Pause::Mode;

TEST(Pause, HoldsUntilItsTime) {
  Pause pause;
  EXPECT_EQ(pause.mode(0), Mode::kNone);
  pause.begin(Mode::kWrites, 100, 10);
  EXPECT_EQ(pause.mode(10), Mode::kWrites);
  EXPECT_EQ(pause.mode(99), Mode::kWrites);
  EXPECT_EQ(pause.mode(100), Mode::kNone);
}

TEST(Pause, EndsWhenToldTo) {
  Pause pause;
  pause.begin(Mode::kAll, 100, 10);
  pause.end();
  EXPECT_EQ(pause.mode(11), Mode::kNone);
}

TEST(Pause, ASecondOneMakesItLongerOrStricterOnly) {
  Pause pause;
  pause.begin(Mode::kWrites, 100, 0);
  pause.begin(Mode::kWrites, 50, 10);
  EXPECT_EQ(pause.mode(99), Mode::kWrites) << "not shorter";
  pause.begin(Mode::kAll, 60, 10);
  EXPECT_EQ(pause.mode(99), Mode::kAll) << "stricter, for as long as the first";
  pause.begin(Mode::kWrites, 200, 10);
  EXPECT_EQ(pause.mode(199), Mode::kAll) << "longer, not milder";
  EXPECT_EQ(pause.mode(200), Mode::kNone);
}

TEST(Pause, OneThatIsOverLeavesNothing) {
  Pause pause;
  pause.begin(Mode::kAll, 100, 0);
  pause.begin(Mode::kWrites, 150, 120);
  EXPECT_EQ(pause.mode(130), Mode::kWrites);
  EXPECT_EQ(pause.mode(150), Mode::kNone);
}

TEST(Pause, CountsWhoIsHeld) {
  Pause pause;
  pause.hold();
  pause.hold();
  pause.let_go();
  EXPECT_EQ(pause.held(), 1u);
}

}  // namespace
}  // namespace pillion::data::session
