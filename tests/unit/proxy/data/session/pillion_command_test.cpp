#include "proxy/data/session/pillion_command.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/command/table.hpp"
#include "tests/unit/protocol/command/parsed.hpp"

namespace pillion::data::session {
namespace {

constexpr cache::LinkId kLink = 0;
constexpr state::Nanos kStart = 65'536'000'000;

std::string bulk(std::string_view text) {
  return "$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n";
}

class PillionCommandTest : public testing::Test {
 protected:
  PillionCommandTest() {
    state::TopologySnapshot upstream;
    upstream.primary.name = "redis.example:6379";
    upstream.primary.addresses = {"10.0.0.1"};
    upstream.up = true;
    upstream.role = "master";
    upstream.redis_version = "7.0.15";
    upstream.mode = "standalone";
    upstream.latency_seconds = 0.000'125;
    topology_.publish(std::make_shared<const state::TopologySnapshot>(upstream));
  }

  std::string ask(const std::vector<std::string>& words, int protocol = 2) {
    std::vector<std::string> all{"PILLION"};
    all.insert(all.end(), words.begin(), words.end());
    const command::Parsed parsed(all);
    std::string out;
    answer_ = answer_pillion(out, parsed.command(), protocol, services_, now_, hot_keys_);
    return out;
  }
  std::string ask_line(std::string_view line, int protocol = 2) {
    return ask(command::words(line), protocol);
  }

  /// Stores what `words` would have fetched.
  void put(const std::vector<std::string>& words, std::string_view reply,
           std::uint32_t database = 0) {
    const command::Parsed parsed(words);
    const cache::NameHash name = cache::hash_name(words[1]);
    const cache::CacheKey key{name,
                              cache::hash_variant(name, database, parsed.spec().id,
                                                  parsed.command().raw_args(), words.size() == 2),
                              database, parsed.spec().id, parsed.command().raw_args()};
    ASSERT_TRUE(cache_.store(key,
                             {.store = true,
                              .reply = reply,
                              .deadline = kStart + 65'536'000'000,
                              .link = kLink,
                              .generation = links_.generation(kLink)},
                             cache_.erase_count(name)));
  }

  cache::Generation open_link() {
    while (links_.acquire(0, cache::LinkSource::kPrimary) < kLink) {
    }
    return links_.open(kLink, kStart);
  }

