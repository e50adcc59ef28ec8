// Identities: AUTH is the upstream's decision, and what one user may read no other gets from a
// cache.
#include "tests/integration/fixture.hpp"

namespace pillion::test {
namespace {

const std::vector<std::string> kUsers = {
    "--requirepass", "main-secret",  //
    "--user",        "alice",       "on",          ">alice-secret",  "~alice:*",
    "&alice:*",      "+@all",       "-@dangerous",  //
    "--user",        "reader",      "on",          ">reader-secret", "~*",
    "+@read",        "+auth",       "+hello",      "+ping"};

/// The URL carries the credentials of the default user, as a sidecar's does.
class AuthThroughCredentials : public ::testing::Test {
 protected:
  AuthThroughCredentials()
      : redis(kUsers), pillion("redis://:main-secret@127.0.0.1:" + std::to_string(redis.port())) {
    redis.login("default", "main-secret");
  }

  void SetUp() override { ASSERT_TRUE(pillion.wait_for_l1()) << pillion.log(); }

  RespClient straight() {
    RespClient client = redis.client();
    client("AUTH", "main-secret");
    return client;
  }

  RedisServer redis;
  PillionProcess pillion;
};

TEST_F(AuthThroughCredentials, ClientsNeedNone) {
  RespClient client = pillion.client();
  EXPECT_TRUE(client("SET", "k", "v").is_ok());
  EXPECT_EQ(client("GET", "k"), "v");
  EXPECT_EQ(client("ACL", "WHOAMI"), "default");
}

TEST_F(AuthThroughCredentials, AuthChangesTheUserOfThisClientOnly) {
  RespClient alice = pillion.client();
  RespClient other = pillion.client();
  EXPECT_TRUE(alice("AUTH", "alice", "alice-secret").is_ok());
  EXPECT_EQ(alice("ACL", "WHOAMI"), "alice");
  EXPECT_TRUE(alice("SET", "alice:k", "v").is_ok());
  EXPECT_EQ(alice("GET", "alice:k"), "v");
  EXPECT_TRUE(alice("SET", "other", "v").starts_with("NOPERM"));
  EXPECT_EQ(other("ACL", "WHOAMI"), "default");
  EXPECT_TRUE(other("SET", "other", "v").is_ok());
}

TEST_F(AuthThroughCredentials, HelloMayAuthenticate) {
  RespClient alice = pillion.client();
  const Value hello = alice("HELLO", "3", "AUTH", "alice", "alice-secret", "SETNAME", "me");
  EXPECT_EQ(hello.type, '%');
  EXPECT_EQ(alice("CLIENT", "GETNAME").text, "me");
  EXPECT_TRUE(alice("GET", "not-hers").starts_with("NOPERM"));
  RespClient wrong = pillion.client();
  EXPECT_EQ(wrong.raw({"HELLO", "3", "AUTH", "alice", "guess"}),
            straight().raw({"HELLO", "3", "AUTH", "alice", "guess"}));
  EXPECT_EQ(wrong.raw({"GET", "missing"}), "$-1\r\n") << "a refused HELLO changes nothing";
}

TEST_F(AuthThroughCredentials, WrongPasswordsGetRedissWordsAndChangeNothing) {
  RespClient client = pillion.client();
  ASSERT_TRUE(client("AUTH", "alice", "alice-secret").is_ok());
  RespClient direct = straight();
  for (const std::vector<std::string_view>& attempt : std::vector<std::vector<std::string_view>>{
           {"AUTH", "wrong"}, {"AUTH", "alice", "wrong"}, {"AUTH", "nobody", "main-secret"}}) {
    EXPECT_EQ(client.raw(attempt), direct.raw(attempt));
  }
  EXPECT_TRUE(client("SET", "alice:k", "still alice").is_ok());
  EXPECT_TRUE(client("GET", "not-hers").starts_with("NOPERM"));
}

TEST_F(AuthThroughCredentials, ResetReturnsToTheDefaultUser) {
  RespClient client = pillion.client();
  client("AUTH", "alice", "alice-secret");
  EXPECT_EQ(client("RESET"), "RESET");
  EXPECT_TRUE(client("SET", "anything", "v").is_ok());
}

TEST_F(AuthThroughCredentials, T14_CachedValueIsNotShownToAUserWhoMayNotReadIt) {
  RespClient owner = pillion.client();
  RespClient alice = pillion.client();
  owner("SET", "secret", "for the owner");
  for (int i = 0; i < 3; ++i) ASSERT_EQ(owner("GET", "secret"), "for the owner");
  ASSERT_TRUE(alice("AUTH", "alice", "alice-secret").is_ok());
  for (int i = 0; i < 3; ++i) {
    for (const std::vector<std::string_view>& read : std::vector<std::vector<std::string_view>>{
             {"GET", "secret"}, {"MGET", "secret"}, {"STRLEN", "secret"}, {"EXISTS", "secret"}}) {
      EXPECT_TRUE(alice.command(read).starts_with("NOPERM")) << read[0];
    }
  }
}

TEST_F(AuthThroughCredentials, T14_WritesOfOneUserAreSeenByAnotherAtOnce) {
  RespClient owner = pillion.client();
  RespClient alice = pillion.client();
  ASSERT_TRUE(alice("AUTH", "alice", "alice-secret").is_ok());
  for (int i = 0; i < 300; ++i) {
    const std::string value = std::to_string(i);
    ASSERT_TRUE(alice("SET", "alice:shared", value).is_ok());
    ASSERT_EQ(owner("GET", "alice:shared"), value);
    ASSERT_EQ(owner("GET", "alice:shared"), value);
  }
}

TEST_F(AuthThroughCredentials, RightsTakenAwayTakeEffect) {
  RespClient reader = pillion.client();
  ASSERT_TRUE(reader("AUTH", "reader", "reader-secret").is_ok());
  redis("SET", "k", "v");
  ASSERT_EQ(reader("GET", "k"), "v");
  redis("ACL", "SETUSER", "reader", "resetkeys", "~other:*");
  EXPECT_TRUE(eventually([&] { return reader("GET", "k").starts_with("NOPERM"); }, 2s));
}

TEST_F(AuthThroughCredentials, SecretsAppearNowhere) {
  RespClient client = pillion.client();
  client("AUTH", "alice", "alice-secret");
  client("AUTH", "alice", "a-guess");
  client("CONFIG", "SET", "masterauth", "another-secret");
  std::string seen;
  for (const char* page : {"/metrics", "/cache/stats", "/livez", "/readyz"}) {
    seen += pillion.http_get(page).body;
  }
  pillion.stop();
  seen += pillion.log();
  for (const char* secret : {"main-secret", "alice-secret", "a-guess", "another-secret"}) {
    EXPECT_EQ(seen.find(secret), std::string::npos) << secret;
  }
}

/// The URL carries nothing: every client has to authenticate for itself.
class AuthByClients : public ::testing::Test {
 protected:
  AuthByClients() : redis(kUsers), pillion(redis.url()) { redis.login("default", "main-secret"); }
  void SetUp() override { ASSERT_TRUE(pillion.wait_for_upstream()) << pillion.log(); }

