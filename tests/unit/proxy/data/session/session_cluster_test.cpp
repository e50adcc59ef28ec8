// listen.emulate_cluster: what a session says of the cluster that Pillion claims to be.
#include "tests/unit/proxy/data/session/cluster_fixture.hpp"

namespace pillion::data::session {
namespace {

const std::string kId(40, 'a');

class SessionCluster : public SpreadFixture {
 protected:
  SessionCluster() {
    context_.cluster_face = &face_;
    restart({});
  }
  ~SessionCluster() override {
    session_.reset();
    context_.cluster_face = nullptr;
  }
  void restart(ClientState state) {
    session_ = std::make_unique<Session>(context_, Requester{1, 1, 0}, std::move(state));
  }
  static std::string queued(std::size_t commands) {
    std::string out = "+OK\r\n";
    for (std::size_t i = 0; i < commands; ++i) out += "+QUEUED\r\n";
    return out;
  }
  static std::string slots_at(const std::string& host) {
    return "*1\r\n*3\r\n:0\r\n:16383\r\n*4\r\n" + bulk(host) + ":6380\r\n" + bulk(kId) + "*0\r\n";
  }

  route::ClusterFace face_{"10.1.2.3", 6380, kId};
};

TEST_F(SessionCluster, NothingOfItReachesTheUpstream) {
  say("CLUSTER SLOTS|cluster keyslot a|CLUSTER MYID|READONLY|READWRITE|ASKING");
  EXPECT_EQ(heard(), slots_at("10.1.2.3") + ":15495\r\n" + bulk(kId) + "+OK\r\n+OK\r\n+OK\r\n");
  EXPECT_TRUE(lanes_.shared_.empty());
  EXPECT_TRUE(lanes_.leased_.empty());
  EXPECT_EQ(counters_.requests_local.get(), 6u);
}

TEST_F(SessionCluster, AnswersKeepTheirPlaces) {
  say("SET a 1|CLUSTER MYID|READONLY|GET a");
  EXPECT_EQ(shared().sent(), "SET a 1|GET a");
  EXPECT_EQ(heard(), "");
  answer(shared(), "+OK\r\n$1\r\n1\r\n");
  EXPECT_EQ(heard(), "+OK\r\n" + bulk(kId) + "+OK\r\n$1\r\n1\r\n");
}

TEST_F(SessionCluster, SpeaksTheClientsProtocol) {
  say("HELLO 3|CLUSTER SHARDS|CLUSTER NODES");
  const std::string all = heard();
  EXPECT_NE(all.find("*1\r\n%2\r\n$5\r\nslots"), std::string::npos) << all;
  EXPECT_NE(all.find("txt:" + kId + " 10.1.2.3:6380@16380 myself,master"), std::string::npos);
}

TEST_F(SessionCluster, WhatIsNotOfTheViewIsTheUpstreams) {
  say("CLUSTER COUNTKEYSINSLOT 1|CLUSTER SLOTS x|CLUSTER NOSUCH");
  EXPECT_EQ(shared().sent(), "CLUSTER COUNTKEYSINSLOT 1|CLUSTER SLOTS x|CLUSTER NOSUCH");
}

TEST_F(SessionCluster, WithoutTheSettingAllOfItIsTheUpstreams) {
  context_.cluster_face = nullptr;
  say("CLUSTER SLOTS");
  EXPECT_EQ(shared().sent(), "CLUSTER SLOTS");
  answer(shared(), "-ERR This instance has cluster support disabled\r\n");
  say("READONLY");
  EXPECT_EQ(leased().sent(), "READONLY") << "by a connection of its own";
  answer(leased(), "-ERR This instance has cluster support disabled\r\n");
  say("HELLO 2|MULTI|CLUSTER MYID");
  EXPECT_EQ(leased().sent(), "MULTI|CLUSTER MYID");
  EXPECT_NE(heard().find(bulk("mode") + bulk("standalone")), std::string::npos);
}

TEST_F(SessionCluster, IsForWhoMayBeServed) {
  context_.auth_required = true;
  say("CLUSTER SLOTS|READONLY");
  EXPECT_EQ(heard(), "-NOAUTH Authentication required.\r\n-NOAUTH Authentication required.\r\n");
}

TEST_F(SessionCluster, SilentClientsHearNothing) {
  say("CLIENT REPLY OFF|CLUSTER MYID|CLIENT REPLY ON|CLIENT REPLY SKIP|CLUSTER MYID|PING");
  EXPECT_EQ(heard(), "+OK\r\n+PONG\r\n");
}

TEST_F(SessionCluster, WatchersOfAllCommandsSeeIt) {
  all_clients_.monitors.fetch_add(1);
  say("CLUSTER MYID|READONLY|CLUSTER REPLICAS x");
  all_clients_.monitors.fetch_sub(1);
  ASSERT_EQ(monitor_lines_.size(), 2u) << "but for what administers, as in Redis";
  EXPECT_NE(monitor_lines_[0].find("\"CLUSTER\" \"MYID\""), std::string::npos);
}

TEST_F(SessionCluster, IsAnsweredBesideAnOpenWatch) {
  say("WATCH a|CLUSTER KEYSLOT a|READONLY|UNWATCH");
  EXPECT_EQ(leased().sent(), "WATCH a|UNWATCH");
  answer(leased(), "+OK\r\n+OK\r\n");
  EXPECT_EQ(heard(), "+OK\r\n:15495\r\n+OK\r\n+OK\r\n");
  EXPECT_TRUE(leased().alive_) << "its connection is as it was";
}

TEST_F(SessionCluster, WithinMultiItIsAnsweredByExec) {
  say("MULTI|SET k v|CLUSTER KEYSLOT a|READONLY|CLUSTER INFO|GET k|EXEC");
  EXPECT_EQ(leased().sent(), "MULTI|SET k v|PING|PING|PING|GET k|EXEC") << "places are kept";
  answer(leased(), queued(5));
  EXPECT_EQ(heard(), queued(5)) << "and nothing said before EXEC";
  answer(leased(), "*5\r\n+OK\r\n+PONG\r\n+PONG\r\n+PONG\r\n$1\r\nv\r\n");
  const std::string all = heard();
  EXPECT_TRUE(all.starts_with("*5\r\n+OK\r\n:15495\r\n+OK\r\n$312\r\ncluster_state:ok\r\n")) << all;
  EXPECT_TRUE(all.ends_with("$1\r\nv\r\n"));
  EXPECT_TRUE(leased().alive_);
}

TEST_F(SessionCluster, WithinMultiItIsNotAnsweredWhenNothingIsDone) {
  for (const char* reply :
       {"*-1\r\n", "-EXECABORT Transaction discarded because of previous errors.\r\n"}) {
    say("MULTI|CLUSTER MYID|EXEC");
    EXPECT_EQ(leased().sent(), "MULTI|PING|EXEC");
    answer(leased(), queued(1) + reply);
    EXPECT_EQ(heard(), queued(1) + reply);
  }
  say("MULTI|CLUSTER KEYSLOT|EXEC");
  EXPECT_EQ(leased().sent(), "MULTI|CLUSTER KEYSLOT|EXEC")
      << "what is malformed aborts, in the upstream's words";
}

TEST_F(SessionCluster, WithinMultiItDoesNotChooseTheNode) {
  three_primaries();
  say("MULTI|CLUSTER KEYSLOT a|SET c 1|EXEC");
  EXPECT_EQ(heard(), queued(1)) << "Pillion answers until there is a key";
  EXPECT_EQ(leased().key_.endpoint, 1u) << "the node of c";
  EXPECT_EQ(leased().sent(), "MULTI|PING|SET c 1|EXEC");
  answer(leased(), queued(2) + "*2\r\n+PONG\r\n+OK\r\n");
  EXPECT_EQ(heard(), "+QUEUED\r\n*2\r\n:15495\r\n+OK\r\n");

  say("MULTI|CLUSTER MYID|READONLY|EXEC");
  EXPECT_EQ(leased().sent(), "MULTI|PING|PING|EXEC") << "any node counts";
  answer(leased(), queued(2) + "*2\r\n+PONG\r\n+PONG\r\n");
  EXPECT_EQ(heard(), queued(2) + "*2\r\n" + bulk(kId) + "+OK\r\n");
  EXPECT_TRUE(session_->quiet());
}

TEST_F(SessionCluster, ServersOfAClusterAreNotShown) {
  three_primaries();
  say("CLUSTER SLOTS|READONLY");
  EXPECT_EQ(heard(), slots_at("10.1.2.3") + "+OK\r\n");
  EXPECT_TRUE(lanes_.shared_.empty());
}

TEST_F(SessionCluster, HelloSaysSo) {
  say("HELLO");
  EXPECT_NE(heard().find(bulk("mode") + bulk("cluster")), std::string::npos);
  say("MULTI|HELLO 2|EXEC");
  answer(leased(), queued(1) + "*1\r\n*2\r\n" + bulk("mode") + bulk("standalone"));
  EXPECT_NE(heard().find(bulk("mode") + bulk("cluster")), std::string::npos);
}

TEST_F(SessionCluster, InfoSaysSo) {
  const std::string before = "# Server\r\nredis_mode:standalone\r\nos:x\r\n\r\n# Cluster\r\n";
  say("INFO");
  answer(shared(), bulk(before + "cluster_enabled:0\r\n"));
  EXPECT_EQ(heard(), bulk("# Server\r\nredis_mode:cluster\r\nos:x\r\n\r\n# Cluster\r\n"
                          "cluster_enabled:1\r\n"));
  say("INFO cluster");
  answer(shared(), bulk("# Cluster\r\ncluster_enabled:0\r\n"));
  EXPECT_EQ(heard(), bulk("# Cluster\r\ncluster_enabled:1\r\n"));
}

TEST_F(SessionCluster, ListeningEverywhereItIsWhereTheClientCameTo) {
  face_.host.clear();
  const std::pair<const char*, const char*> cases[] = {
      {"127.0.0.1:6380", "127.0.0.1"},
      {"[::1]:6380", "::1"},
      {"[::ffff:10.0.0.7]:6380", "10.0.0.7"},
      {"/run/pillion:1.sock", ""},
      {"unixsocket", ""},
      {"?", ""},
      {"", ""},
  };
  for (const auto& [local, host] : cases) {
    ClientState state;
    state.local = local;
    restart(state);
    say("CLUSTER SLOTS");
    EXPECT_EQ(heard(), slots_at(host)) << local;
  }
}

}  // namespace
}  // namespace pillion::data::session
