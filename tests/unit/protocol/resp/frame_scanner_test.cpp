#include "protocol/resp/frame_scanner.hpp"

#include <gtest/gtest.h>
#include <hiredis/hiredis.h>

#include <random>
#include <string>
#include <vector>

#include "protocol/resp/writer.hpp"
#include "tests/support/byte_splitter.hpp"
#include "tests/unit/protocol/resp/bytes.hpp"

namespace pillion::resp {
namespace {

using Status = FrameScanner::Status;

struct Scan {
  std::vector<std::size_t> ends;  // of each frame, from the start of the input
  std::string types;
  bool error = false;
  bool between_frames = false;

  bool operator==(const Scan&) const = default;
};

Scan scan(std::string_view input, const test::Cuts& cuts) {
  FrameScanner scanner;
  Scan result;
  std::size_t position = 0;
  std::size_t frame_start = 0;
  for (const std::size_t cut : cuts) {
    while (position < cut) {
      const ExactBytes block(input.substr(position, cut - position));
      std::size_t consumed = 0;
      const Status status = scanner.feed(block.view(), consumed);
      position += consumed;
      if (status == Status::kError) {
        EXPECT_EQ(scanner.feed("+OK\r\n", consumed), Status::kError) << "an error is final";
        EXPECT_EQ(consumed, 0U);
        result.error = true;
        return result;
      }
      if (status == Status::kMore) {
        EXPECT_EQ(position, cut) << "kMore consumes everything";
        EXPECT_EQ(scanner.frame_bytes(), position - frame_start);
        EXPECT_GE(scanner.announced_bytes(), scanner.frame_bytes());
        break;
      }
      EXPECT_EQ(scanner.frame_bytes(), 0U);
      frame_start = position;
      result.ends.push_back(position);
      result.types += scanner.type();
    }
  }
  result.between_frames = scanner.frame_bytes() == 0;
  return result;
}

void expect_frames(std::string_view input, const std::vector<std::size_t>& ends,
                   std::string_view types) {
  const Scan expected{ends, std::string(types), false, ends.back() == input.size()};
  test::for_each_split(input, [&](const test::Cuts& cuts) {
    ASSERT_TRUE(scan(input, cuts) == expected)
        << testing::PrintToString(input) << " first cut " << cuts.front();
  });
}

TEST(FrameScanner, FindsTheEndOfEveryType) {
  for (const std::string_view frame : {bytes("+OK\r\n"),
                                       bytes("+\r\n"),
                                       bytes("-ERR no\r\n"),
                                       bytes(":-12\r\n"),
                                       bytes("$5\r\nhello\r\n"),
                                       bytes("$0\r\n\r\n"),
                                       bytes("$-1\r\n"),
                                       bytes("$12\r\n\r\n*1\r\n\0$-1\r\n\r\n"),
                                       bytes("*0\r\n"),
                                       bytes("*-1\r\n"),
                                       bytes("*2\r\n$1\r\na\r\n:1\r\n"),
                                       bytes("*2\r\n*2\r\n:1\r\n:2\r\n*1\r\n*0\r\n"),
                                       bytes("_\r\n"),
                                       bytes(",1.5\r\n"),
                                       bytes(",-inf\r\n"),
                                       bytes("#t\r\n"),
                                       bytes("(3492890328409238509324850943850943825024385\r\n"),
                                       bytes("!5\r\nERR x\r\n"),
                                       bytes("=7\r\ntxt:a\r\n\r\n"),
                                       bytes("~2\r\n+a\r\n+b\r\n"),
                                       bytes("%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n_\r\n"),
                                       bytes("%0\r\n"),
                                       bytes(">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n"),
                                       bytes(">0\r\n")}) {
    expect_frames(frame, {frame.size()}, frame.substr(0, 1));
  }
}

TEST(FrameScanner, TakesPipelinesApart) {
  expect_frames("+OK\r\n$1\r\na\r\n:1\r\n>1\r\n+x\r\n*1\r\n$-1\r\n", {5, 12, 16, 24, 33}, "+$:>*");
  expect_frames("+OK\r\n$1\r\na\r", {5}, "+");
}

TEST(FrameScanner, AttributesBelongToWhatTheyPrecede) {
  expect_frames("|1\r\n+ttl\r\n:5\r\n$1\r\na\r\n+OK\r\n", {21, 26}, "$+");
  expect_frames("|0\r\n:1\r\n", {8}, ":");
  expect_frames("|1\r\n+a\r\n|1\r\n+b\r\n+c\r\n+d\r\n_\r\n", {27}, "_");
  expect_frames("*2\r\n|1\r\n+a\r\n+b\r\n:1\r\n:2\r\n", {24}, "*");
  expect_frames("*1\r\n:1\r\n|1\r\n+a\r\n+b\r\n+OK\r\n", {8, 25}, "*+");
}

TEST(FrameScanner, ALoneCarriageReturnIsPartOfALine) {
  expect_frames("-ERR a\rb\r\r\n", {11}, "-");
  expect_frames("+a\nb\r\n", {6}, "+");
}

TEST(FrameScanner, RefusesWhatIsNoReply) {
  for (const std::string_view input : std::vector<std::string_view>{"OK\r\n",
                                                                    "\r\n",
                                                                    "$?\r\n",
                                                                    "*?\r\n",
                                                                    ";1\r\n",
                                                                    ".\r\n",
                                                                    "$x\r\n",
                                                                    "$\r\n",
                                                                    "$-\r\n",
                                                                    "$-2\r\n",
                                                                    "$--1\r\n",
                                                                    "$-1x",
                                                                    "$-10\r\n",
                                                                    "$+1\r\n",
                                                                    "$01\r\n",
                                                                    "$00\r\n",
                                                                    "$1 \r\n",
                                                                    "$1\rx",
                                                                    "$1\n",
                                                                    "$1\r\nabc",
                                                                    "$1\r\na\rx",
                                                                    "%-1\r\n",
                                                                    "~-1\r\n",
                                                                    ">-1\r\n",
                                                                    "=-1\r\n",
                                                                    "!-1\r\n",
                                                                    "|-1\r\n",
                                                                    "*2147483649\r\n",
                                                                    "%2147483649\r\n",
                                                                    "*1\r\n>1\r\n",
                                                                    "|1\r\n>0\r\n",
                                                                    "$1000000000000000000\r\n",
                                                                    bytes("*1\r\n\0\r\n")}) {
    test::for_each_split(input, [&](const test::Cuts& cuts) {
      const Scan result = scan(input, cuts);
      ASSERT_TRUE(result.error) << testing::PrintToString(input) << " first cut " << cuts.front();
      ASSERT_TRUE(result.ends.empty());
    });
  }
}

TEST(FrameScanner, NeverTrustsADeclaredSize) {
  for (const std::string_view input :
       {"*2147483648\r\n", "%2147483648\r\n:1\r\n", "$999999999999999999\r\nabc",
        "*2147483647\r\n*2147483647\r\n"}) {
    const Scan result = scan(input, {input.size()});
    EXPECT_FALSE(result.error) << input;
    EXPECT_TRUE(result.ends.empty()) << input;
  }
}

TEST(FrameScanner, BoundsTheDepth) {
  std::string deepest;
  std::string rest;
  for (std::uint32_t i = 0; i < kMaxReplyDepth; ++i) {
    deepest += "*2\r\n";
    rest += ":1\r\n";
  }
  EXPECT_FALSE(scan(deepest, {deepest.size()}).error);
  EXPECT_EQ(scan(deepest + ":1\r\n" + rest, {deepest.size() + 4 + rest.size()}).ends.size(), 1U);
  EXPECT_EQ(scan(deepest + "*0\r\n" + rest, {deepest.size() + 4 + rest.size()}).ends.size(), 1U);
  EXPECT_TRUE(scan(deepest + "*1\r\n", {deepest.size() + 4}).error);
}

TEST(FrameScanner, NestingByLastElementsHasNoDepth) {
  std::string nested;
  for (std::uint32_t i = 0; i < 100 * kMaxReplyDepth; ++i)
    nested += i % 2 == 0 ? "*1\r\n" : "*2\r\n:7\r\n";
  nested += "-ERR reached lua stack limit\r\n";
  const Scan result = scan(nested + "+next\r\n", {nested.size() + 7});
  EXPECT_FALSE(result.error);
  ASSERT_EQ(result.ends.size(), 2U);
  EXPECT_EQ(result.ends.front(), nested.size());
}

TEST(FrameScanner, AnAttributeBeforeALastElementKeepsItsPlace) {
  const std::string frame = "*1\r\n|1\r\n+a\r\n+b\r\n*1\r\n:1\r\n";
  const Scan result = scan(frame + "+next\r\n", {frame.size() + 7});
  EXPECT_FALSE(result.error);
  ASSERT_EQ(result.ends.size(), 2U);
  EXPECT_EQ(result.ends.front(), frame.size());
}

TEST(FrameScanner, AnnouncesALargeReplyFromItsHeader) {
  FrameScanner scanner;
  std::size_t consumed = 0;
  ASSERT_EQ(scanner.feed("$1000000\r\n", consumed), Status::kMore);
  EXPECT_EQ(scanner.frame_bytes(), 10U);
  EXPECT_EQ(scanner.announced_bytes(), 1'000'012U);
  ASSERT_EQ(scanner.feed("abcdef", consumed), Status::kMore);
  EXPECT_EQ(scanner.announced_bytes(), 1'000'012U);
  EXPECT_EQ(scanner.type(), '$');
}

// A generator of RESP2, and hiredis as the second opinion on where each reply ends.
class Resp2Generator {
 public:
  explicit Resp2Generator(std::uint32_t seed) : random_(seed) {}

