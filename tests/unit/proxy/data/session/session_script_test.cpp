// Scripts: kept in mind, shown again to an upstream that has lost them, never twice in doubt; and
// those that run on the fill link.
#include "tests/unit/proxy/data/session/crowd_fixture.hpp"

namespace pillion::data::session {
namespace {

constexpr const char* kNoScript = "-NOSCRIPT No matching script. Please use EVAL.\r\n";

class SessionScript : public CrowdFixture {
 protected:
  /// The reply of a script comes, and its fence.
  void script_answers(std::string_view bytes) {
    answer(leased(), bytes);
    for (const std::uint64_t fence : std::exchange(fences_, {})) session_->on_fenced(fence);
    go_on();
  }
  std::string known(std::string_view body) const { return known_.remember(body); }

  mutable request::ScriptStore known_;
  const std::string digest_ = known_.remember("return");
};

TEST_F(SessionScript, WhatIsShownIsRemembered) {
  say("EVAL return 0");
  script_answers("$-1\r\n");
  EXPECT_EQ(scripts_.find(digest_), "return");
  say("SCRIPT LOAD other");
  EXPECT_EQ(shared().sent(), "SCRIPT LOAD other");
  answer(shared(), "$40\r\n" + std::string(40, 'a') + "\r\n");
  EXPECT_EQ(scripts_.find(known("other")), "other");
}

TEST_F(SessionScript, WhatDoesNotCompileIsForgotten) {
  say("EVAL return 0");
  EXPECT_TRUE(scripts_.find(digest_)) << "others may use it while it runs";
  script_answers("-ERR Error compiling script\r\n");
  EXPECT_FALSE(scripts_.find(digest_));
  say("SCRIPT LOAD other");
  answer(shared(), "-ERR Error compiling script\r\n");
  EXPECT_FALSE(scripts_.find(known("other")));
}

TEST_F(SessionScript, OneThatFailedLaterIsNotForgotten) {
  say("EVAL return 0");
  script_answers("$-1\r\n");
  say("EVAL return 0");
  script_answers("-ERR user_script:1: attempt to do the impossible\r\n");
  EXPECT_TRUE(scripts_.find(digest_)) << "it has compiled before";
}

TEST_F(SessionScript, AnUpstreamThatHasLostItIsShownIt) {
  (void)scripts_.remember("return");
  say("EVALSHA " + digest_ + " 1 k a");
  EXPECT_EQ(leased().sent(), "EVALSHA " + digest_ + " 1 k a");
  answer(leased(), kNoScript);
  EXPECT_EQ(leased().sent(), "EVAL return 1 k a");
  EXPECT_EQ(leased().limits_.back(), TimeLimit::kScript);
  EXPECT_EQ(heard(), "");
  EXPECT_EQ(counters_.scripts_healed.get(), 1u);
  script_answers(":5\r\n");
  EXPECT_EQ(heard(), ":5\r\n");
  EXPECT_EQ(all_clients_.scripts.load(), 0u);
}

TEST_F(SessionScript, AReadOnlyOneStaysReadOnly) {
  (void)scripts_.remember("return");
  say("EVALSHA_RO " + digest_ + " 0");
  answer(leased(), kNoScript);
  EXPECT_TRUE(leased().sent().ends_with("EVAL_RO return 0"));
}

TEST_F(SessionScript, TheSecondAnswerStandsWhateverItIs) {
  (void)scripts_.remember("return");
  say("EVALSHA " + digest_ + " 0");
  answer(leased(), kNoScript);
  script_answers(kNoScript);
  EXPECT_EQ(heard(), kNoScript);
}

TEST_F(SessionScript, WhatNobodyHasSeenIsNotThere) {
  say("EVALSHA " + digest_ + " 0");
  script_answers(kNoScript);
  EXPECT_EQ(heard(), kNoScript);
  EXPECT_EQ(counters_.scripts_healed.get(), 0u);
}

TEST_F(SessionScript, NothingIsMendedWithMoreBehindIt) {
  (void)scripts_.remember("return");
  say("EVALSHA " + digest_ + " 0|SET a 1");
  EXPECT_EQ(leased().sent(), "EVALSHA " + digest_ + " 0|SET a 1");
  script_answers(std::string(kNoScript) + "+OK\r\n");
  EXPECT_EQ(heard(), std::string(kNoScript) + "+OK\r\n") << "SET a 1 was done already";
}

TEST_F(SessionScript, InMultiTheScriptItselfIsQueued) {
  (void)scripts_.remember("return");
  say("MULTI|EVALSHA " + digest_ + " 1 k|EVALSHA " + std::string(40, 'f') + " 0|EXEC");
  EXPECT_EQ(leased().sent(), "MULTI|EVAL return 1 k|EVALSHA " + std::string(40, 'f') + " 0|EXEC");
}

TEST_F(SessionScript, FlushForgetsAll) {
  (void)scripts_.remember("return");
  say("SCRIPT FLUSH");
  EXPECT_EQ(shared().sent(), "SCRIPT FLUSH");
  EXPECT_FALSE(scripts_.find(digest_)) << "EVALSHA is to fail from here on";
  answer(shared(), "+OK\r\n");
  EXPECT_EQ(heard(), "+OK\r\n");
}

TEST_F(SessionScript, AQueuedFlushForgetsWithItsExec) {
  (void)scripts_.remember("return");
  say("MULTI|SCRIPT FLUSH");
  answer(leased(), "+OK\r\n+QUEUED\r\n");
  EXPECT_TRUE(scripts_.find(digest_));
  say("DISCARD");
  answer(leased(), "+OK\r\n");
  EXPECT_TRUE(scripts_.find(digest_));
  say("MULTI|SCRIPT FLUSH|EXEC");
  answer(leased(), "+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n");
  EXPECT_FALSE(scripts_.find(digest_));
}

TEST_F(SessionScript, WhileOneRunsTheUpstreamSaysWhetherItWouldAnswer) {
  say("EVAL return 0");
  EXPECT_EQ(all_clients_.scripts.load(), 1u);
  say("PING");
  EXPECT_EQ(leased().sent(), "EVAL return 0|PING");
  Session& other = join();
  say_as(other, "PING", now_);
  EXPECT_EQ(shared().sent(), "PING") << "to everybody: BUSY is for all";
  script_answers(":1\r\n+PONG\r\n");
  EXPECT_EQ(heard(), ":1\r\n+PONG\r\n");
  EXPECT_EQ(all_clients_.scripts.load(), 0u);
}

TEST_F(SessionScript, OneThatIsLostRunsNoMore) {
  say("EVAL return 0");
  (void)leased().sent();
  leased().lose();
  EXPECT_EQ(all_clients_.scripts.load(), 0u);
  // It may have written before it was lost.
  ASSERT_EQ(fences_.size(), 1u);
  session_->on_fenced(fences_[0]);
  (void)heard();
  say("EVAL return 0");
  EXPECT_EQ(all_clients_.scripts.load(), 1u);
  session_.reset();
  EXPECT_EQ(all_clients_.scripts.load(), 0u);
}

/// Scripts that run on the fill link.
class SessionScriptOnLink : public SessionScript {
 protected:
  SessionScriptOnLink() { bring_link_up(); }
  /// The script's PING has another number each time.
  std::string link_sent_script() {
    const std::string said = link_sent();
    const std::size_t ping = said.find("|PING ");
    pong_ = ping == std::string::npos ? "" : said.substr(ping + 6);
    return said.substr(0, ping);
  }
  std::string pong() const { return "$" + std::to_string(pong_.size()) + "\r\n" + pong_ + "\r\n"; }
  /// What the link brings, and fences of other workers, if any were asked for.
  void link_answers(std::string_view bytes) {
    link_replies(bytes);
    for (const std::uint64_t fence : std::exchange(fences_, {})) session_->on_fenced(fence);
    go_on();
  }