  RedisServer redis;
  PillionProcess pillion;
};

TEST_F(AuthByClients, NothingWorksBeforeAuth) {
  RespClient client = pillion.client();
  RespClient direct = redis.client();
  EXPECT_EQ(client.raw({"GET", "k"}), direct.raw({"GET", "k"}));
  EXPECT_EQ(client.raw({"SET", "k", "v"}), direct.raw({"SET", "k", "v"}));
  EXPECT_TRUE(client("AUTH", "wrong").starts_with("WRONGPASS"));
  EXPECT_TRUE(client("AUTH", "main-secret").is_ok());
  EXPECT_TRUE(client("SET", "k", "v").is_ok());
  EXPECT_EQ(client("GET", "k"), "v");
  RespClient another = pillion.client();
  EXPECT_TRUE(another("GET", "k").starts_with("NOAUTH")) << "an earlier AUTH is not everybody's";
}

TEST_F(AuthByClients, PipelineOfAuthSelectAndCommands) {
  RespClient client = pillion.client();
  const auto replies = client.pipeline(
      {{"AUTH", "default", "main-secret"}, {"SELECT", "2"}, {"SET", "k", "v"}, {"GET", "k"}});
  EXPECT_TRUE(replies[0].is_ok());
  EXPECT_TRUE(replies[1].is_ok());
  EXPECT_TRUE(replies[2].is_ok());
  EXPECT_EQ(replies[3], "v");
}

TEST_F(AuthByClients, TwoUsersSideBySide) {
  RespClient alice = pillion.client();
  RespClient owner = pillion.client();
  ASSERT_TRUE(alice("AUTH", "alice", "alice-secret").is_ok());
  ASSERT_TRUE(owner("AUTH", "main-secret").is_ok());
  owner("SET", "secret", "v");
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(owner("GET", "secret"), "v");
    ASSERT_TRUE(alice("GET", "secret").starts_with("NOPERM"));
  }
}

}  // namespace
}  // namespace pillion::test