  std::string frame(int depth = 0) {
    std::string out;
    append(out, depth);
    return out;
  }

 private:
  std::size_t pick(std::size_t bound) { return random_() % bound; }

  std::string payload(bool line) {
    std::string text(pick(pick(4) == 0 ? 300 : 12), ' ');
    for (char& c : text) {
      c = line ? static_cast<char>('!' + pick(90)) : "\r\n$*:-1\0a"[pick(9)];
    }
    return text;
  }

  void append(std::string& out, int depth) {
    switch (pick(depth < 5 ? 8 : 6)) {
      case 0:
        append_simple(out, payload(true));
        break;
      case 1:
        append_error(out, payload(true));
        break;
      case 2:
        append_integer(out, static_cast<std::int64_t>(random_()) - (1LL << 31));
        break;
      case 3:
        append_null(out, 2);
        break;
      case 4:
      case 5:
        append_bulk(out, payload(false));
        break;
      case 6:
        out += "*-1\r\n";
        break;
      default: {
        const std::size_t count = pick(5);
        append_array_header(out, count);
        for (std::size_t i = 0; i < count; ++i) append(out, depth + 1);
      }
    }
  }

  std::mt19937 random_;
};

std::vector<std::size_t> ends_by_hiredis(const std::vector<std::string>& frames) {
  redisReader* const reader = redisReaderCreate();
  std::vector<std::size_t> ends;
  std::size_t position = 0;
  for (const std::string& frame : frames) {
    for (const char c : frame) {
      ++position;
      EXPECT_EQ(redisReaderFeed(reader, &c, 1), REDIS_OK);
      void* reply = nullptr;
      EXPECT_EQ(redisReaderGetReply(reader, &reply), REDIS_OK) << reader->errstr;
      if (reply == nullptr) continue;
      ends.push_back(position);
      freeReplyObject(reply);
    }
  }
  redisReaderFree(reader);
  return ends;
}

TEST(FrameScanner, AgreesWithHiredisOnGeneratedReplies) {
  constexpr std::uint32_t kSeed = 20240607;
  Resp2Generator generator(kSeed);
  std::mt19937 random(kSeed);
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> frames;
    std::string input;
    for (int i = 0; i < 8; ++i) {
      // hiredis 0.14 nests seven deep; the generator stays below.
      frames.push_back(generator.frame());
      input += frames.back();
    }
    const std::vector<std::size_t> expected = ends_by_hiredis(frames);
    test::Cuts cuts;
    for (std::size_t at = 0; at < input.size();) {
      at += 1 + random() % 40;
      cuts.push_back(at < input.size() ? at : input.size());
    }
    ASSERT_EQ(scan(input, {input.size()}).ends, expected) << "round " << round;
    ASSERT_EQ(scan(input, test::bytewise(input.size())).ends, expected) << "round " << round;
    ASSERT_EQ(scan(input, cuts).ends, expected) << "round " << round;
  }
}

// One byte of a valid reply changed: what both accept ends at the same place. Never to a digit or a
// star: hiredis 0.14 allocates whatever an array's header announces.
TEST(FrameScanner, AgreesWithHiredisOnDamagedReplies) {
  constexpr std::uint32_t kSeed = 77;
  Resp2Generator generator(kSeed);
  std::mt19937 random(kSeed);
  int both = 0;
  for (int round = 0; round < 5000; ++round) {
    std::string input = generator.frame();
    input[random() % input.size()] = "-\r\n$:+x"[random() % 7];
    redisReader* const reader = redisReaderCreate();
    redisReaderFeed(reader, input.data(), input.size());
    void* reply = nullptr;
    const bool accepted = redisReaderGetReply(reader, &reply) == REDIS_OK && reply != nullptr;
    const std::size_t end = reader->pos == 0 ? input.size() : reader->pos;
    const Scan ours = scan(input, {input.size()});
    if (accepted && !ours.ends.empty()) {
      ++both;
      EXPECT_EQ(ours.ends.front(), end) << testing::PrintToString(input);
    }
    // The scanner leaves the inside of an integer's line to whoever reads it.
    if (!ours.ends.empty() && !accepted) {
      EXPECT_NE(input.find(':'), std::string::npos) << testing::PrintToString(input);
    }
    if (reply != nullptr) freeReplyObject(reply);
    redisReaderFree(reader);
  }
  EXPECT_GT(both, 500);
}

}  // namespace
}  // namespace pillion::resp