  std::string pong_;
};

TEST_F(SessionScriptOnLink, OneAloneIsProvedByThePingBehindIt) {
  say("EVAL return 0");
  EXPECT_EQ(link_sent_script(), "CLIENT CACHING NO|EVAL return 0");
  EXPECT_TRUE(lanes_.leased_.empty());
  EXPECT_EQ(all_clients_.scripts.load(), 1U);
  link_replies("+OK\r\n:1\r\n");
  EXPECT_TRUE(fences_.empty());
  EXPECT_EQ(heard(), "") << "what it has written may still be on its way";
  link_replies(pong());
  ASSERT_EQ(fences_.size(), 1U);
  EXPECT_EQ(proven_, link_fsm_->options().link) << "others are asked, this link is not";
  link_answers("");
  EXPECT_EQ(heard(), ":1\r\n");
  EXPECT_EQ(all_clients_.scripts.load(), 0U);
  say("SET a 1");
  EXPECT_EQ(shared().sent(), "SET a 1") << "nothing is left that it has to wait for";
}

TEST_F(SessionScriptOnLink, WhatFollowsWaitsForItsReply) {
  say("EVAL return 0");
  (void)link_sent_script();
  say("SET a 1|GET a");
  EXPECT_TRUE(lanes_.shared_.empty() || shared().sent().empty());
  EXPECT_EQ(link_sent(), "");
  link_answers("+OK\r\n:1\r\n" + pong());
  EXPECT_EQ(heard(), ":1\r\n");
  EXPECT_EQ(shared().sent(), "SET a 1|GET a");
}

TEST_F(SessionScriptOnLink, APipelineTakesALease) {
  say("EVAL return 0|SET a 1");
  EXPECT_EQ(leased().sent(), "EVAL return 0|SET a 1");
  EXPECT_EQ(link_sent(), "");
}

TEST_F(SessionScriptOnLink, SoDoesWhatWritesNothing) {
  say("EVAL_RO return 0");
  EXPECT_EQ(leased().sent(), "EVAL_RO return 0");
  EXPECT_EQ(link_sent(), "");
}

TEST_F(SessionScriptOnLink, SoDoesAnotherUsers) {
  say("AUTH somebody secret");
  answer(*lanes_.leased_.back(), "+OK\r\n");
  const std::size_t before = lanes_.leased_.size();
  say("EVAL return 0");
  EXPECT_EQ(lanes_.leased_.size(), before + 1);
  EXPECT_EQ(link_sent(), "");
}

TEST_F(SessionScriptOnLink, ItsReplyIsInTheClientsProtocol) {
  say("EVAL return 0");
  (void)link_sent_script();
  link_answers("+OK\r\n%1\r\n+pi\r\n,3.14\r\n" + pong());
  EXPECT_EQ(heard(), "*2\r\n+pi\r\n$4\r\n3.14\r\n");
  say("HELLO 3");
  (void)heard();
  say("EVAL return 0");
  (void)link_sent_script();
  link_answers("+OK\r\n_\r\n" + pong());
  EXPECT_EQ(heard(), "_\r\n");
}

TEST_F(SessionScriptOnLink, OneOfAnotherDatabaseSelectsIt) {
  say("SELECT 3");
  answer(*lanes_.shared_.begin()->second, "+OK\r\n");
  (void)heard();
  say("EVAL return 0");
  EXPECT_EQ(link_sent_script(), "SELECT 3|CLIENT CACHING NO|EVAL return 0");
}

TEST_F(SessionScriptOnLink, ALostLinkLeavesItsOutcomeUnknown) {
  say("EVAL return 0");
  (void)link_sent_script();
  link_fsm_->on_failed("connection closed by the upstream", now_, 0);
  link_answers("");
  EXPECT_EQ(
      heard(),
      "-ERR upstream redis:6379 lost: the connection that ran the script; the outcome of this "
      "command is unknown\r\n");
  EXPECT_EQ(counters_.writes_outcome_unknown.get(), 1U);
  say("EVAL return 0");
  EXPECT_EQ(leased().sent(), "EVAL return 0") << "there is no link for it now";
}

TEST_F(SessionScriptOnLink, OneThatNeverEndsTimesOut) {
  say("EVAL return 0");
  (void)link_sent_script();
  now_ += 61 * state::kSecond;
  link_fsm_->on_tick(now_, 0);
  link_answers("");
  EXPECT_EQ(heard(),
            "-ERR upstream redis:6379 timed out: no reply of the script; the outcome of this "
            "command is unknown\r\n");
}

TEST_F(SessionScriptOnLink, AnUpstreamThatHasLostItIsShownItThere) {
  (void)scripts_.remember("return");
  say("EVALSHA " + digest_ + " 1 k a");
  EXPECT_EQ(link_sent_script(), "CLIENT CACHING NO|EVALSHA " + digest_ + " 1 k a");
  link_answers("+OK\r\n" + std::string(kNoScript) + pong());
  EXPECT_EQ(heard(), "");
  EXPECT_EQ(link_sent_script(), "CLIENT CACHING NO|EVAL return 1 k a");
  link_answers("+OK\r\n:5\r\n" + pong());
  EXPECT_EQ(heard(), ":5\r\n");
  EXPECT_EQ(counters_.scripts_healed.get(), 1U);
}

}  // namespace
}  // namespace pillion::data::session
