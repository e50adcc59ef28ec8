// A fill link between a real cache and an upstream made of strings, with a clock turned by hand.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/data/fill/fill_link_fsm.hpp"
#include "tests/unit/proxy/data/text.hpp"

namespace pillion::data::fill {

class RecordingFillSink : public FillSink {
 public:
  void on_fetched(std::span<const cache::Waiter> waiters, const FetchResult& result) override {
    std::string line;
    for (const cache::Waiter& waiter : waiters) line += std::to_string(waiter.slot) + " ";
    switch (result.outcome) {
      case FetchOutcome::kReply:
        line += "reply " + *result.frame;
        break;
      case FetchOutcome::kTooLarge:
        line += "too large " + spoken(*result.request);
        break;
      case FetchOutcome::kLost:
        line += "lost " + spoken(*result.request);
        break;
      case FetchOutcome::kRefused:
        line += "refused " + *result.frame;
        break;
    }
    calls_.push_back(std::move(line));
  }
  void on_fence(FenceId fence) override { calls_.push_back("fence " + std::to_string(fence)); }
  void on_batch_end() override {}

  std::vector<std::string> calls() { return std::exchange(calls_, {}); }

 private:
  std::vector<std::string> calls_;
};

class FillLinkFixture : public ::testing::Test {
 protected:
  using Status = FillLinkFsm::Status;
  using Action = FillLinkFsm::Action;

  static constexpr std::array<std::string_view, 2> kCommands = {"GET", "MGET"};
  static constexpr std::string_view kHello = "%1\r\n$5\r\nproto\r\n:3\r\n";
  static constexpr std::string_view kInfo =
      "*2\r\n*3\r\n$3\r\nget\r\n:2\r\n~1\r\n+readonly\r\n*3\r\n$4\r\nmget\r\n:-2\r\n~1\r\n+"
      "readonly\r\n";
  static constexpr std::string_view kMaster = "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n";
  static std::string accepted() {
    return std::string(kHello) + std::string(kInfo) + "+OK\r\n" + std::string(kMaster);
  }
  static std::string invalidate(std::string_view key) {
    return ">2\r\n$10\r\ninvalidate\r\n*1\r\n" + bulk(key);
  }
  static constexpr std::string_view kNullPush = ">2\r\n$10\r\ninvalidate\r\n_\r\n";

  static FillLinkOptions options() {
    FillLinkOptions options;
    options.link = 5;
    options.max_entry_bytes = 1000;
    options.commands = kCommands;
    return options;
  }

  FillLinkFixture() {
    while (links_.acquire(0, cache::LinkSource::kPrimary) < options().link) {
    }
  }

  void connect() {
    EXPECT_EQ(fsm_->start(now_), Action::kConnect);
    EXPECT_EQ(fsm_->on_connected(now_), Action::kWrite);
  }
  void go_live() {
    connect();
    (void)sent();
    reply(accepted());
    ASSERT_EQ(fsm_->status(), Status::kLive) << fsm_->reason();
  }
  std::string sent() {
    const std::string bytes(fsm_->unwritten());
    fsm_->written(bytes.size());
    return spoken(bytes);
  }
  Action reply(std::string_view bytes) { return fsm_->on_bytes(bytes, now_, 0); }

  static cache::CacheKey key_of(std::string_view name, const std::string& arguments,
                                std::uint32_t database) {
    const cache::NameHash hash = cache::hash_name(name);
    return {.name = hash,
            .variant = cache::hash_variant(hash, database, kGet, arguments, true),
            .database = database,
            .command = kGet,
            .arguments = arguments};
  }

  /// What a session's GET does; "(fetch)" when it leads, "(wait)" when it joins.
  std::string get(std::string_view name, std::uint64_t slot, std::uint32_t database = 0) {
    const std::string arguments = bulk(name);
    std::string hit;
    const auto found = cache_.lookup(
        key_of(name, arguments, database), now_, {0, 1, slot},
        [&](const cache::Entry& entry) { hit = std::string(cache::reply_of(entry)); },
        fsm_->source(now_));
    switch (found.result) {
      case cache::LookupResult::kHit:
        return hit;
      case cache::LookupResult::kTooLarge:
        return "(too large)";
      case cache::LookupResult::kJoined:
        return "(wait)";
      case cache::LookupResult::kFetch:
        break;
    }
    Fetch fetch;
    fetch.request = requests("GET " + std::string(name));
    fetch.database = database;
    fetch.command = kGet;
    fetch.flight = found.flight;
    fetch.keys.push_back(member(fetch.request.size() - name.size() - 2, name, database));
    (asked_ != nullptr ? *asked_ : *fsm_).send(std::move(fetch), now_);
    return "(fetch)";
  }
  void mget(const std::vector<std::string>& names, std::uint64_t slot) {
    Fetch fetch;
    std::string line = "MGET";
    for (const std::string& name : names) line += " " + name;
    fetch.request = requests(line);
    fetch.command = kGet;
    fetch.multi = true;
    fetch.waiter = {0, 1, slot};
    for (const std::string& name : names)
      fetch.keys.push_back(member(fetch.request.find(bulk(name)) + 4, name, 0));
    fsm_->send(std::move(fetch), now_);
  }
  /// Forgets nothing, asks only: what the cache would answer now.
  std::string cached(std::string_view name, std::uint32_t database = 0) {
    const std::string arguments = bulk(name);
    std::string hit = "(none)";
    cache_.peek(
        key_of(name, arguments, database), now_,
        [&](const cache::Entry& entry, auto, auto) { hit = std::string(cache::reply_of(entry)); });
    return hit;
  }

  static constexpr std::uint16_t kGet = 7;
  state::Nanos now_ = 1000 * state::kSecond;
  state::Counters counters_;
  cache::LinkTable links_;
  cache::Cache cache_{cache::CacheLimits{}, links_};
  WriteTokens tokens_{true};
  Invalidator invalidator_{cache_, links_, tokens_};
  RecordingFillSink sink_;
  std::unique_ptr<FillLinkFsm> fsm_ =
      std::make_unique<FillLinkFsm>(options(), cache_, links_, invalidator_, sink_, counters_);
  FillLinkFsm* asked_ = nullptr;  // by get(); null: fsm_

 private:
  static FetchKey member(std::size_t offset, std::string_view name, std::uint32_t database) {
    FetchKey key;
    key.offset = static_cast<std::uint32_t>(offset);
    key.length = static_cast<std::uint32_t>(name.size());
    key.name = cache::hash_name(name);
    const std::string arguments = bulk(name);
    key.variant = cache::hash_variant(key.name, database, kGet, arguments, true);
    const std::size_t header = arguments.size() - name.size() - 2;
    key.arguments_offset = static_cast<std::uint32_t>(offset - header);
    key.arguments_length = static_cast<std::uint32_t>(arguments.size());
    key.ages = {60 * state::kSecond, 2 * state::kSecond};
    return key;
  }
};

}  // namespace pillion::data::fill
