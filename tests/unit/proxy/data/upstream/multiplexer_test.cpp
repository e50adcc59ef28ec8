#include "proxy/data/upstream/multiplexer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "protocol/resp/writer.hpp"
#include "tests/support/byte_splitter.hpp"
#include "tests/unit/proxy/data/upstream/recording_sink.hpp"

namespace pillion::data::upstream {
namespace {

using Status = Multiplexer::Status;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr Requester who(std::uint64_t slot) {
  return {1, 1, slot};
}

class MultiplexerTest : public ::testing::Test {
 protected:
  void read(std::string_view request, std::uint64_t slot) {
    mux_.submit(request, who(slot), CommandClass::kRead, TimeLimit::kCommand, now_);
  }
  void write(std::string_view request, std::uint64_t slot) {
    mux_.submit(request, who(slot), CommandClass::kWrite, TimeLimit::kCommand, now_);
  }
  std::string send_all() {
    std::string bytes(mux_.unwritten());
    mux_.written(bytes.size());
    return bytes;
  }
  Status reply(std::string_view bytes) { return mux_.on_bytes(bytes, now_); }

  RecordingSink sink_;
  Multiplexer mux_{sink_};
  state::Nanos now_ = 1000;
};

TEST_F(MultiplexerTest, RequestsLeaveInOrderAndRepliesFindTheirs) {
  read("<a>", 1);
  write("<b>", 2);
  read("<c>", 1);
  EXPECT_EQ(send_all(), "<a><b><c>");
  EXPECT_EQ(mux_.outstanding(), 3u);
  EXPECT_EQ(reply("+1\r\n+2\r\n+3\r\n"), Status::kOk);
  EXPECT_THAT(sink_.calls(),
              ElementsAre("replies 1 1 +1\r\n", "replies 2 1 +2\r\n", "replies 1 1 +3\r\n"));
  EXPECT_TRUE(mux_.idle());
}

TEST_F(MultiplexerTest, TellsWhereRepliesThatComeTogetherEnd) {
  for (int i = 0; i < 4; ++i) read("<a>", 1);
  (void)send_all();
  EXPECT_EQ(reply("+1\r\n$2\r\nab\r\n*1\r\n:5\r\n"), Status::kOk);
  EXPECT_THAT(sink_.ends_, ElementsAre(4u, 12u));
  EXPECT_EQ(reply("$-1"), Status::kOk);
  EXPECT_EQ(reply("\r\n"), Status::kOk);
  EXPECT_THAT(sink_.ends_, IsEmpty());
  EXPECT_EQ(sink_.frames_, 4u);
}

TEST_F(MultiplexerTest, SomeRepliesTellThatTheirCommandsWereExecuted) {
  const auto after = [this](std::string_view bytes) {
    ++now_;
    read("<r>", 1);
    (void)send_all();
    const state::Nanos asked_at = now_++;
    EXPECT_EQ(reply(bytes), Status::kOk);
    return mux_.executed() == asked_at;
  };
  EXPECT_TRUE(after(":1\r\n"));
  EXPECT_TRUE(after("$1\r\nx\r\n"));
  EXPECT_TRUE(after("_\r\n"));
  EXPECT_FALSE(after("-BUSY Redis is busy\r\n"));
  EXPECT_FALSE(after("+OK\r\n")) << "MULTI is taken while a script runs";
  EXPECT_FALSE(after("%0\r\n")) << "so are HELLO and FUNCTION STATS";
}

TEST_F(MultiplexerTest, NeighboursOfOneRequesterAreAnsweredTogether) {
  for (int i = 0; i < 5; ++i) read("<r>", 1);
  (void)send_all();
  EXPECT_EQ(reply("+1\r\n:2\r\n$1\r\n3\r\n*0\r\n"), Status::kOk);
  EXPECT_THAT(sink_.calls(), ElementsAre("replies 1 4 +1\r\n:2\r\n$1\r\n3\r\n*0\r\n"));
  EXPECT_EQ(reply("-x\r\n"), Status::kOk);
  EXPECT_THAT(sink_.calls(), ElementsAre("replies 1 1 -x\r\n"));
}

TEST_F(MultiplexerTest, WhatAClustersReplicaDoesNotFindIsHandedOverByItself) {
  Multiplexer doubting{sink_, true};
  const std::string request = "*2\r\n$3\r\nTTL\r\n$1\r\na\r\n";
  for (int i = 0; i < 4; ++i)
    doubting.submit(request, who(1), CommandClass::kRead, TimeLimit::kReplica, now_);
  doubting.written(doubting.unwritten().size());
  EXPECT_EQ(doubting.on_bytes(":5\r\n:-2\r\n$-1\r\n:0", now_), Status::kOk);
  EXPECT_THAT(sink_.calls(),
              ElementsAre("replies 1 1 :5\r\n", "refused 1 [" + request + "] :-2\r\n",
                          "refused 1 [" + request + "] $-1\r\n"));
  EXPECT_EQ(doubting.on_bytes("\r\n", now_), Status::kOk);
  EXPECT_THAT(sink_.calls(), ElementsAre("refused 1 [" + request + "] :0\r\n"));
}

TEST_F(MultiplexerTest, RunsAreNotMergedAcrossWhatTellsThemApart) {
  read("<a>", 1);
  write("<b>", 1);                                                           // another class
  mux_.submit("<c>", who(1), CommandClass::kWrite, TimeLimit::kNone, now_);  // no time limit
  ++now_;
  mux_.submit("<d>", who(1), CommandClass::kWrite, TimeLimit::kNone, now_);  // another moment
  mux_.fail({FailureKind::kClosed, "x"});
  EXPECT_THAT(sink_.calls(), ElementsAre("lost 1 read unanswered=1 answered=0 [<a>] x",
                                         "lost 1 write unanswered=1 answered=0 [<b>] x",
                                         "lost 1 write unanswered=1 answered=0 [<c>] x",
                                         "lost 1 write unanswered=1 answered=0 [<d>] x"));
}

TEST_F(MultiplexerTest, EverySplitGivesEveryoneTheSame) {
  const std::string replies =
      "+OK\r\n$5\r\nhello\r\n*2\r\n$-1\r\n:7\r\n%1\r\n+k\r\n_\r\n-ERR no\r\n";
  test::for_each_split(replies, [&](const test::Cuts& cuts) {
    RecordingSink sink;
    Multiplexer mux(sink);
    for (const std::uint64_t slot : {1, 1, 2, 2, 3})
      mux.submit("<r>", who(slot), CommandClass::kRead, TimeLimit::kCommand, now_);
    mux.written(15);
    std::size_t at = 0;
    for (const std::size_t end : cuts) {
      ASSERT_EQ(mux.on_bytes(std::string_view(replies).substr(at, end - at), now_), Status::kOk);
      at = end;
    }
    EXPECT_EQ(sink.bytes_of(who(1)), "+OK\r\n$5\r\nhello\r\n");
    EXPECT_EQ(sink.bytes_of(who(2)), "*2\r\n$-1\r\n:7\r\n%1\r\n+k\r\n_\r\n");
    EXPECT_EQ(sink.bytes_of(who(3)), "-ERR no\r\n");
    EXPECT_EQ(sink.frames_, 5u);
    EXPECT_TRUE(mux.idle());
    EXPECT_EQ(mux.outstanding(), 0u);
  });
}

TEST_F(MultiplexerTest, ALargeReplyIsPassedOnAsItComes) {
  read("<a>", 1);
  read("<b>", 2);
  (void)send_all();
  EXPECT_EQ(reply("$100000\r\nabc"), Status::kOk);
  EXPECT_TRUE(mux_.streaming());
  EXPECT_TRUE(mux_.others_wait());
  EXPECT_EQ(reply(std::string(99'997, 'x')), Status::kOk);
  EXPECT_EQ(reply("\r\n+2\r\n"), Status::kOk);
  EXPECT_THAT(sink_.calls(), ElementsAre("fragment 1 12", "fragment 1 99997", "fragment 1 last 2",
                                         "replies 2 1 +2\r\n"));
  EXPECT_FALSE(mux_.streaming());
  EXPECT_EQ(sink_.bytes_of(who(1)).size(), 100'011u);
}

TEST_F(MultiplexerTest, AHeaderInPiecesStillStreams) {
  read("<a>", 1);
  for (const char* piece : {"$10", "00", "00", "\r"}) EXPECT_EQ(reply(piece), Status::kOk);
  EXPECT_THAT(sink_.calls(), IsEmpty());
  EXPECT_EQ(reply("\nabc"), Status::kOk);
  EXPECT_EQ(sink_.bytes_of(who(1)), "$100000\r\nabc");
}

TEST_F(MultiplexerTest, TheSinkMayPauseALargeReply) {
  read("<a>", 1);
  sink_.flow_ = Flow::kPause;
  EXPECT_EQ(reply("$100000\r\n"), Status::kPause);
  sink_.flow_ = Flow::kGoOn;
  EXPECT_EQ(reply(std::string(100'000, 'x') + "\r\n"), Status::kOk);
}

TEST_F(MultiplexerTest, ALargeRequestIsNotKept) {
  mux_.begin_large(who(1), now_);
  const std::string piece(1 << 20, 'x');
  for (int i = 0; i < 4; ++i) {
    mux_.append_opaque(piece);
    EXPECT_EQ(mux_.unwritten_bytes(), piece.size());
    mux_.written(1000);
    mux_.written(piece.size() - 1000);
  }
  EXPECT_EQ(mux_.unwritten_bytes(), 0u);
  EXPECT_EQ(reply("+OK\r\n"), Status::kOk);
  EXPECT_THAT(sink_.calls(), ElementsAre("replies 1 1 +OK\r\n"));
  EXPECT_TRUE(mux_.idle());
  // What follows is matched and kept as ever.
  read("<a>", 2);
  EXPECT_EQ(send_all(), "<a>");
  mux_.fail({FailureKind::kClosed, "x"});
  EXPECT_THAT(sink_.calls(), ElementsAre("lost 2 read unanswered=1 answered=0 sent [<a>] x"));
}

TEST_F(MultiplexerTest, ALostLargeRequestMayHaveBeenDone) {
  mux_.begin_large(who(1), now_);
  mux_.append_opaque("half");
  mux_.fail({FailureKind::kClosed, "x"});
  EXPECT_THAT(sink_.calls(), ElementsAre("lost 1 write unanswered=1 answered=0 sent [] x"));
}

TEST_F(MultiplexerTest, ARelayPassesBytesBothWays) {
  read("<a>", 1);
  (void)send_all();
  EXPECT_EQ(reply("+1\r\n"), Status::kOk);
  (void)sink_.calls();
  mux_.start_relay(who(0));
  EXPECT_FALSE(mux_.idle());
  mux_.append_opaque("SUBSCRIBE c");
  EXPECT_EQ(send_all(), "SUBSCRIBE c");
  EXPECT_EQ(reply("not even RESP"), Status::kOk);
  sink_.flow_ = Flow::kPause;
  EXPECT_EQ(reply(">2\r\n"), Status::kPause);
  mux_.fail({FailureKind::kClosed, "x"});
  EXPECT_THAT(sink_.calls(),
              ElementsAre("relay 0 not even RESP", "relay 0 >2\r\n", "relay-lost 0"));
}

TEST_F(MultiplexerTest, WhatCannotBeMatchedEndsTheConnection) {
  EXPECT_EQ(reply("+nobody asked\r\n"), Status::kProtocolError);
  for (const char* bytes :
       {"!!", "$x\r\n", "*-5\r\n", ">2\r\n+message\r\n+x\r\n", "+1\r\n+one too many\r\n"}) {
    RecordingSink sink;
    Multiplexer mux(sink);
    mux.submit("<a>", who(1), CommandClass::kRead, TimeLimit::kCommand, now_);
    EXPECT_EQ(mux.on_bytes(bytes, now_), Status::kProtocolError) << bytes;
  }
}

TEST_F(MultiplexerTest, WhatIsLostIsToldInOrderWithItsBytes) {
  read("<a>", 1);
  read("<aa>", 1);
  write("<b>", 2);
  read("<c>", 3);
  mux_.written(11);  // all of <a><aa>, of <b> all, of <c> one byte
  write("<d>", 4);
  EXPECT_EQ(reply("+1\r\n$10\r\nhal"), Status::kOk);
  (void)sink_.calls();
  mux_.fail({FailureKind::kTimeout, "late"});
  EXPECT_THAT(sink_.calls(), ElementsAre("lost 1 read unanswered=1 answered=1 sent [<a><aa>] late",
                                         "lost 2 write unanswered=1 answered=0 sent [<b>] late",
                                         "lost 3 read unanswered=1 answered=0 sent [<c>] late",
                                         "lost 4 write unanswered=1 answered=0 [<d>] late"));
  // As new.
  EXPECT_TRUE(mux_.idle());
  EXPECT_EQ(mux_.outstanding(), 0u);
  EXPECT_EQ(mux_.unwritten_bytes(), 0u);
  read("<e>", 5);
  EXPECT_EQ(send_all(), "<e>");
  EXPECT_EQ(reply("+5\r\n"), Status::kOk);
  EXPECT_THAT(sink_.calls(), ElementsAre("replies 5 1 +5\r\n"));
}

TEST_F(MultiplexerTest, AReplyThatWasPassedOnInPartIsSaidSo) {
  read("<a>", 1);
  read("<b>", 2);
  (void)send_all();
  EXPECT_EQ(reply("$100000\r\nabc"), Status::kOk);
  (void)sink_.calls();
  mux_.fail({FailureKind::kClosed, "x"});
  EXPECT_THAT(sink_.calls(), ElementsAre("lost 1 read unanswered=1 answered=0 sent begun [<a>] x",
                                         "lost 2 read unanswered=1 answered=0 sent [<b>] x"));
}

TEST_F(MultiplexerTest, BytesOfLostRunsAreRightAfterManyAnswers) {
  // Far beyond the point where answered bytes are cut off.
  const std::string request(1000, 'r');
  for (int i = 0; i < 300; ++i) {
    ++now_;
    read(request, 1);
    read("<" + std::to_string(i) + ">", 2);
    (void)send_all();
    if (i >= 2) {
      EXPECT_EQ(reply("+1\r\n+2\r\n"), Status::kOk);
    }
  }
  (void)sink_.calls();
  mux_.fail({FailureKind::kClosed, "x"});
  const auto lost = sink_.calls();
  ASSERT_EQ(lost.size(), 4u);
  EXPECT_EQ(lost[1], "lost 2 read unanswered=1 answered=0 sent [<298>] x");
  EXPECT_EQ(lost[3], "lost 2 read unanswered=1 answered=0 sent [<299>] x");
}

TEST_F(MultiplexerTest, TheOldestBoundedCommandMayBeOverdue) {
  EXPECT_FALSE(mux_.overdue(now_, {10, 100}));
  read("<a>", 1);
  now_ += 10;
  read("<b>", 1);
  EXPECT_FALSE(mux_.overdue(now_, {10, 100}));
  EXPECT_TRUE(mux_.overdue(now_ + 1, {10, 100}));
  EXPECT_EQ(reply("+1\r\n"), Status::kOk);
  EXPECT_FALSE(mux_.overdue(now_ + 1, {10, 100})) << "the next one was sent later";
}

TEST_F(MultiplexerTest, AReplyThatTricklesInIsNotOverdue) {
  read("<a>", 1);
  now_ += 100;
  EXPECT_EQ(reply("$5\r\nhe"), Status::kOk);
  EXPECT_FALSE(mux_.overdue(now_ + 10, {10, 100}));
  EXPECT_TRUE(mux_.overdue(now_ + 11, {10, 100}));
}

TEST_F(MultiplexerTest, ABlockingCommandIsNeverOverdue) {
  mux_.submit("<blpop>", who(1), CommandClass::kWrite, TimeLimit::kNone, now_);
  EXPECT_FALSE(mux_.overdue(now_ + state::kSecond * 3600, {10, 100}));
}

class MultiplexerCheck : public MultiplexerTest {
 protected:
  MultiplexerCheck() {
    mux_.submit_check(1234567890123456789U, now_);
    request_ = send_all();
  }
  std::string request_;
};

TEST_F(MultiplexerCheck, TheNonceComesBackAndNobodyIsTold) {
  // Marked, so that MONITOR can tell it from a client's.
  EXPECT_EQ(request_, "*2\r\n$4\r\nPING\r\n$27\r\npillion-1234567890123456789\r\n");
  const std::string echo = "$27\r\npillion-1234567890123456789\r\n";
  test::for_each_split(echo, [&](const test::Cuts& cuts) {
    RecordingSink sink;
    Multiplexer mux(sink);
    mux.submit_check(1234567890123456789U, now_);
    mux.written(mux.unwritten_bytes());
    std::size_t at = 0;
    for (const std::size_t end : cuts) {
      EXPECT_FALSE(mux.idle());
      ASSERT_EQ(mux.on_bytes(std::string_view(echo).substr(at, end - at), now_), Status::kOk);
      at = end;
    }
    EXPECT_TRUE(mux.idle());
    EXPECT_THAT(sink.calls(), IsEmpty());
    mux.submit("<a>", who(1), CommandClass::kRead, TimeLimit::kCommand, now_);
    EXPECT_EQ(mux.on_bytes("+1\r\n", now_), Status::kOk);
    EXPECT_THAT(sink.calls(), ElementsAre("replies 1 1 +1\r\n"));
  });
}

TEST_F(MultiplexerCheck, ForgedFramesEndTheConnection) {
  for (const char* forged :
       {"+PONG\r\n", "$27\r\npillion-1234567890123456780\r\n", "$19\r\n1234567890123456789\r\n",
        "$5\r\nhello\r\n", "*0\r\n", "-ERR x\r\n", "$100000\r\n",
        "+a very long line that is no nonce at all"}) {
    RecordingSink sink;
    Multiplexer mux(sink);
    mux.submit_check(1234567890123456789U, now_);
    mux.submit("<secret>", who(2), CommandClass::kRead, TimeLimit::kCommand, now_);
    EXPECT_EQ(mux.on_bytes(forged, now_), Status::kProtocolError) << forged;
    EXPECT_THAT(sink.calls(), IsEmpty()) << "nobody got " << forged;
  }
}

TEST_F(MultiplexerCheck, IsNotReportedAsLost) {
  read("<a>", 1);
  mux_.fail({FailureKind::kClosed, "x"});
  EXPECT_THAT(sink_.calls(), ElementsAre("lost 1 read unanswered=1 answered=0 [<a>] x"));
}

class MultiplexerPushes : public MultiplexerTest {
 protected:
  static constexpr std::string_view kPush = ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n";
  static std::string told(std::string_view frame = kPush) { return "push 7 " + std::string(frame); }
};

TEST_F(MultiplexerPushes, AreHandedOverInTheirPlaceAmongReplies) {
  mux_.accept_pushes(who(7));
  read("<a>", 1);
  read("<b>", 1);
  write("<c>", 2);
  (void)send_all();
  const std::string push(kPush);
  EXPECT_EQ(reply(push + "+1\r\n" + push + push + "+2\r\n+3\r\n" + push), Status::kOk);
  EXPECT_THAT(sink_.calls(), ElementsAre(told(), "replies 1 1 +1\r\n", told(), told(),
                                         "replies 1 1 +2\r\n", "replies 2 1 +3\r\n", told()));
  EXPECT_TRUE(mux_.idle()) << "a push answers nothing";
}

TEST_F(MultiplexerPushes, ComeBeforeAnythingWasAsked) {
  mux_.accept_pushes(who(7));
  EXPECT_EQ(reply(kPush), Status::kOk);
  EXPECT_THAT(sink_.calls(), ElementsAre(told()));
}

TEST_F(MultiplexerPushes, EverySplitHandsOverWholeFrames) {
  const std::string push(kPush);
  const std::string replies = push + "$5\r\nhello\r\n" + push + "*2\r\n:1\r\n:2\r\n+OK\r\n" + push;
  test::for_each_split(replies, [&](const test::Cuts& cuts) {
    RecordingSink sink;
    Multiplexer mux(sink);
    mux.accept_pushes(who(7));
    for (int i = 0; i < 3; ++i)
      mux.submit("<r>", who(1), CommandClass::kRead, TimeLimit::kCommand, now_);
    mux.written(9);
    std::size_t at = 0;
    for (const std::size_t end : cuts) {
      ASSERT_EQ(mux.on_bytes(std::string_view(replies).substr(at, end - at), now_), Status::kOk);
      at = end;
    }
    std::string order;
    for (const std::string& call : sink.calls()) {
      const bool push_call = call.starts_with("push");
      if (push_call) {
        EXPECT_EQ(call, told());
      }
      order += push_call ? 'p' : 'r';
    }
    // Neighbouring replies may come together.
    EXPECT_TRUE(order == "prprrp" || order == "prprp") << order;
    EXPECT_EQ(sink.bytes_of(who(1)), "$5\r\nhello\r\n*2\r\n:1\r\n:2\r\n+OK\r\n");
    EXPECT_TRUE(mux.idle());
  });
}

TEST_F(MultiplexerPushes, WaitBehindAReplyThatIsPassedOnInPieces) {
  mux_.accept_pushes(who(7));
  read("<a>", 1);
  EXPECT_EQ(reply("$100000\r\n"), Status::kOk);
  // What looks like a push is the reply's own.
  EXPECT_EQ(reply(">" + std::string(99'999, 'x')), Status::kOk);
  EXPECT_EQ(reply("\r\n" + std::string(kPush)), Status::kOk);
  EXPECT_THAT(sink_.calls(),
              ElementsAre("fragment 1 9", "fragment 1 100000", "fragment 1 last 2", told()));
}

TEST_F(MultiplexerPushes, AreNobodysOnALaneThatDoesNotExpectThem) {
  read("<a>", 1);
  EXPECT_EQ(reply(kPush), Status::kProtocolError);
  RecordingSink sink;
  Multiplexer idle(sink);
  EXPECT_EQ(idle.on_bytes(kPush, now_), Status::kProtocolError);
  EXPECT_THAT(sink.calls(), IsEmpty());
}

TEST_F(MultiplexerPushes, TheirEndIsToldWithTheConnections) {
  mux_.accept_pushes(who(7));
  read("<a>", 1);
  EXPECT_EQ(reply(std::string(kPush).substr(0, 9)), Status::kOk);
  mux_.fail({FailureKind::kClosed, "x"});
  EXPECT_THAT(sink_.calls(),
              ElementsAre("lost 1 read unanswered=1 answered=0 [<a>] x", "relay-lost 7"));
  // As new: half a push is forgotten, and pushes are unexpected again.
  read("<b>", 2);
  EXPECT_EQ(reply("+2\r\n"), Status::kOk);
  EXPECT_THAT(sink_.calls(), ElementsAre("replies 2 1 +2\r\n"));
  EXPECT_EQ(reply(kPush), Status::kProtocolError);
}

TEST_F(MultiplexerPushes, AMalformedOneEndsTheConnection) {
  mux_.accept_pushes(who(7));
  EXPECT_EQ(reply(">2\r\n!!"), Status::kProtocolError);
}

}  // namespace
}  // namespace pillion::data::upstream
