// Security invariant 1: a reply reaches only the client whose command it answers, whatever dies.
//
// Every value spells its key, every client asks for another key at every position of its pipeline,
// so a reply that is shifted by one or meant for somebody else cannot look right. Meanwhile clients
// leave in the middle of their replies, and the upstream is stopped, continued, killed and started
// again.
#include <signal.h>

#include <atomic>
#include <memory>
#include <random>
#include <sstream>

#include "tests/integration/fixture.hpp"
#include "tests/support/crew.hpp"
#include "tests/support/scale.hpp"

namespace pillion::test {
namespace {

constexpr std::uint32_t kSharedKeys = 500;
constexpr std::uint32_t kOwnKeys = 200;

std::string value_of(const std::string& key) {
  return "<" + key + "|" + key + ">";
}

/// One expected reply: right is right, nil is right after the data was lost, an error is right
/// while the upstream is away.
struct Question {
  enum Kind { kValueOrNil, kValueOrEmpty, kPong, kOk, kLength, kTwoValues } kind;
  std::string key;
  std::string second;
};

class Asker {
 public:
  Asker(const PillionProcess& pillion, unsigned number)
      : pillion_(pillion), number_(number), random_(number * 7'919 + 1) {}

  void ask_until(std::atomic<std::uint64_t>& replies, std::uint64_t target) {
    while (replies < target) {
      connect();
      const int rounds = 1 + static_cast<int>(random_() % 400);
      for (int round = 0; round < rounds && replies < target; ++round) replies += ask_once();
      leave_in_the_middle();
    }
  }

  std::uint64_t errors() const { return errors_; }
  std::uint64_t values() const { return values_; }

 private:
  void connect() {
    const int protocol = 2 + static_cast<int>(random_() % 2);
    client_ = std::make_unique<RespClient>(pillion_.client());
    if (protocol == 3) client_->hello3();
  }

  std::string any_key() {
    return random_() % 2 == 0
               ? "shared:" + std::to_string(random_() % kSharedKeys)
               : "own:" + std::to_string(number_) + ":" + std::to_string(random_() % kOwnKeys);
  }

  /// A pipeline of questions; returns how many were answered.
  std::uint64_t ask_once() {
    questions_.clear();
    std::string bytes;
    const int size = 1 + static_cast<int>(random_() % 128);
    for (int i = 0; i < size; ++i) append_question(bytes);
    client_->send_raw(bytes, kLongest);
    for (const Question& question : questions_) judge(question, client_->read(kLongest));
    return questions_.size();
  }

  void append_question(std::string& bytes) {
    const std::string key = any_key();
    switch (random_() % 16) {
      case 0:
        append_command(bytes, {"SET", key, value_of(key)});
        return questions_.push_back({Question::kOk, key, ""});
      case 1:  // not cacheable: a shared upstream connection
        append_command(bytes, {"SUBSTR", key, "0", "-1"});
        return questions_.push_back({Question::kValueOrEmpty, key, ""});
      case 2:  // counts as a write
        append_command(bytes, {"GETEX", key});
        return questions_.push_back({Question::kValueOrNil, key, ""});
      case 3: {
        const std::string second = any_key();
        append_command(bytes, {"MGET", key, second});
        return questions_.push_back({Question::kTwoValues, key, second});
      }
      case 4:
        append_command(bytes, {"PING", key});
        return questions_.push_back({Question::kPong, key, ""});
      case 5:
        append_command(bytes, {"STRLEN", key});
        return questions_.push_back({Question::kLength, key, ""});
      case 6:
        if (random_() % 50 == 0) {  // a connection of its own
          append_command(bytes, {"EVAL", "return redis.call('GET', KEYS[1])", "1", key});
          return questions_.push_back({Question::kValueOrNil, key, ""});
        }
        [[fallthrough]];
      default:
        append_command(bytes, {"GET", key});
        return questions_.push_back({Question::kValueOrNil, key, ""});
    }
  }

  void judge(const Question& question, const Value& reply) {
    if (reply.is_error()) {
      ++errors_;
      return;
    }
    bool right = false;
    switch (question.kind) {
      case Question::kValueOrNil:
        right = reply.is_null() || reply == value_of(question.key);
        values_ += reply.is_null() ? 0 : 1;
        break;
      case Question::kValueOrEmpty:
        right = reply == "" || reply == value_of(question.key);
        break;
      case Question::kPong:
        right = reply == question.key;
        break;
      case Question::kOk:
        right = reply.is_ok();
        break;
      case Question::kLength:
        right = reply == 0 || reply == static_cast<std::int64_t>(value_of(question.key).size());
        break;
      case Question::kTwoValues:
        right = reply.items.size() == 2 &&
                (reply.items[0].is_null() || reply.items[0] == value_of(question.key)) &&
                (reply.items[1].is_null() || reply.items[1] == value_of(question.second));
        break;
    }
    if (!right) {
      std::ostringstream story;
      story << "client " << number_ << " asked about " << question.key << " and got " << reply;
      throw std::runtime_error(story.str());
    }
  }

  /// Leaves replies behind that nobody else may get.
  void leave_in_the_middle() {
    std::string bytes;
    questions_.clear();
    for (int i = 0; i < 50; ++i) append_question(bytes);
    try {
      client_->send_raw(bytes, kLongest);
    } catch (const Closed&) {
      throw std::runtime_error("a client was closed that did nothing wrong");
    }
    const auto read = random_() % 10;
    for (std::size_t i = 0; i < read; ++i) judge(questions_[i], client_->read(kLongest));
    if (random_() % 2 == 0) client_->socket().reset();
    client_.reset();
  }

  /// Command timeout plus all the pauses of the schedule; whoever waits longer hangs.
  static constexpr Millis kLongest = 20s;

  const PillionProcess& pillion_;
  const unsigned number_;
  std::mt19937 random_;
  std::unique_ptr<RespClient> client_;
  std::vector<Question> questions_;
  std::uint64_t errors_ = 0;
  std::uint64_t values_ = 0;
};

void load(RedisServer& redis, unsigned clients) {
  std::string bytes;
  std::size_t count = 0;
  const auto set = [&](const std::string& key) {
    append_command(bytes, {"SET", key, value_of(key)});
    ++count;
  };
  for (std::uint32_t i = 0; i < kSharedKeys; ++i) set("shared:" + std::to_string(i));
  for (unsigned client = 0; client < clients; ++client) {
    for (std::uint32_t i = 0; i < kOwnKeys; ++i) {
      set("own:" + std::to_string(client) + ":" + std::to_string(i));
    }
  }
  RespClient loader = redis.client();
  loader.send_raw(bytes);
  loader.read_many(count);
}

TEST(FiguresRequester, TenMillionRepliesReachTheirRequesters) {
  constexpr unsigned kClients = 12;
  const std::uint64_t target = scaled(10'000'000, 200'000);
  RedisServer redis;
  PillionProcess pillion(redis.url(), {"workers=2", "upstream.command_timeout=1s",
                                       "upstream.connect_timeout=500ms", "cache.max_age=3s"});
  ASSERT_TRUE(pillion.wait_for_l1()) << pillion.log();
  load(redis, kClients);

  std::atomic<std::uint64_t> replies{0};
  std::atomic<unsigned> asking{kClients};
  std::vector<std::unique_ptr<Asker>> askers;
  Crew crew;
  for (unsigned i = 0; i < kClients; ++i) {
    askers.push_back(std::make_unique<Asker>(pillion, i));
    crew.start([&, asker = askers.back().get()] {
      struct Gone {
        std::atomic<unsigned>& count;
        ~Gone() { --count; }
      } gone{asking};
      asker->ask_until(replies, target);
    });
  }

  std::mt19937 random(2024);
  int faults = 0;
  while (asking == kClients) {
    std::this_thread::sleep_for(Millis(200 + random() % 800));
    if (asking < kClients) break;
    ++faults;
    switch (random() % 4) {
      case 0:
        redis.pause();
        std::this_thread::sleep_for(Millis(random() % 300));
        redis.resume();
        break;
      case 1:  // longer than the command timeout
        redis.pause();
        std::this_thread::sleep_for(1'300ms);
        redis.resume();
        break;
      case 2:
        redis.kill_clients(redis.client_list());
        break;
      default:
        redis.kill9();
        std::this_thread::sleep_for(Millis(random() % 500));
        redis.restart();
        load(redis, kClients);
    }
  }
  crew.join();

  std::uint64_t errors = 0;
  std::uint64_t values = 0;
  for (const auto& asker : askers) {
    errors += asker->errors();
    values += asker->values();
  }
  RecordProperty("replies", std::to_string(replies));
  RecordProperty("errors", std::to_string(errors));
  RecordProperty("faults", faults);
  EXPECT_GE(replies, target);
  EXPECT_GT(values, replies / 3) << "most answers are real values";
  EXPECT_LT(errors, replies / 2);
  EXPECT_TRUE(pillion.running());
  EXPECT_EQ(pillion.stop(), 0);
}

}  // namespace
}  // namespace pillion::test
