// A thousand subscribers of one channel, ten thousand messages within one second: everybody gets
// every message once and in order, and the upstream has one subscriber.
//
// The stream a subscriber must see is known beforehand to the byte, so each of the ten million
// deliveries is compared and not only counted: what is lost, doubled, swapped or torn is found
// where it happens. Nothing is asserted about time, which is the machine's as much as Pillion's; it
// is printed and kept as properties of the test.
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <iostream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/integration/fixture.hpp"
#include "tests/support/crew.hpp"
#include "tests/support/file_limit.hpp"
#include "tests/support/scale.hpp"

namespace pillion::test {
namespace {

constexpr std::size_t kSubscribers = 1'000;
constexpr std::size_t kPerSlice = 10;  // messages
constexpr auto kSlice = 1ms;           // so ten thousand a second
constexpr Millis kLongestSilence = 30s;
const std::string kChannel = "notifications:all";

/// Every message is as long as every other one, so a byte's position tells its message.
std::string payload(std::size_t number) {
  std::string digits = std::to_string(number);
  return "message " + std::string(8 - digits.size(), '0') + digits + " for everybody who listens";
}

std::string frames(int protocol, std::size_t messages) {
  std::string out;
  for (std::size_t i = 0; i < messages; ++i) {
    std::string frame;
    append_command(frame, {"message", kChannel, payload(i)});
    if (protocol == 3) frame[0] = '>';
    out += frame;
  }
  return out;
}

/// All who listen, and the replies to who publishes, read by one thread.
class Audience {
 public:
  Audience(const PillionProcess& pillion, std::size_t messages)
      : messages_(messages), sent_at_(messages), poll_(epoll_create1(EPOLL_CLOEXEC)) {
    for (const int protocol : {2, 3}) expected_[protocol == 3] = frames(protocol, messages);
    for (std::size_t i = 0; i < kSubscribers; ++i) {
      const int protocol = i % 2 == 0 ? 2 : 3;
      listeners_.push_back({pillion.client_speaking(protocol), &expected_[protocol == 3], 0});
    }
    for (Listener& each : listeners_) each.client.send("SUBSCRIBE", kChannel);
    for (Listener& each : listeners_) {
      const Value reply = each.client.read();
      if (reply.items.size() != 3 || !(reply.items[0] == "subscribe"))
        throw std::runtime_error("SUBSCRIBE was answered otherwise");
    }
    for (std::size_t i = 0; i < listeners_.size(); ++i) watch(listeners_[i].client, i);
  }

  /// Reads until every listener had everything and all of `publisher`'s commands were answered.
  void listen(RespClient& publisher) {
    watch(publisher, kSubscribers);
    std::array<epoll_event, 256> ready{};
    while (complete_ < kSubscribers || replies_.size() < messages_ * reply_.size()) {
      const int n = epoll_wait(poll_.fd(), ready.data(), ready.size(),
                               static_cast<int>(kLongestSilence.count()));
      if (n == 0) throw TimedOut(story());
      for (int i = 0; i < n; ++i) {
        const std::size_t who = ready[static_cast<std::size_t>(i)].data.u64;
        if (who == kSubscribers) {
          replies_ += std::string_view(buffer_.data(), receive(publisher));
        } else {
          hear(listeners_[who], who);
        }
      }
    }
    finished_ = Clock::now();
    for (std::size_t at = 0; at < replies_.size(); at += reply_.size()) {
      if (replies_.compare(at, reply_.size(), reply_) != 0)
        throw std::runtime_error("PUBLISH was answered " + printable(replies_.substr(at, 20)));
    }
  }

  /// Before publish() and listen(), which are for two threads.
  void begin() { started_ = Clock::now(); }

  /// Ten messages at every full millisecond, whatever became of those before.
  void publish(RespClient& publisher) {
    for (std::size_t next = 0; next < messages_;) {
      std::this_thread::sleep_until(started_ + kSlice * (next / kPerSlice));
      std::string bytes;
      const std::int64_t now = since_start(Clock::now());
      for (const std::size_t end = std::min(messages_, next + kPerSlice); next < end; ++next) {
        append_command(bytes, {"PUBLISH", kChannel, payload(next)});
        sent_at_[next].store(now, std::memory_order_relaxed);
      }
      publisher.send_raw(bytes, kLongestSilence);
    }
    published_ = Clock::now();
  }

  std::uint64_t deliveries() const {
    std::uint64_t messages = 0;
    for (const Listener& each : listeners_) messages += each.heard / frame_size();
    return messages;
  }
  Clock::duration publishing() const { return published_ - started_; }
  Clock::duration listening() const { return finished_ - started_; }
  Clock::duration worst_delay() const { return std::chrono::nanoseconds(worst_delay_); }
  std::uint64_t reads() const { return reads_; }

  /// True when a listener is sent anything within `patience`.
  bool anything_more(Millis patience) const {
    epoll_event event{};
    return epoll_wait(poll_.fd(), &event, 1, static_cast<int>(patience.count())) != 0;
  }

 private:
  struct Listener {
    RespClient client;
    const std::string* expected;
    std::size_t heard;  // bytes
  };