  cache::LinkTable links_;
  cache::Cache cache_{cache::CacheLimits{}, links_};
  cache::Generation generation_ = open_link();
  fill::WriteTokens tokens_{false};
  fill::Invalidator invalidator_{cache_, links_, tokens_};
  state::Counters counters_;
  state::Counters other_worker_;
  state::Published<state::TopologySnapshot> topology_;
  std::vector<state::LinkStats> link_stats_ = {{0, "live", "", 0.012, 4}};
  state::CacheStats cache_stats_{true, 7, 700, 1000, 3, 2, 1};
  std::vector<std::pair<std::string, std::string>> config_ = {
      {"cache.enabled", "true"}, {"cache.max_bytes", "64MiB"}, {"upstream.password", "***"}};
  state::Nanos now_ = kStart;
  PillionServices services_{
      cache_,
      invalidator_,
      counters_,
      [this] {
        return std::vector<const state::Counters*>{&counters_, &other_worker_};
      },
      topology_,
      [this] { return link_stats_; },
      [this] { return cache_stats_; },
      config_,
      "PILLION",
      "1.2.3",
      kStart - 90 * state::kSecond};
  PillionAnswer answer_ = PillionAnswer::kDone;
  std::size_t hot_keys_ = 0;
};

TEST_F(PillionCommandTest, HelpIsLinesOfSimpleStrings) {
  const std::string help = ask_line("help");
  EXPECT_EQ(help.substr(0, help.find('\n') + 1), "*21\r\n");
  EXPECT_NE(help.find("+PILLION <subcommand> "), std::string::npos);
  for (const char* word : {"INFO", "STATS", "CACHE GET", "CACHE INVALIDATE", "CACHE FLUSH",
                           "CLIENTS", "UPSTREAMS", "CONFIG GET", "HOTKEYS", "HELP"}) {
    EXPECT_NE(help.find("\r\n+" + std::string(word)), std::string::npos) << word;
  }
}

TEST_F(PillionCommandTest, TheNameIsTheConfiguredOne) {
  services_.name = "sidecar";
  EXPECT_NE(ask_line("HELP").find("+sidecar <subcommand>"), std::string::npos);
  EXPECT_NE(ask_line("x").find("Unknown sidecar subcommand"), std::string::npos);
}

TEST_F(PillionCommandTest, WhatItDoesNotKnowIsAnErrorInRedissForm) {
  const auto unknown = [](const std::string& asked) {
    return "-ERR Unknown PILLION subcommand or wrong number of arguments for '" + asked +
           "'. Try PILLION HELP.\r\n";
  };
  EXPECT_EQ(ask({}), "-ERR wrong number of arguments for 'pillion' command\r\n");
  EXPECT_EQ(ask_line("foo"), unknown("foo"));
  EXPECT_EQ(ask_line("INFO x"), unknown("INFO"));
  EXPECT_EQ(ask_line("HOTKEYS 1 2"), unknown("HOTKEYS"));
  EXPECT_EQ(ask_line("CACHE"), unknown("CACHE"));
  EXPECT_EQ(ask_line("CACHE foo"), unknown("CACHE|foo"));
  EXPECT_EQ(ask_line("CACHE GET"), unknown("CACHE|GET"));
  EXPECT_EQ(ask_line("cache flush now"), unknown("cache|flush"));
  EXPECT_EQ(ask_line("CONFIG SET a b"), unknown("CONFIG|SET"));
  EXPECT_EQ(ask_line("CONFIG GET"), unknown("CONFIG|GET"));
  EXPECT_EQ(ask({"a\r\nb"}), unknown("a  b"));
  EXPECT_EQ(ask({std::string(500, 'x')}), unknown(std::string(128, 'x')));
  EXPECT_EQ(ask({"CACHE", std::string(500, 'x')}), unknown("CACHE|" + std::string(122, 'x')));
}

TEST_F(PillionCommandTest, InfoIsTheSection) {
  const std::string section = pillion_section(services_, now_);
  EXPECT_EQ(ask_line("INFO"), bulk(section));
  EXPECT_EQ(ask_line("INFO", 3),
            "=" + std::to_string(section.size() + 4) + "\r\ntxt:" + section + "\r\n");
}

TEST_F(PillionCommandTest, TheSectionSaysHowItGoes) {
  counters_.cache_hits.add(2);
  other_worker_.cache_hits.add(1);
  other_worker_.cache_misses[0].add(1);
  counters_.clients_connected.add(5);
  counters_.upstream_dedicated.add(1);
  const std::string section = pillion_section(services_, now_);
  EXPECT_EQ(section.substr(0, 11), "# Pillion\r\n");
  for (const char* line : {"version:1.2.3",
                           "uptime_in_seconds:90",
                           "workers:2",
                           "clients:5",
                           "cache_enabled:1",
                           "cache_hits:3",
                           "cache_misses:1",
                           "cache_hit_ratio:0.7500",
                           "cache_entries:7",
                           "cache_bytes:700",
                           "cache_max_bytes:1000",
                           "cache_evictions:3",
                           "coalesced_requests:0",
                           "fill_link_status:live",
                           "lease_age_ms:12",
                           "upstream:redis.example:6379",
                           "upstream_up:1",
                           "upstream_role:master",
                           "upstream_latency_us:125",
                           "upstream_connections:0",
                           "dedicated_connections:1"}) {
    EXPECT_NE(section.find("\r\npillion_" + std::string(line) + "\r\n"), std::string::npos)
        << line << " in\n"
        << section;
  }
}

TEST_F(PillionCommandTest, TheSectionBeforeAnythingHappened) {
  EXPECT_NE(pillion_section(services_, now_).find("cache_hit_ratio:0.0000\r\n"), std::string::npos);
}

TEST_F(PillionCommandTest, NoValueOfTheSectionEndsItsLine) {
  link_stats_ = {{0, "live", "", 0, 1}, {1, "refused", "NOPERM\r\nrole:slave", 0, 1}};
  const std::string section = pillion_section(services_, now_);
  EXPECT_NE(section.find("pillion_fill_link_status:refused (NOPERM  role:slave)\r\n"),
            std::string::npos)
      << section;
}

TEST_F(PillionCommandTest, WithoutTheCacheTheLinkIsOff) {
  cache_stats_.enabled = false;
  EXPECT_NE(pillion_section(services_, now_).find("fill_link_status:off\r\n"), std::string::npos);
}

TEST_F(PillionCommandTest, StatsIsAMapOfNumbers) {
  counters_.cache_bypasses[static_cast<std::size_t>(state::BypassReason::kPinned)].add(4);
  other_worker_.latency_l1.observe(3 * state::kMillisecond, 2);
  const std::string two = ask_line("STATS");
  const std::string three = ask_line("STATS", 3);
  EXPECT_EQ(two[0], '*');
  EXPECT_EQ(three[0], '%');
  EXPECT_EQ(2 * std::stoi(three.substr(1)), std::stoi(two.substr(1)));
  EXPECT_EQ(two.substr(two.find('\n')), three.substr(three.find('\n')));
  EXPECT_NE(two.find(bulk("cache_bypasses_pinned") + ":4\r\n"), std::string::npos);
  EXPECT_NE(two.find(bulk("latency_l1_measured") + ":2\r\n"), std::string::npos);
  EXPECT_NE(two.find(bulk("latency_l1_sum_us") + ":6000\r\n"), std::string::npos);
}

TEST_F(PillionCommandTest, StatsNamesNoFigureTwice) {
  std::vector<std::string> names;
  for (const Figure& figure : pillion_figures(services_)) names.push_back(figure.name);
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
}

TEST_F(PillionCommandTest, CacheGetShowsWhatIsKnownOfAKey) {
  EXPECT_EQ(ask_line("CACHE GET k"), "*0\r\n");
  put({"HGET", "k", "field"}, "$5\r\nvalue\r\n", 2);
  now_ += 536'000'000;
  const std::string shown = ask_line("cache get k", 3);
  EXPECT_EQ(shown.substr(0, 8), "*1\r\n%8\r\n");
  EXPECT_NE(shown.find(bulk("db") + ":2\r\n" + bulk("command") + bulk("hget") + bulk("arguments") +
                       "*1\r\n" + bulk("field")),
            std::string::npos)
      << shown;
  EXPECT_NE(shown.find(bulk("reply_bytes") + ":11\r\n"), std::string::npos);
  EXPECT_NE(shown.find(bulk("remaining_ms") + ":65000\r\n" + bulk("state") + bulk("fresh")),
            std::string::npos);
  EXPECT_EQ(shown.find("value"), std::string::npos) << "no values";
  now_ += 2 * state::kSecond;
  EXPECT_NE(ask_line("CACHE GET k").find(bulk("state") + bulk("lease")), std::string::npos);
}

TEST_F(PillionCommandTest, CacheGetCutsLongArguments) {
  put({"HMGET", "k", "first", std::string(10'000, 'x'), "last"}, "*0\r\n");
  const std::string shown = ask_line("CACHE GET k");
  EXPECT_LT(shown.size(), 1'000U);
  EXPECT_NE(shown.find(bulk("arguments") + "*2\r\n" + bulk("first") + bulk("...")),
            std::string::npos)
      << shown;
}

TEST_F(PillionCommandTest, CacheGetShowsAnEmptyArgument) {
  put({"HGET", "k", ""}, "$1\r\nv\r\n");
  EXPECT_NE(ask_line("CACHE GET k").find(bulk("arguments") + "*1\r\n" + bulk("")),
            std::string::npos);
}

TEST_F(PillionCommandTest, InvalidateTakesAKeyOrAPattern) {
  put({"GET", "user:1"}, "$1\r\na\r\n");
  put({"GET", "user:1"}, "$1\r\na\r\n", 4);
  put({"GET", "user:2"}, "$1\r\na\r\n");
  put({"GET", "user:3"}, "$1\r\na\r\n");
  put({"GET", "a*b"}, "$1\r\na\r\n");
  put({"GET", "axb"}, "$1\r\na\r\n");
  EXPECT_EQ(ask_line("CACHE INVALIDATE user:1"), ":1\r\n");
  EXPECT_EQ(ask_line("CACHE GET user:1"), "*0\r\n");
  EXPECT_EQ(ask_line("CACHE INVALIDATE user:1"), ":0\r\n");
  EXPECT_EQ(ask_line("CACHE INVALIDATE user:*"), ":2\r\n");
  EXPECT_EQ(ask_line("CACHE INVALIDATE a\\*b"), ":1\r\n") << "an escaped star is no pattern";
  EXPECT_EQ(cache_.stats().entries, 1U);
  EXPECT_EQ(ask_line("CACHE INVALIDATE *"), ":1\r\n");
  EXPECT_EQ(cache_.stats().entries, 0U);
}

TEST_F(PillionCommandTest, InvalidatePoisonsWhatIsBeingFetched) {
  for (const char* pattern : {"k", "k*"}) {
    const std::string arguments = bulk("k");
    const cache::NameHash name = cache::hash_name("k");
    const auto& get = command::find("GET");
    const cache::CacheKey key{name, cache::hash_variant(name, 0, get.id, arguments, true), 0,
                              get.id, arguments};
    const cache::Lookup led = cache_.lookup(key, now_, {0, 1, 0}, [](const cache::Entry&) {});
    ASSERT_EQ(led.result, cache::LookupResult::kFetch);
    EXPECT_EQ(ask({"CACHE", "INVALIDATE", pattern}), ":0\r\n");
    std::vector<cache::Waiter> waiters;
    EXPECT_FALSE(cache_.complete(name, led.flight, key,
                                 {.store = true,
                                  .reply = "$3\r\nold\r\n",
                                  .deadline = kStart + state::kSecond,
                                  .link = kLink,
                                  .generation = generation_},
                                 waiters));
    EXPECT_EQ(waiters.size(), 1U);
  }
}

TEST_F(PillionCommandTest, FlushDropsEverythingAndEndsTheGeneration) {
  put({"GET", "k"}, "$1\r\na\r\n");
  const auto before = links_.generation(kLink);
  EXPECT_EQ(ask_line("CACHE FLUSH"), "+OK\r\n");
  EXPECT_EQ(cache_.stats().entries, 0U);
  EXPECT_NE(links_.generation(kLink), before);
  EXPECT_EQ(counters_.flushes_own.get(), 1U);
}

TEST_F(PillionCommandTest, UpstreamsShowsTheServerAndTheLinks) {
  link_stats_.push_back({1, "down", "Connection refused", 0, 0});
  const std::string shown = ask_line("UPSTREAMS", 3);
  EXPECT_EQ(shown.substr(0, 9), "*1\r\n%12\r\n");
  EXPECT_NE(shown.find(bulk("name") + bulk("redis.example:6379") + bulk("addresses") + "*1\r\n" +
                       bulk("10.0.0.1") + bulk("up") + ":1\r\n"),
            std::string::npos);
  EXPECT_NE(shown.find(bulk("fill_links") + "*2\r\n%5\r\n" + bulk("worker") + ":0\r\n" +
                       bulk("state") + bulk("live")),
            std::string::npos);
  EXPECT_NE(shown.find(bulk("reason") + bulk("Connection refused")), std::string::npos);
}

TEST_F(PillionCommandTest, UpstreamsAreAllServersEachWithItsLinks) {
  state::TopologySnapshot snapshot;
  snapshot.kind = state::TopologyKind::kReplicated;
  for (const std::string name : {"one:6379", "two:6379"}) {
    state::Node node;
    node.endpoint.name = name;
    node.endpoint.id = static_cast<state::EndpointId>(snapshot.nodes.size());
    node.role = snapshot.nodes.empty() ? state::NodeRole::kPrimary : state::NodeRole::kReplica;
    node.up = true;
    node.in_rotation = !snapshot.nodes.empty();
    node.lag = 30 * state::kMillisecond;
    snapshot.nodes.push_back(std::move(node));
  }
  topology_.publish(std::make_shared<const state::TopologySnapshot>(snapshot));
  link_stats_.assign(1, {});
  link_stats_[0].endpoint = "two:6379";
  link_stats_[0].state = "live";
  const std::string shown = ask_line("UPSTREAMS", 3);
  EXPECT_EQ(shown.substr(0, 4), "*2\r\n");
  const std::size_t second = shown.find(bulk("two:6379"));
  EXPECT_NE(shown.find(bulk("fill_links") + "*0\r\n"), std::string::npos);
  EXPECT_NE(shown.find(bulk("role") + bulk("slave"), second), std::string::npos);
  EXPECT_NE(shown.find(bulk("in_rotation") + ":1\r\n" + bulk("lag_ms") + ":30\r\n", second),
            std::string::npos);
  EXPECT_NE(shown.find(bulk("fill_links") + "*1\r\n", second), std::string::npos);
}

TEST_F(PillionCommandTest, ConfigGetMatchesNames) {
  EXPECT_EQ(ask_line("CONFIG GET nothing"), "*0\r\n");
  EXPECT_EQ(ask_line("config get CACHE.*"), "*4\r\n" + bulk("cache.enabled") + bulk("true") +
                                                bulk("cache.max_bytes") + bulk("64MiB"));
  EXPECT_EQ(ask_line("CONFIG GET *password *enabled *", 3).substr(0, 4), "%3\r\n");
  EXPECT_EQ(ask_line("CONFIG GET upstream.password"),
            "*2\r\n" + bulk("upstream.password") + bulk("***"));
}

TEST_F(PillionCommandTest, WhatAllWorkersKnowIsGatheredBySomebodyElse) {
  EXPECT_EQ(ask_line("CLIENTS"), "");
  EXPECT_EQ(answer_, PillionAnswer::kClients);
  EXPECT_EQ(ask_line("HOTKEYS"), "");
  EXPECT_EQ(answer_, PillionAnswer::kHotKeys);
  EXPECT_EQ(hot_keys_, 10U);
  EXPECT_EQ(ask_line("hotkeys 256"), "");
  EXPECT_EQ(hot_keys_, 256U);
  for (const char* count : {"0", "257", "-1", "x", "1x", "99999999999999999999", "''"}) {
    EXPECT_EQ(ask_line("HOTKEYS " + std::string(count)),
              "-ERR count must be a whole number from 1 to 256\r\n")
        << count;
    EXPECT_EQ(answer_, PillionAnswer::kDone);
  }
}

TEST_F(PillionCommandTest, HotKeysOfAllWorkers) {
  std::string out;
  append_hot_keys(out, {{{"a", false, 32}}, {{"long", true, 48}, {"a", false, 32}}}, 10);
  EXPECT_EQ(out, "*2\r\n*2\r\n" + bulk("a") + ":64\r\n*2\r\n" + bulk("long...") + ":48\r\n");
}

TEST(PillionName, IsNoRedisCommand) {
  EXPECT_EQ(pillion_name_complaint("PILLION"), std::nullopt);
  EXPECT_EQ(pillion_name_complaint("side.car"), std::nullopt);
  EXPECT_EQ(pillion_name_complaint(""), std::nullopt);
  EXPECT_NE(pillion_name_complaint("get").value_or("").find("'get' is the name of a Redis command"),
            std::string::npos);
}

}  // namespace
}  // namespace pillion::data::session
