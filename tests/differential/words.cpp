#include "tests/differential/words.hpp"

#include <array>
#include <stdexcept>
#include <string_view>

namespace pillion::test {
namespace {

using std::string_literals::operator""s;

constexpr std::string_view kPools = "shltzxgpc";  // 'b' holds large values and is never mixed in
constexpr std::size_t kKeysPerPool = 4;

const std::vector<std::string> kWords = {
    "apple", "pear", "fig", "plum", "Berlin", "Oslo", "a",
    "b",     "c",    "d",   "e",    "zeta",   "x y",  "\xc3\xa9t\xc3\xa9",
    "UPPER", "q1"};

// None of these is a small positive number: as a time it would pass while the test runs, as a
// count or an offset it would be random or cost gigabytes.
const std::vector<std::string> kOdd = {"",
                                       "0",
                                       "-1",
                                       "9223372036854775807",
                                       "-9223372036854775808",
                                       "9223372036854775808",
                                       "18446744073709551616",
                                       "4294967296",
                                       "nan",
                                       "inf",
                                       "-inf",
                                       "1e400",
                                       "0x10",
                                       " 1",
                                       "1 ",
                                       "+0",
                                       "-0",
                                       "00",
                                       "3.0.0",
                                       "abc",
                                       "\xff\xfe\r\n",
                                       "two\nlines",
                                       "$-1\r\n",
                                       "-ERR",
                                       "WITHSCORES",
                                       "LIMIT",
                                       "STORE"};

const std::vector<std::string> kReals = {
    "0",     "1",    "-1",   "1.5",  "2",     "3.25",
    "-0",    "0.1",  "1e3",  "-7.5", "1e-9",  "3.0000000000000004",
    "12345", "5e20", "0.30", "17",   "-1e-5", "99.99"};

const std::vector<std::string> kPatterns = {"*",   "s:*", "?:[0-2]", "h*",    "nomatch*", "[",
                                            "\\*", "f*",  "*e*",     "[^a]*", ""};

const std::vector<std::array<std::string, 2>> kPlaces = {{"13.361389", "38.115556"},
                                                         {"15.087269", "37.502669"},
                                                         {"2.349014", "48.864716"},
                                                         {"-0.127758", "51.507351"},
                                                         {"0", "0"}};

}  // namespace

std::string pool_key(char pool, std::size_t number) {
  return std::string(1, pool) + ":" + std::to_string(number % kKeysPerPool);
}

std::string Words::odd() {
  return random_.one_of(kOdd);
}

std::string Words::key(char pool) {
  const std::size_t chance = random_.below(1000);
  if (chance < 890) return pool_key(pool, random_.below(kKeysPerPool));
  if (chance < 960) return pool_key(random_.one_of(kPools), random_.below(kKeysPerPool));
  if (chance < 975) return "none:" + std::to_string(random_.below(3));
  if (chance < 985) return "{tag}:" + std::string(1, pool);
  if (chance < 990) return "";
  if (chance < 994) return "bin\0\r\n\xff"s;
  if (chance < 998) return std::string(300, pool);
  return std::string(random_.percent(10) ? 70'000 : 5'000, pool);
}

std::string Words::value() {
  const std::size_t chance = random_.below(100);
  if (chance < 40) return std::to_string(random_.between(-3, 40));
  if (chance < 65) return random_.one_of(kWords);
  if (chance < 70) return random_.one_of(kReals);
  if (chance < 73) return "";
  if (chance < 80) return "\0\r\n\xff$3\r\nabc\r\n"s.substr(random_.below(8));
  if (chance < 95) return std::string(20 + random_.below(100), 'v');
  if (chance < 98) return odd();
  return std::string(500 + random_.below(2'000), static_cast<char>('A' + random_.below(26)));
}

std::string Words::member() {
  if (random_.percent(40)) return std::to_string(random_.between(0, 12));
  if (random_.percent(3)) return std::string(70, 'm');
  return random_.one_of(kWords);
}

std::string Words::field() {
  if (random_.percent(2)) return std::string(80, 'f');
  return "f" + std::to_string(random_.below(8));
}

std::string Words::integer() {
  return random_.percent(6) ? odd() : std::to_string(random_.between(-5, 20));
}

std::string Words::real() {
  return random_.percent(8) ? odd() : random_.one_of(kReals);
}

std::string Words::score_bound() {
  if (random_.percent(25)) return random_.percent(50) ? "-inf" : "+inf";
  return (random_.percent(30) ? "(" : "") + real();
}

std::string Words::lexical_bound() {
  if (random_.percent(30)) return random_.percent(50) ? "-" : "+";
  if (random_.percent(5)) return odd();
  return (random_.percent(60) ? "[" : "(") + random_.one_of(kWords);
}

std::string Words::stream_id() {
  if (random_.percent(20)) return random_.percent(50) ? "-" : "+";
  if (random_.percent(5)) return odd();
  const std::uint64_t back = random_.below(200);
  return std::to_string(step_ > back ? step_ - back : step_) +
         (random_.percent(60) ? "-" + std::to_string(random_.below(3)) : "");
}

void Words::append(char letter, Arguments& to) {
  switch (letter) {
    case 's':
    case 'h':
    case 'l':
    case 't':
    case 'z':
    case 'x':
    case 'g':
    case 'p':
    case 'c':
      return to.push_back(key(letter));
    case 'b':
      return to.push_back("b:" + std::to_string(random_.below(2)));
    case 'k':
      return to.push_back(key(random_.one_of(kPools)));
    case 'v':
      return to.push_back(value());
    case 'V':  // large; over a mebibyte now and then
      return to.push_back(
          std::string(random_.percent(3) ? 1'200'000 : 3'000 + random_.below(40'000),
                      static_cast<char>('a' + random_.below(26))));
    case 'm':
      return to.push_back(member());
    case 'f':
      return to.push_back(field());
    case 'i':
      return to.push_back(integer());
    case 'n':
      return to.push_back(std::to_string(random_.between(0, 6)));
    case 'w':
      return to.push_back(real());
    case 'r':
      return to.push_back(score_bound());
    case 'y':
      return to.push_back(lexical_bound());
    case 'e':  // seconds of a lifetime that outlasts the test
      return to.push_back(random_.percent(8) ? odd()
                                             : std::to_string(random_.between(200'000, 999'999)));
    case 'q':  // the same in milliseconds
      return to.push_back(
          random_.percent(8) ? odd() : std::to_string(random_.between(200'000'000, 999'999'999)));
    case 'a':  // a day far ahead, in seconds
      return to.push_back(std::to_string(random_.between(4'102'444'800, 4'202'444'800)));
    case 'A':  // the same in milliseconds
      return to.push_back(std::to_string(random_.between(4'102'444'800'000, 4'202'444'800'000)));
    case 'd':
      return to.push_back(random_.percent(60) ? "0" : std::to_string(random_.below(3)));
    case 'U':
      return to.push_back(random_.percent(90)
                              ? std::to_string(step_ + 1) + "-" +
                                    (random_.percent(30) ? "*" : std::to_string(random_.below(9)))
                              : stream_id());
    case 'u':
      return to.push_back(stream_id());
    case 'o':
      return to.push_back("group" + std::to_string(random_.below(2)));
    case 'j':
      return to.push_back("consumer" + std::to_string(random_.below(3)));
    case 'N':  // what a group was not told yet
      return to.push_back(">");
    case 'H':  // a field of hashes, as SORT names it
      return to.push_back("h:*->f" + std::to_string(random_.below(2)));
    case 'P':
      return to.push_back(random_.one_of(kPatterns));
    case 'G': {
      const auto& place = random_.one_of(kPlaces);
      to.push_back(place[0]);
      return to.push_back(place[1]);
    }
    case 'O':
      return to.push_back(odd());
    case 'L':
      return to.push_back(std::string(100 + random_.below(200), 'L'));
    default:
      throw std::logic_error(std::string("no such letter in a template: ") + letter);
  }
}

}  // namespace pillion::test
