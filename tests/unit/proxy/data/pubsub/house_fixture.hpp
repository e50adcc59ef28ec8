// Hub and fan-outs of two workers over tasks that run when they are told to, and links over an
// upstream made of strings: a Redis that answers every request, unless it is told to hold back.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/resp/request_parser.hpp"
#include "proxy/data/pubsub/fanout.hpp"
#include "proxy/data/pubsub/hub.hpp"
#include "tests/unit/proxy/data/pubsub/wire_text.hpp"

namespace pillion::data::pubsub {

/// A link whose other end is the test.
class StringPort : public LinkPort {
 public:
  StringPort(std::unique_ptr<LinkFsm> fsm, state::EndpointId node, const state::Nanos& now,
             const state::EndpointId& primary, std::map<std::string, std::string>& refused)
      : node_(node), fsm_(std::move(fsm)), now_(now), primary_(primary), refused_(refused) {}

  LinkFsm& fsm() override { return *fsm_; }
  void start(state::Nanos now) override { perform(fsm_->start(now)); }
  void on_tick(state::Nanos now) override {
    perform(fsm_->on_tick(now, 0));
    fsm_->end_batch();
  }
  state::EndpointId endpoint() const override { return endpoint_; }
  void relocate(state::Nanos now) override {
    perform(fsm_->on_relocated(now));
    fsm_->end_batch();
  }
  void flush_later() override {}
  void resume() override {}
  void close() override {
    fsm_->close();
    closed_ = true;
  }

  /// The upstream reads and answers what was sent.
  void serve() {
    while (!closed_ && !hold_ && !fsm_->unwritten().empty()) {
      const std::string request(fsm_->unwritten());
      fsm_->written(request.size());
      hear(answers(request));
    }
  }
  void hear(const std::string& bytes) {
    perform(fsm_->on_bytes(bytes, now_, 0));
    fsm_->end_batch();
  }
  void break_off() {
    perform(fsm_->on_failed("reset by peer", now_, 0));
    fsm_->end_batch();
  }

  const state::EndpointId node_;
  state::EndpointId endpoint_ = state::kNoEndpoint;
  std::vector<std::string> asked_;  // but for HELLO and PING
  bool reachable_ = true;
  bool hold_ = false;
  bool closed_ = false;

 private:
  void perform(LinkFsm::Action action) {
    if (action != LinkFsm::Action::kConnect) return;
    endpoint_ = node_ == state::kNoEndpoint ? primary_ : node_;
    if (reachable_) {
      fsm_->on_connected(now_, endpoint_);
    } else {
      fsm_->on_failed("Connection refused", now_, 0);
      fsm_->end_batch();
    }
  }
  std::string answers(std::string_view requests) {
    std::string out;
    resp::RequestParser parser;
    while (!requests.empty() && parser.parse(requests) == resp::RequestParser::Result::kCommand) {
      const auto& command = parser.command();
      std::string word(command.arg(0));
      if (word == "HELLO") {
        out += kHello;
      } else if (word == "PING") {
        out += kPong;
      } else {
        out += confirmations(word, command);
      }
      requests.remove_prefix(parser.consumed());
    }
    return out;
  }
  template <class Command>
  std::string confirmations(std::string word, const Command& command) {
    for (char& c : word) c = static_cast<char>(c | 0x20);
    std::string out;
    std::string asked = word;
    for (std::size_t i = 1; i < command.argc(); ++i) {
      const std::string name(command.arg(i));
      asked += " " + name;
      const auto refused = refused_.find(name);
      if (refused != refused_.end() && word.find("un") == std::string::npos) {
        out = refused->second + "\r\n";
      } else if (out.empty() || out.front() == '>') {
        out += confirm(word, name);
      }
    }
    asked_.push_back(asked);
    return out;
  }

  std::unique_ptr<LinkFsm> fsm_;
  const state::Nanos& now_;
  const state::EndpointId& primary_;
  std::map<std::string, std::string>& refused_;
};

class House : public Couriers {
 public:
  struct Worker : SubscriptionSink {
    explicit Worker(House& owner, std::uint32_t index)
        : house(owner),
          fanout({index, 5 * state::kSecond, "redis:6379"}, owner, *this, owner.census, counters) {}

