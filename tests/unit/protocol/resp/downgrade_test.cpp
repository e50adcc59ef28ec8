#include "protocol/resp/downgrade.hpp"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/protocol/resp/bytes.hpp"
#include "tests/unit/protocol/resp/recorded_replies.hpp"

namespace pillion::resp {
namespace {

std::string downgraded(std::string_view frame, Shape shape = Shape::kAsIs) {
  const ExactBytes block(frame);
  std::string out = "kept";
  if (!append_downgraded(out, block.view(), shape)) {
    EXPECT_EQ(out, "kept") << "a refusal leaves no trace";
    return "refused";
  }
  EXPECT_EQ(out.substr(0, 4), "kept");
  return out.substr(4);
}

TEST(Downgrade, EqualsWhatRedisSendsInResp2) {
  for (const Recorded& reply : kRecordedReplies) {
    EXPECT_EQ(downgraded(reply.resp3, reply.shape), reply.resp2) << reply.command;
    EXPECT_EQ(same_in_resp2(reply.resp3, reply.shape), reply.resp3 == reply.resp2) << reply.command;
    EXPECT_EQ(downgraded(reply.resp2, reply.shape), reply.resp2) << reply.command;
    EXPECT_TRUE(same_in_resp2(reply.resp2, reply.shape)) << reply.command;
  }
}

TEST(Downgrade, TranslatesEveryType) {
  EXPECT_EQ(downgraded("_\r\n"), "$-1\r\n");
  EXPECT_EQ(downgraded(",1.5\r\n"), "$3\r\n1.5\r\n");
  EXPECT_EQ(downgraded(",inf\r\n"), "$3\r\ninf\r\n");
  EXPECT_EQ(downgraded("#t\r\n"), ":1\r\n");
  EXPECT_EQ(downgraded("#f\r\n"), ":0\r\n");
  EXPECT_EQ(downgraded("(12345678901234567890\r\n"), "$20\r\n12345678901234567890\r\n");
  EXPECT_EQ(downgraded("=6\r\ntxt:ab\r\n"), "$2\r\nab\r\n");
  EXPECT_EQ(downgraded("!8\r\nERR a\r\nb\r\n"), "-ERR a  b\r\n");
  EXPECT_EQ(downgraded("%1\r\n+k\r\n~2\r\n#t\r\n_\r\n"), "*2\r\n+k\r\n*2\r\n:1\r\n$-1\r\n");
  EXPECT_EQ(downgraded("*-1\r\n"), "*-1\r\n");
  EXPECT_EQ(downgraded("-ERR x\r\n"), "-ERR x\r\n");
}

TEST(Downgrade, LeavesAttributesOut) {
  EXPECT_EQ(downgraded("|1\r\n+a\r\n~1\r\n:1\r\n*2\r\n:1\r\n|1\r\n+b\r\n+c\r\n,2\r\n"),
            "*2\r\n:1\r\n$1\r\n2\r\n");
  EXPECT_EQ(downgraded("|1\r\n+a\r\n+b\r\n*1\r\n*2\r\n+m\r\n,1\r\n", Shape::kPairsToFlat),
            "*2\r\n+m\r\n$1\r\n1\r\n");
  EXPECT_FALSE(same_in_resp2("|1\r\n+a\r\n+b\r\n:1\r\n", Shape::kAsIs));
}

TEST(Downgrade, RefusesWhatIsNotOneReply) {
  for (const std::string_view frame :
       {"", "*1\r\n", ":1\r\n:2\r\n", "$3\r\nab\r\n", "?\r\n", ">1\r\n:1\r\n", "=3\r\nabc\r\n",
        "=5\r\nabcde\r\n", "|0\r\n"}) {
    EXPECT_EQ(downgraded(frame), "refused") << frame;
  }
  EXPECT_EQ(downgraded("*2\r\n*2\r\n+a\r\n,1\r\n+b\r\n", Shape::kPairsToFlat), "refused");
  EXPECT_EQ(downgraded("*2\r\n*2\r\n+a\r\n,1\r\n*1\r\n+b\r\n", Shape::kPairsToFlat), "refused");
}

}  // namespace
}  // namespace pillion::resp
