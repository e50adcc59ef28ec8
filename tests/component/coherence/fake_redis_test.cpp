// The stand-in has to behave as the server was measured to (COHERENCE evidence, section 2).
#include "tests/component/coherence/fake_redis.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "protocol/resp/writer.hpp"

namespace pillion::coherence {
namespace {

const std::string kInvalidateK = ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n";
const std::string kInvalidateAll = ">2\r\n$10\r\ninvalidate\r\n_\r\n";

class FakeRedisTest : public ::testing::Test {
 protected:
  FakeRedisTest() : link_(redis_.connect(0, 3, "default")) { tell({"CLIENT", "TRACKING", "ON"}); }

  /// Everything the tracked connection was sent since the last call, this command's reply included.
  std::vector<std::string> tell(const Arguments& arguments) {
    resp::append_array_header(link_->input, arguments.size());
    for (const std::string& argument : arguments) resp::append_bulk(link_->input, argument);
    redis_.execute_next(link_);
    return heard();
  }
  std::vector<std::string> heard() {
    const std::vector<std::string> result(link_->output.begin(), link_->output.end());
    link_->output.clear();
    return result;
  }
  void advance(state::Nanos by) {
    now_ += by;
    redis_.expire();
  }

  using Frames = std::vector<std::string>;
  state::Nanos now_ = state::kSecond;
  FakeRedis redis_{now_};
  FakeRedis::Handle link_;
};

TEST_F(FakeRedisTest, OneRegistrationGivesOneInvalidation) {
  redis_.execute_foreign({"SET", "k", "v0"});
  EXPECT_EQ(tell({"GET", "k"}), Frames{"$2\r\nv0\r\n"});
  redis_.execute_foreign({"SET", "k", "v1"});
  redis_.execute_foreign({"SET", "k", "v2"});
  EXPECT_EQ(heard(), Frames{kInvalidateK});
}

TEST_F(FakeRedisTest, MissingKeysAndErrorsRegister) {
  EXPECT_EQ(tell({"GET", "k"}), Frames{"_\r\n"});
  redis_.execute_foreign({"LPUSH", "k", "v"});
  EXPECT_EQ(heard(), Frames{kInvalidateK});
  EXPECT_EQ(tell({"GET", "k"}).front().front(), '-');
  redis_.execute_foreign({"DEL", "k"});
  EXPECT_EQ(heard(), Frames{kInvalidateK});
}

TEST_F(FakeRedisTest, ChangesOfNothingAreSilent) {
  tell({"GET", "k"});
  redis_.execute_foreign({"DEL", "k"});
  EXPECT_EQ(heard(), Frames{});
}

TEST_F(FakeRedisTest, AnInvalidationStandsBetweenValueAndTimeToLive) {
  redis_.execute_foreign({"SET", "k", "v0"});
  EXPECT_EQ(tell({"GET", "k"}), Frames{"$2\r\nv0\r\n"});
  redis_.execute_foreign({"SET", "k", "v1", "PX", "5000"});
  EXPECT_EQ(tell({"PTTL", "k"}), (Frames{kInvalidateK, ":5000\r\n"}));
}

TEST_F(FakeRedisTest, ADatabaseIsNotNamed) {
  tell({"GET", "k"});
  tell({"SELECT", "1"});
  redis_.execute_foreign({"SET", "k", "v"});
  EXPECT_EQ(heard(), Frames{kInvalidateK});
}

TEST_F(FakeRedisTest, FlushesAreNullAndSwapsAreSilent) {
  tell({"GET", "k"});
  redis_.execute_foreign({"SWAPDB", "0", "1"});
  EXPECT_EQ(heard(), Frames{});
  redis_.execute_foreign({"FLUSHALL"});
  EXPECT_EQ(heard(), Frames{kInvalidateAll});
}

TEST_F(FakeRedisTest, AnExpiredKeyIsAnnouncedWhenSomebodyLooks) {
  redis_.execute_foreign({"SET", "k", "v", "PX", "100"});
  tell({"GET", "k"});
  advance(100 * state::kMillisecond);
  EXPECT_EQ(tell({"PTTL", "k"}), Frames{":0\r\n"});
  advance(1);
  EXPECT_EQ(heard(), Frames{});
  EXPECT_EQ(tell({"GET", "k"}), (Frames{"_\r\n", kInvalidateK}));
}

TEST_F(FakeRedisTest, AWatchedKeyThatChangedEndsTheTransaction) {
  tell({"WATCH", "k"});
  redis_.execute_foreign({"SET", "k", "v"});
  tell({"MULTI"});
  EXPECT_EQ(tell({"SET", "k", "w"}), Frames{"+QUEUED\r\n"});
  EXPECT_EQ(tell({"EXEC"}), Frames{"_\r\n"});
}

TEST_F(FakeRedisTest, ATransactionIsOneEvent) {
  const std::size_t before = redis_.history().size();
  tell({"MULTI"});
  tell({"SET", "k", "1"});
  tell({"SET", "m", "2"});
  EXPECT_EQ(tell({"EXEC"}), Frames{"*2\r\n+OK\r\n+OK\r\n"});
  EXPECT_EQ(redis_.history().size(), before + 1);
}

}  // namespace
}  // namespace pillion::coherence
