// pillion_differential: see README.md.
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <iostream>
#include <map>
#include <string>

#include "tests/differential/duel.hpp"
#include "tests/differential/minimise.hpp"
#include "tests/differential/stream.hpp"
#include "tests/support/resp_value.hpp"
#include "tests/support/scale.hpp"

namespace pillion::test {
namespace {

constexpr std::uint64_t kDataEvery = 2'000;  // steps between two looks at the data
constexpr std::uint64_t kCommandsPerHit = 20;
constexpr std::size_t kShown = 400;  // bytes of a reply

struct Options {
  std::uint64_t seed = 1;
  std::uint64_t commands = 250'000;
  bool minimise = false;
  bool control = false;
  std::size_t keep_going = 0;  // mismatches to gather
};

/// What mismatches of one cause have in common, mostly: the error, else the command.
std::string kind_of(const Mismatch& mismatch) {
  const std::string& telling = mismatch.got[0] == '-' ? mismatch.got : mismatch.expected;
  const std::string error =
      telling[0] == '-' ? printable(telling.substr(0, telling.find('\''))) : "";
  std::string name = mismatch.text.substr(0, mismatch.text.find(' '));
  for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return error.empty() ? name : error;
}

void show(std::ostream& out, const Mismatch& mismatch, std::uint64_t seed) {
  out << "seed " << seed << ", step " << mismatch.step << ", client " << mismatch.client
      << ", item " << mismatch.item << ", reply " << mismatch.reply << ":\n  " << mismatch.text
      << "\n  redis-server: " << printable(mismatch.expected, kShown)
      << "\n  Pillion:      " << printable(mismatch.got, kShown) << '\n';
}

void show(std::ostream& out, const std::vector<Step>& steps) {
  for (const Step& step : steps) {
    out << "  client " << step.client << '\n';
    for (const Item& item : step.items) out << "    " << item.text << '\n';
  }
}

/// The steps up to the one that failed, as short as they can be.
void show_minimised(Duel& duel, const Stream& stream, std::uint64_t first, std::uint64_t last) {
  std::vector<Step> steps;
  for (std::uint64_t number = first; number <= last; ++number) steps.push_back(stream.step(number));
  std::optional<Mismatch> mismatch;
  const Fails fails = [&](const std::vector<Step>& part) {
    duel.reset();
    for (const Step& step : part) {
      if (auto found = duel.play(step)) {
        mismatch = std::move(found);
        return true;
      }
    }
    return false;
  };
  if (!fails(steps)) {
    std::cout << "replayed from empty servers it does not fail\n";
    return;
  }
  const std::vector<Step> shortest = minimised(std::move(steps), fails);
  fails(shortest);
  std::cout << "shortest run that fails (items of one client are one pipeline):\n";
  show(std::cout, shortest);
  std::cout << "  redis-server: " << printable(mismatch->expected, kShown)
            << "\n  Pillion:      " << printable(mismatch->got, kShown) << '\n';
}

int run(const Options& options) {
  check_templates();
  Duel duel(options.control);
  const Stream stream(options.seed);
  const std::uint64_t wanted = scaled(options.commands, 1'000);
  const std::uint64_t hits_before = duel.hits();
  const Moment start = Clock::now();
  std::map<std::string, std::size_t> kinds;  // of mismatches, by the command's first word
  std::uint64_t clean_from = 0;              // the step after the last reset
  std::size_t mismatches = 0;
  std::uint64_t number = 0;
  for (; duel.commands() < wanted; ++number) {
    auto mismatch = duel.play(stream.step(number));
    if (!mismatch && number % kDataEvery == kDataEvery - 1) {
      if (const auto difference = duel.compare_data()) {
        std::cout << "seed " << options.seed << ", before step " << number + 1 << ": "
                  << *difference << '\n';
        return EXIT_FAILURE;
      }
    }
    if (!mismatch) continue;
    ++mismatches;
    const std::string kind = kind_of(*mismatch);
    if (++kinds[kind] == 1) show(std::cout, *mismatch, options.seed);
    if (options.minimise && kinds[kind] == 1) show_minimised(duel, stream, clean_from, number);
    std::cout.flush();
    if (mismatches > options.keep_going) break;
    duel.reset();
    clean_from = number + 1;
  }
  const double seconds = seconds_since(start);
  const std::uint64_t hits = duel.hits() - hits_before;
  std::printf("seed %llu: %llu commands in %llu steps, %.1f s, %llu hits, %zu mismatches\n",
              static_cast<unsigned long long>(options.seed),
              static_cast<unsigned long long>(duel.commands()),
              static_cast<unsigned long long>(number), seconds,
              static_cast<unsigned long long>(hits), mismatches);
  for (const auto& [kind, count] : kinds) std::printf("%6zu %s\n", count, kind.c_str());
  if (mismatches > 0) {
    std::printf("replay: pillion_differential --seed %llu --minimise\n%s",
                static_cast<unsigned long long>(options.seed), duel.log().c_str());
    return EXIT_FAILURE;
  }
  if (!options.control && hits * kCommandsPerHit < duel.commands()) {
    std::printf("the L1 answered too few commands for this to prove anything\n");
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    const auto number = [&] {
      if (i + 1 == argc) throw std::invalid_argument(std::string(flag) + " needs a number");
      return std::strtoull(argv[++i], nullptr, 10);
    };
    if (flag == "--seed") {
      options.seed = number();
    } else if (flag == "--commands") {
      options.commands = number();
    } else if (flag == "--keep-going") {
      options.keep_going = number();
    } else if (flag == "--minimise") {
      options.minimise = true;
    } else if (flag == "--control") {
      options.control = true;
    } else {
      throw std::invalid_argument(
          "usage: pillion_differential [--seed N] [--commands N] [--minimise] [--keep-going N] "
          "[--control]");
    }
  }
  return options;
}

}  // namespace
}  // namespace pillion::test

int main(int argc, char** argv) {
  try {
    // How SORT ALPHA orders is the servers' locale's.
    setenv("LC_ALL", "C", 1);
    return pillion::test::run(pillion::test::parse(argc, argv));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "pillion_differential: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
