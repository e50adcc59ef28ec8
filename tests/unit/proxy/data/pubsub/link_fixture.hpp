// A link of two workers over an upstream made of strings, with a clock turned by hand.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/data/pubsub/link_fsm.hpp"
#include "tests/unit/proxy/data/pubsub/wire_text.hpp"

namespace pillion::data::pubsub {

/// Writes down what each worker is told: "0: settled 1", "1: runs a*2", "0: revoked a".
class RecordingLinkSink : public LinkSink {
 public:
  bool takes_deliveries() override { return takes_; }
  void on_delivery(std::uint32_t worker, Delivery delivery) override {
    std::size_t run = 0;
    const auto runs_until = [&](std::size_t end) {
      for (; delivery.batch && run < end; ++run) {
        const Run& each = delivery.batch->runs[run];
        say(worker,
            "run " + std::string(delivery.batch->name(each)) + "*" + std::to_string(each.count));
      }
    };
    for (const Event& event : delivery.events) {
      runs_until(event.position);
      if (event.type == Event::Type::kRevoked) {
        say(worker, "revoked " + event.name);
      } else {
        say(worker, "settled " + std::to_string(event.ticket) +
                        (event.error.empty() ? "" : " " + event.error));
      }
    }
    if (delivery.batch) runs_until(delivery.batch->runs.size());
    latest_ = delivery.batch;
  }
  void on_doubt(state::RefreshReason reason) override { doubts_.push_back(reason); }

  std::vector<std::string> told() { return std::exchange(told_, {}); }

  std::shared_ptr<const Batch> latest_;
  std::vector<state::RefreshReason> doubts_;
  bool takes_ = true;

 private:
  void say(std::uint32_t worker, const std::string& what) {
    told_.push_back(std::to_string(worker) + ": " + what);
  }
  std::vector<std::string> told_;
};

class LinkFixture : public ::testing::Test {
 protected:
  using Status = LinkFsm::Status;
  using Action = LinkFsm::Action;

  LinkFixture() { fsm_ = make(); }

  static LinkOptions options() {
    LinkOptions options;
    options.identity = std::make_shared<const upstream::Identity>();
    options.workers = 2;
    options.upstream = "redis:6379";
    return options;
  }
  std::unique_ptr<LinkFsm> make(LinkOptions options = LinkFixture::options()) {
    return std::make_unique<LinkFsm>(std::move(options), sink_, census_, counters_);
  }

  void connect() {
    fsm_->start(now_);
    fsm_->on_connected(now_);
  }
  void go_live() {
    connect();
    reply(kHello);
    ASSERT_EQ(fsm_->status(), Status::kLive);
    (void)sent();
  }
  Action reply(std::string_view bytes) {
    const Action action = fsm_->on_bytes(bytes, now_, 0);
    fsm_->end_batch();
    return action;
  }
  void lose() {
    EXPECT_EQ(fsm_->on_failed("reset by peer", now_, 0), Action::kClose);
    fsm_->end_batch();
  }
  Action tick() {
    const Action action = fsm_->on_tick(now_, 0);
    fsm_->end_batch();
    return action;
  }
  /// After a loss: the next connection, live.
  void come_back() {
    now_ += state::kSecond;
    ASSERT_EQ(tick(), Action::kConnect);
    fsm_->on_connected(now_);
    (void)sent();
    reply(kHello);
  }
  /// What was staged since the last time.
  std::string sent() {
    const std::string lines = spoken(fsm_->unwritten());
    fsm_->written(fsm_->unwritten().size());
    return lines;
  }
  std::vector<std::string> told() { return sink_.told(); }

  void subscribe(std::uint32_t worker, Ticket ticket, const std::vector<std::string>& names,
                 Kind kind = Kind::kChannel) {
    fsm_->subscribe(worker, ticket, kind, names, now_);
    fsm_->end_batch();
  }
  void unsubscribe(std::uint32_t worker, Ticket ticket, const std::vector<std::string>& names,
                   Kind kind = Kind::kChannel) {
    fsm_->unsubscribe(worker, ticket, kind, names, now_);
    fsm_->end_batch();
  }
  void leave(std::uint32_t worker, const std::vector<std::string>& names) {
    fsm_->leave(worker, Kind::kChannel, names, now_);
    fsm_->end_batch();
  }
  /// A live link that worker 0 has subscribed to `name`, proven.
  void have(const std::string& name) {
    subscribe(0, 1, {name});
    reply(confirm("subscribe", name));
    now_ += state::kSecond;
    (void)sent();
    (void)told();
  }

  RecordingLinkSink sink_;
  Census census_;
  state::Counters counters_;
  state::Nanos now_ = 1000 * state::kSecond;
  std::unique_ptr<LinkFsm> fsm_;
};

}  // namespace pillion::data::pubsub