  /// The same in both protocols: they differ in one character.
  std::size_t frame_size() const { return expected_[0].size() / messages_; }
  std::int64_t since_start(Moment moment) const {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(moment - started_).count();
  }

  void watch(RespClient& client, std::size_t number) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = number;
    if (epoll_ctl(poll_.fd(), EPOLL_CTL_ADD, client.socket().fd(), &event) != 0)
      throw std::runtime_error("a subscriber cannot be watched");
  }

  std::size_t receive(RespClient& client) {
    const std::size_t n = client.socket().receive(buffer_.data(), buffer_.size(), kLongestSilence);
    if (n == 0) throw Closed("a connection was closed: " + story());
    return n;
  }

  void hear(Listener& listener, std::size_t who) {
    const std::size_t n = receive(listener.client);
    ++reads_;
    const std::string_view got(buffer_.data(), n);
    const std::string_view due = std::string_view(*listener.expected).substr(listener.heard);
    if (!due.starts_with(got)) {
      const auto wrong = std::mismatch(got.begin(), got.end(), due.begin(), due.end()).first;
      const std::size_t in_read = static_cast<std::size_t>(wrong - got.begin());
      const std::size_t message = (listener.heard + in_read) / frame_size();
      throw std::runtime_error("subscriber " + std::to_string(who) + " got, where message " +
                               std::to_string(message) + " was due: ..." +
                               printable(got.substr(in_read - std::min(in_read, frame_size()))));
    }
    listener.heard += n;
    if (listener.heard == listener.expected->size()) ++complete_;
    if (const std::size_t whole = listener.heard / frame_size(); whole > 0) {
      const std::int64_t sent = sent_at_[whole - 1].load(std::memory_order_relaxed);
      worst_delay_ = std::max(worst_delay_, since_start(Clock::now()) - sent);
    }
  }

  std::string story() const {
    std::ostringstream out;
    out << complete_ << " of " << kSubscribers << " subscribers had all " << messages_
        << " messages, " << deliveries() << " deliveries in all, "
        << replies_.size() / reply_.size() << " PUBLISH answered";
    return out.str();
  }

  const std::size_t messages_;
  const std::string reply_ = ":" + std::to_string(kSubscribers) + "\r\n";
  std::array<std::string, 2> expected_;  // the stream of RESP2, of RESP3
  std::vector<Listener> listeners_;
  std::vector<std::atomic<std::int64_t>> sent_at_;  // ns after the start, by message
  Socket poll_;
  std::array<char, 256 * 1024> buffer_{};
  std::string replies_;
  std::size_t complete_ = 0;
  std::uint64_t reads_ = 0;
  std::int64_t worst_delay_ = 0;  // ns, from a message's publishing to its arrival anywhere
  Moment started_;
  Moment published_;
  Moment finished_;
};

TEST(FiguresPubsub, AThousandSubscribersGetTenThousandMessagesInOrder) {
  const std::size_t messages = scaled(10'000, 500);
  ASSERT_GT(raise_file_limit(), 2 * kSubscribers + 500) << "not enough files may be open";
  RedisServer redis;
  PillionProcess pillion(redis.url());
  ASSERT_TRUE(pillion.wait_for_l1()) << pillion.log();

  Audience audience(pillion, messages);
  const auto subscribers_at = [](const Value& reply) {
    return reply.items.size() == 2 ? reply.items[1].integer() : -1;
  };
  EXPECT_EQ(subscribers_at(redis("PUBSUB", "NUMSUB", kChannel)), 1) << "the upstream has one";
  RespClient publisher = pillion.client();
  EXPECT_EQ(subscribers_at(publisher("PUBSUB", "NUMSUB", kChannel)), kSubscribers);

  const double proxy_before = pillion.cpu_seconds();
  const double redis_before = redis.process().cpu_seconds();
  audience.begin();
  Crew crew;
  crew.start([&] { audience.publish(publisher); });
  audience.listen(publisher);
  crew.join();
  const double proxy_cpu = pillion.cpu_seconds() - proxy_before;

  EXPECT_EQ(audience.deliveries(), messages * kSubscribers);
  EXPECT_FALSE(audience.anything_more(200ms)) << "somebody was sent more than was published";
  EXPECT_EQ(subscribers_at(redis("PUBSUB", "NUMSUB", kChannel)), 1);

  const auto behind = milliseconds(audience.listening() - audience.publishing());
  std::cout << audience.deliveries() << " deliveries of " << messages << " messages: published in "
            << milliseconds(audience.publishing()) << " ms, the last one heard by all "
            << milliseconds(audience.listening()) << " ms after the first was published (" << behind
            << " ms behind), longest delay " << milliseconds(audience.worst_delay())
            << " ms; CPU of Pillion " << proxy_cpu << " s, of Redis "
            << redis.process().cpu_seconds() - redis_before << " s; " << audience.reads()
            << " reads\n";
  RecordProperty("delivered_ms", std::to_string(milliseconds(audience.listening())));
  RecordProperty("behind_ms", std::to_string(behind));
  EXPECT_TRUE(pillion.running());
  EXPECT_EQ(pillion.stop(), 0);
}

}  // namespace
}  // namespace pillion::test