    void on_subscription_settled(const Requester& to, std::string_view error) override {
      say(to,
          "settled " + std::to_string(to.slot) + (error.empty() ? "" : " ") + std::string(error));
      if (when_settled) std::exchange(when_settled, nullptr)(to);
    }
    void on_messages(const Requester& to, const Messages& messages) override {
      EXPECT_EQ(messages.resp3.front(), '>');
      EXPECT_EQ(messages.resp2.front(), '*');
      EXPECT_EQ(messages.resp3.size(), messages.resp2.size());
      say(to, std::to_string(messages.count) + " messages");
      if (when_told) when_told(to);
    }
    void on_subscription_revoked(const Requester& to) override { say(to, "revoked"); }
    void on_batch_end() override { ++batches; }

    void say(const Requester& to, const std::string& what) {
      said.push_back(std::to_string(to.session) + ": " + what);
    }

    House& house;
    state::Counters counters;
    Fanout fanout;
    std::vector<std::string> said;
    std::function<void(const Requester&)> when_settled;
    std::function<void(const Requester&)> when_told;
    int batches = 0;
  };

  explicit House(std::uint32_t workers = 2) {
    for (std::uint32_t i = 0; i < workers; ++i)
      workers_.push_back(std::make_unique<Worker>(*this, i));
    HubOptions options;
    options.link.upstream = "redis:6379";
    options.refresh = &refresh;
    hub = std::make_unique<Hub>(options, *this, census, hub_counters,
                                [this](std::unique_ptr<LinkFsm> fsm, state::EndpointId node) {
                                  auto port = std::make_shared<StringPort>(std::move(fsm), node,
                                                                           now, primary, refused);
                                  port->reachable_ = reachable;
                                  ports.push_back(port);
                                  return port;
                                });
  }

  void to_hub(std::function<void(Hub&)> task) override {
    tasks_.push_back([this, task = std::move(task)] { task(*hub); });
  }
  void to_worker(std::uint32_t worker, std::function<void(Fanout&)> task) override {
    tasks_.push_back([this, worker, task = std::move(task)] { task(workers_[worker]->fanout); });
  }
  std::uint32_t worker_count() const override {
    return static_cast<std::uint32_t>(workers_.size());
  }

  /// Runs tasks, in the order they were given, until there is none.
  void run_tasks() {
    while (!tasks_.empty()) {
      const auto task = std::move(tasks_.front());
      tasks_.pop_front();
      task();
    }
  }
  /// Runs everything that can happen without the clock.
  void settle() {
    for (bool more = true; more;) {
      run_tasks();
      for (const auto& port : ports) port->serve();
      more = !tasks_.empty();
    }
  }
  void tick(state::Nanos passed) {
    now += passed;
    hub->on_tick(now);
    for (const auto& worker : workers_) worker->fanout.on_tick(now);
    settle();
  }
  void publish(const std::string& channel, const std::string& text, std::size_t port = 0) {
    ports[port]->hear(message(channel, text));
    settle();
  }

  Worker& worker(std::uint32_t i) { return *workers_[i]; }
  std::vector<std::string> said(std::uint32_t i = 0) { return std::exchange(worker(i).said, {}); }

  void subscribe(std::uint32_t session, std::uint64_t slot,
                 const std::vector<std::string_view>& names, std::uint32_t w = 0,
                 Kind kind = Kind::kChannel) {
    worker(w).fanout.subscribe({session, 1, slot}, who, kind, names, now);
  }
  void unsubscribe(std::uint32_t session, std::uint64_t slot,
                   const std::vector<std::string_view>& names, std::uint32_t w = 0,
                   Kind kind = Kind::kChannel) {
    worker(w).fanout.unsubscribe({session, 1, slot}, who, kind, names, now);
  }
  void leave(std::uint32_t session, const std::vector<std::string>& names, std::uint32_t w = 0) {
    worker(w).fanout.leave({session, 1, 0}, who, Kind::kChannel, names);
  }

  state::Nanos now = 1000 * state::kSecond;
  upstream::Identity who;
  Census census;
  state::Counters hub_counters;
  std::map<std::string, std::string> refused;  // names, and the frame that refuses them
  state::EndpointId primary = 0;               // of the snapshot
  state::RefreshRequests refresh;
  bool reachable = true;
  std::vector<std::shared_ptr<StringPort>> ports;  // of every link there was
  std::unique_ptr<Hub> hub;

 private:
  std::vector<std::unique_ptr<Worker>> workers_;
  std::deque<std::function<void()>> tasks_;
};

}  // namespace pillion::data::pubsub
