// CLIENT as the session handles it: who may, whom it means, what it does to them.
#include "tests/unit/proxy/data/session/crowd_fixture.hpp"

namespace pillion::data::session {
namespace {

using state::DisconnectReason;

class SessionClient : public CrowdFixture {
 protected:
  /// The upstream allows it, by the reply that the harmless form gets.
  void allow(std::string_view reply = ":0\r\n") { answer(shared(), reply); }
  std::string after_permission(std::string_view request, std::string_view reply = ":0\r\n") {
    say(request);
    (void)shared().sent();
    allow(reply);
    meet();
    return heard();
  }
};

TEST_F(SessionClient, ThePermissionIsAskedWithoutDoingAnythingThere) {
  const std::pair<const char*, const char*> forms[] = {
      {"CLIENT LIST", "CLIENT LIST ID 9223372036854775807"},
      {"CLIENT LIST TYPE normal", "CLIENT LIST ID 9223372036854775807"},
      {"CLIENT KILL 1.2.3.4:5", "CLIENT KILL ID 9223372036854775807"},
      {"CLIENT KILL USER bob TYPE normal",
       "CLIENT KILL USER bob TYPE normal ID 9223372036854775807"},
      {"CLIENT UNBLOCK 5 ERROR", "CLIENT UNBLOCK 9223372036854775807"},
      {"CLIENT PAUSE 100000", "CLIENT PAUSE 0 WRITE"},
      {"CLIENT UNPAUSE", "CLIENT PAUSE 0 WRITE"},
      {"CLIENT NO-EVICT ON", "CLIENT NO-EVICT OFF"},
  };
  for (const auto& [request, asked] : forms) {
    say(request);
    EXPECT_EQ(shared().sent(), asked) << request;
    EXPECT_EQ(heard(), "") << request;
    answer(shared(), "-NOPERM no\r\n");
    EXPECT_EQ(heard(), "-NOPERM no\r\n") << "its refusal is the answer";
    EXPECT_TRUE(asked_.empty()) << request;
  }
  EXPECT_EQ(all_clients_.pause.mode(now_), Pause::Mode::kNone);
  EXPECT_FALSE(session_->state().no_evict);
}

TEST_F(SessionClient, ARefusalNamesWhatTheClientAskedFor) {
  say("CLIENT UNPAUSE");
  answer(shared(), "-NOPERM this user has no permissions to run the 'client|pause' command\r\n");
  EXPECT_EQ(heard(),
            "-NOPERM this user has no permissions to run the 'client|unpause' command\r\n");
}

TEST_F(SessionClient, WithoutAnUpstreamThereIsNoPermission) {
  say("CLIENT KILL ID 2");
  shared().lose();
  go_on();
  EXPECT_EQ(heard().substr(0, 29), "-ERR upstream redis:6379 lost");
  EXPECT_TRUE(asked_.empty());
}

TEST_F(SessionClient, TheListIsThisProcesssInTheOrderOfIds) {
  join();
  say_as(join(), "CLIENT SETNAME third", now_);
  const std::string heard_list = after_permission("CLIENT LIST", "$0\r\n\r\n");
  const std::size_t first = heard_list.find("\r\nid=1 ");
  const std::size_t second = heard_list.find("\nid=2 ");
  const std::size_t third = heard_list.find("\nid=3 ");
  EXPECT_EQ(heard_list.front(), '$');
  EXPECT_NE(first, std::string::npos);
  EXPECT_LT(first, second);
  EXPECT_LT(second, third);
  EXPECT_NE(heard_list.find("name=third"), std::string::npos);
  EXPECT_NE(heard_list.find("cmd=client|list"), std::string::npos);
  EXPECT_TRUE(heard_list.ends_with("\n\r\n"));
}

TEST_F(SessionClient, TheListIsFilteredAndMayBeEmpty) {
  join();
  EXPECT_EQ(after_permission("CLIENT LIST ID 99", "$0\r\n\r\n"), "$0\r\n\r\n");
  const std::string one = after_permission("CLIENT LIST ID 2 99", "$0\r\n\r\n");
  EXPECT_NE(one.find("\r\nid=2 "), std::string::npos);
  EXPECT_EQ(one.find("id=1 "), std::string::npos);
  EXPECT_EQ(after_permission("CLIENT LIST ID x", "$0\r\n\r\n"), "-ERR Invalid client ID\r\n");
}

TEST_F(SessionClient, TextIsVerbatimInResp3) {
  say("HELLO 3|CLIENT INFO");
  const std::string text = heard();
  const std::size_t info = text.find("\r\n=");
  ASSERT_NE(info, std::string::npos) << text;
  EXPECT_NE(text.find("\r\ntxt:id=1 ", info), std::string::npos) << text;
  say("CLIENT LIST");
  answer(lanes_.shared(key(0, 3)), "=4\r\ntxt:\r\n");
  meet();
  EXPECT_NE(heard().find("\r\ntxt:id=1 "), std::string::npos);
}

TEST_F(SessionClient, TheAnswerKeepsItsPlace) {
  say("SET a 1|CLIENT LIST ID 99|PING");
  EXPECT_EQ(shared().sent(), "SET a 1|CLIENT LIST ID 9223372036854775807");
  answer(shared(), "+OK\r\n$0\r\n\r\n");
  EXPECT_EQ(heard(), "+OK\r\n");
  meet();
  EXPECT_EQ(heard(), "$0\r\n\r\n+PONG\r\n");
}

TEST_F(SessionClient, WhoWantsNoRepliesGetsNone) {
  say("CLIENT REPLY OFF|CLIENT LIST");
  answer(shared(), "$0\r\n\r\n");
  meet();
  say("CLIENT REPLY ON");
  EXPECT_EQ(heard(), "+OK\r\n");
}

TEST_F(SessionClient, InfoAndNamesNeedNoPermission) {
  say("CLIENT ID|CLIENT SETNAME me|CLIENT GETNAME|CLIENT INFO");
  const std::string text = heard();
  EXPECT_TRUE(text.starts_with(":1\r\n+OK\r\n$2\r\nme\r\n$")) << text;
  EXPECT_NE(text.find("id=1 "), std::string::npos);
  EXPECT_NE(text.find(" name=me "), std::string::npos);
  EXPECT_NE(text.find(" cmd=client|info "), std::string::npos);
  EXPECT_TRUE(lanes_.shared_.empty());
}

TEST_F(SessionClient, WhoIsNobodyYetIsToldSo) {
  context_.auth_required = true;
  for (const char* request : {"CLIENT LIST", "CLIENT ID", "CLIENT KILL ID 2", "CLIENT PAUSE 100"}) {
    say(request);
    EXPECT_EQ(heard(), "-NOAUTH Authentication required.\r\n") << request;
  }
}

TEST_F(SessionClient, WhatANewerRedisKnowsIsTheUpstreamsToRefuse) {
  say("CLIENT SETINFO LIB-NAME x");
  EXPECT_EQ(shared().sent(), "CLIENT SETINFO LIB-NAME x") << "7.0 does not know it";
  answer(shared(), "-ERR unknown subcommand\r\n");
  EXPECT_EQ(heard(), "-ERR unknown subcommand\r\n");
  state::TopologySnapshot newer;
  newer.redis_version = "7.2.4";
  publish(newer);
  say("CLIENT SETINFO LIB-NAME x|CLIENT NO-TOUCH ON");
  EXPECT_EQ(heard(), "+OK\r\n+OK\r\n");
  EXPECT_EQ(session_->state().library_name, "x");
  EXPECT_TRUE(session_->state().no_touch);
}

TEST_F(SessionClient, KillEndsThoseThatAreMeant) {
  join();
  join();
  EXPECT_EQ(after_permission("CLIENT KILL ID 3"), ":1\r\n");
  EXPECT_TRUE(members_[0]->closed_.empty());
  EXPECT_EQ(members_[1]->closed_, std::vector{DisconnectReason::kKilled});
  EXPECT_EQ(after_permission("CLIENT KILL ID 99"), ":0\r\n");
  EXPECT_EQ(after_permission("CLIENT KILL 9.9.9.9:9"), "-ERR No such client\r\n");
  EXPECT_EQ(after_permission("CLIENT KILL TYPE wat"), "-ERR Unknown client type 'wat'\r\n");
  EXPECT_EQ(after_permission("CLIENT KILL TYPE normal"), ":2\r\n") << "all but the asker";
  EXPECT_FALSE(session_->finished());
}

TEST_F(SessionClient, WhoKillsHimselfHearsOfItFirst) {
  ClientState state;
  state.peer = "1.2.3.4:5";
  restart(state);
  say("CLIENT KILL 1.2.3.4:5");
  (void)shared().sent();
  allow();
  meet();
  EXPECT_TRUE(session_->finished());
  EXPECT_EQ(session_->close_reason(), DisconnectReason::kKilled);
  EXPECT_TRUE(asker_->closed_.empty()) << "closed when it is written, not before";
  EXPECT_EQ(heard(), "+OK\r\n");
  say("SET a 1");
  EXPECT_EQ(shared().sent(), "") << "nothing more is done";
}

TEST_F(SessionClient, WhatASuicideSaidBehindIsNotDone) {
  say("CLIENT KILL ID 1 SKIPME no|SET a 1|PING");
  EXPECT_EQ(shared().sent(), "CLIENT KILL ID 1 SKIPME no ID 9223372036854775807");
  allow();
  meet();
  EXPECT_EQ(shared().sent(), "");
  EXPECT_EQ(heard(), ":1\r\n");
  EXPECT_TRUE(session_->finished());
}

TEST_F(SessionClient, TheNewFormSparesTheAskerUnlessToldNotTo) {
  EXPECT_EQ(after_permission("CLIENT KILL ID 1"), ":0\r\n");
  EXPECT_FALSE(session_->finished());
  EXPECT_EQ(after_permission("CLIENT KILL ID 1 SKIPME no"), ":1\r\n");
  EXPECT_TRUE(session_->finished());
}

TEST_F(SessionClient, UnblockNamesTheConnectionAtTheUpstream) {
  Session& other = join();
  say_as(other, "BLPOP q 0", now_);
  leased().client_id_ = 4711;
  EXPECT_TRUE(other.activity().blocked);
  say("CLIENT UNBLOCK 2");
  (void)shared().sent();
  allow();
  meet();
  EXPECT_EQ(shared().sent(), "CLIENT UNBLOCK 4711 TIMEOUT");
  EXPECT_EQ(heard(), "");
  answer(shared(), ":1\r\n");
  EXPECT_EQ(heard(), ":1\r\n");

  say("CLIENT UNBLOCK 2 error");
  (void)shared().sent();
  allow();
  meet();
  EXPECT_EQ(shared().sent(), "CLIENT UNBLOCK 4711 error");
  answer(shared(), ":1\r\n");
  leased().reply("-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n");
  EXPECT_EQ(heard_by(other), "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n");
  EXPECT_FALSE(other.activity().blocked);
}

TEST_F(SessionClient, WhoDoesNotBlockCannotBeUnblocked) {
  join();
  EXPECT_EQ(after_permission("CLIENT UNBLOCK 2"), ":0\r\n");
  EXPECT_EQ(after_permission("CLIENT UNBLOCK 99"), ":0\r\n");
  EXPECT_EQ(after_permission("CLIENT UNBLOCK x"),
            "-ERR value is not an integer or out of range\r\n");
  EXPECT_EQ(after_permission("CLIENT UNBLOCK 2 wat"),
            "-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR\r\n");
  EXPECT_EQ(after_permission("CLIENT UNBLOCK 2 ERROR x"), "-ERR syntax error\r\n");
  EXPECT_EQ(shared().sent(), "");
}

TEST_F(SessionClient, NoEvictIsKeptAndShown) {
  EXPECT_EQ(after_permission("CLIENT NO-EVICT maybe", "+OK\r\n"), "-ERR syntax error\r\n");
  EXPECT_EQ(after_permission("CLIENT NO-EVICT ON", "+OK\r\n"), "+OK\r\n");
  say("CLIENT INFO");
  EXPECT_NE(heard().find(" flags=e "), std::string::npos);
}

TEST_F(SessionClient, ActivityIsWhatTheSessionDoes) {
  say("MULTI|GET a|GET b");
  answer(leased(), "+OK\r\n+QUEUED\r\n+QUEUED\r\n");
  Activity activity = session_->activity();
  EXPECT_TRUE(activity.in_multi);
  EXPECT_EQ(activity.queued, 2u);
  EXPECT_GT(activity.output_bytes, 0u) << "nobody has read it";
  say("DISCARD|WATCH a");
  answer(leased(), "+OK\r\n+OK\r\n");
  activity = session_->activity();
  EXPECT_FALSE(activity.in_multi);
  EXPECT_TRUE(activity.watching);
  restart({});
  say("SYNC");
  EXPECT_EQ(session_->activity().type(), ClientType::kReplica);
  restart({});
  say("MONITOR");
  EXPECT_FALSE(session_->activity().monitor) << "it is not allowed yet";
  answer(leased(), "+OK\r\n");
  EXPECT_TRUE(session_->activity().monitor);
  EXPECT_EQ(session_->activity().type(), ClientType::kNormal);
}

}  // namespace
}  // namespace pillion::data::session
