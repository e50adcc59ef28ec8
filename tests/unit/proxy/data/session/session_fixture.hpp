// A session between a client made of strings and an upstream made of strings. Lanes hold the real
// Multiplexer, reads go through the real L1 and the real fill link; only sockets and clocks are
// missing.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/command/cacheable.hpp"
#include "protocol/resp/request_parser.hpp"
#include "proxy/data/cache/cache.hpp"
#include "proxy/data/fill/fill_link.hpp"
#include "proxy/data/request/effects.hpp"
#include "proxy/data/request/reader.hpp"
#include "proxy/data/session/session.hpp"
#include "proxy/data/upstream/lane.hpp"
#include "proxy/data/upstream/multiplexer.hpp"
#include "proxy/net/turn_end.hpp"
#include "tests/unit/proxy/data/text.hpp"
#include "tests/unit/proxy/net/socket_pair.hpp"

namespace pillion::data::session {

/// A way to the upstream: what was sent is read with sent(), what comes back is said with reply().
class FakeLane : public upstream::Lane {
 public:
  FakeLane(ReplySink& sink, upstream::ChannelKey key, const state::Nanos& now)
      : key_(std::move(key)), now_(now), mux_(sink, key_.readonly) {}

  bool accepts_commands() const override { return alive_; }
  Failure last_failure() const override { return {failure_kind_, failure_}; }
  void submit(std::string_view request, const Requester& to, CommandClass command_class,
              TimeLimit limit, state::Nanos now) override {
    limits_.push_back(limit);
    mux_.submit(request, to, command_class, limit, now);
  }
  void begin_large(const Requester& to, state::Nanos now) override { mux_.begin_large(to, now); }
  void append_opaque(std::string_view bytes) override { mux_.append_opaque(bytes); }
  void accept_pushes(const Requester& to) override { mux_.accept_pushes(to); }
  std::uint64_t client_id() const override { return client_id_; }
  void start_relay(const Requester& to) override { mux_.start_relay(to); }
  bool congested() const override { return congested_; }
  bool others_wait() const override { return mux_.others_wait(); }
  void resume() override { ++resumed_; }
  void close() override { fail({FailureKind::kClosed, "connection closed"}); }

  /// Hands the staged bytes to the imaginary socket: "GET a|SET b 1".
  std::string sent() {
    const std::string bytes(mux_.unwritten());
    mux_.written(bytes.size());
    return spoken(bytes);
  }
  std::string sent_raw() {
    std::string bytes(mux_.unwritten());
    mux_.written(bytes.size());
    return bytes;
  }
  upstream::Multiplexer::Status reply(std::string_view bytes) { return mux_.on_bytes(bytes, now_); }
  /// The upstream connection ends.
  void fail(const Failure& failure) {
    if (!std::exchange(alive_, false)) return;
    failure_kind_ = failure.kind;
    failure_ = std::string(failure.detail);
    mux_.fail({failure.kind, failure_});
  }
  void lose() { fail({FailureKind::kClosed, "connection closed by the upstream"}); }

  upstream::ChannelKey key_;
  bool alive_ = true;
  bool congested_ = false;
  int resumed_ = 0;
  std::uint64_t client_id_ = 77;
  std::vector<TimeLimit> limits_;
  FailureKind failure_kind_ = FailureKind::kConnect;
  std::string failure_ = "Connection refused";

 private:
  const state::Nanos& now_;
  upstream::Multiplexer mux_;
};

/// One shared lane per key, a new one when the last one died; leases as long as there are some
/// left.
class FakeLanes : public upstream::LaneProvider {
 public:
  FakeLanes(ReplySink& sink, const state::Nanos& now) : sink_(sink), now_(now) {}

  std::shared_ptr<upstream::Lane> pick(const upstream::ChannelKey& key, state::Nanos) override {
    auto& lane = shared_[key];
    const bool down = upstream_down_ || down_.count(key.endpoint) != 0;
    if (!lane || always_another_ || (!lane->alive_ && !down)) lane = make(key);
    return lane;
  }
  std::shared_ptr<upstream::Lane> lease(const upstream::ChannelKey& key, state::Nanos) override {
    if (leases_left_ == 0) return nullptr;
    --leases_left_;
    leased_.push_back(make(key));
    return leased_.back();
  }
  void give_back(const std::shared_ptr<upstream::Lane>& lane, upstream::LaneCondition condition,
                 state::Nanos) override {
    ++leases_left_;
    given_back_ = condition;
    const bool clean = condition != upstream::LaneCondition::kSpent;
    (clean ? given_clean_ : given_dirty_)++;
    if (!clean) lane->close();
  }

  FakeLane& shared(const upstream::ChannelKey& key) { return *shared_.at(key); }
  FakeLane& leased() { return *leased_.back(); }

  bool upstream_down_ = false;
  std::set<state::EndpointId> down_;  // of these nothing accepts
  bool always_another_ = false;       // many shared connections, none of them preferred
  std::size_t leases_left_ = 100;
  upstream::LaneCondition given_back_ = upstream::LaneCondition::kSpent;  // the latest
  int given_clean_ = 0;
  int given_dirty_ = 0;
  std::map<upstream::ChannelKey, std::shared_ptr<FakeLane>> shared_;
  std::vector<std::shared_ptr<FakeLane>> leased_;

 private:
  std::shared_ptr<FakeLane> make(const upstream::ChannelKey& key) {
    auto lane = std::make_shared<FakeLane>(sink_, key, now_);
    if (upstream_down_ || down_.count(key.endpoint) != 0) lane->alive_ = false;
    return lane;
  }
  ReplySink& sink_;
  const state::Nanos& now_;
};

class SessionFixture : public ::testing::Test,
                       public fill::FetchRouter,
                       public ReplySink,
                       public fill::FillSink,
                       public FenceService,
                       public Neighbours,
                       public pubsub::Couriers,
                       public pubsub::SubscriptionSink {
 public:
  fill::FetchRoute link_for(std::span<const fill::FetchName>, state::Nanos) override {
    return {link_->accepts_fetches() ? link_.get() : nullptr, false};
  }
  fill::FillLink* link_for_scripts() override {
    return link_->accepts_scripts() ? link_.get() : nullptr;
  }

  // Couriers, SubscriptionSink: subscriptions are settled by the test.
  void to_hub(std::function<void(pubsub::Hub&)>) override { ++hub_tasks_; }
  void to_worker(std::uint32_t, std::function<void(pubsub::Fanout&)>) override {}
  std::uint32_t worker_count() const override { return 1; }
  void on_subscription_settled(const Requester& to, std::string_view error) override {
    session_->on_subscription_settled(to.slot, error);
  }
  void on_messages(const Requester&, const pubsub::Messages& messages) override {
    session_->on_messages(messages);
  }
  void on_subscription_revoked(const Requester&) override {}
  // Neighbours: nobody but who a test puts there.
  void gather(const Requester& to, Ask ask, Done done) override {
    asked_.push_back({to, std::move(ask), std::move(done)});
  }
  void deliver_push(const ClientPlace& to, std::string frame) override {
    delivered_.emplace_back(to, std::move(frame));
  }
  void forget_redirect(const ClientPlace&, const ClientPlace&) override {}
  void tell_target_left(const ClientPlace& to, const Requester&) override { told_.push_back(to); }
  void publish_monitor_line(std::string line) override { monitor_lines_.push_back(line); }
  void add_monitor(const Requester&) override {}
  void want_ticks(const Requester&) override {}

  // ReplySink, FillSink, FenceService: what the registry does in the product.
  void on_replies(const Requester& to, const Replies& replies, state::Nanos) override {
    if (session_) session_->on_replies(to.slot, replies, now_);
  }
  void on_refused(const Requester& to, std::string_view frame, std::string_view request) override {
    if (session_) session_->on_refused(to, frame, request, now_);
  }
  Flow on_fragment(const Requester& to, std::string_view bytes, bool last) override {
    return session_ ? session_->on_fragment(to.slot, bytes, last, now_) : Flow::kGoOn;
  }
  void on_push(const Requester& to, std::string_view frame) override {
    if (session_) session_->on_push(to, frame);
  }
  Flow on_relay(const Requester&, std::string_view bytes) override {
    return session_ ? session_->on_relay(bytes) : Flow::kGoOn;
  }
  void on_lost(const LostRun& run, const Failure& failure) override {
    if (session_) session_->on_lost(run, failure, now_);
  }
  void on_relay_lost(const Requester&) override {
    if (session_) session_->on_relay_lost();
  }
  void on_uncongested() override {
    if (session_) session_->on_uncongested();
  }
  void on_fetched(std::span<const cache::Waiter> waiters,
                  const fill::FetchResult& result) override {
    for (const cache::Waiter& waiter : waiters) session_->on_fetched(waiter.slot, result, now_);
  }
  void on_fence(fill::FenceId) override {}
  void on_batch_end() override {}
  void start_fence(const Requester& to, cache::LinkId proven) override {
    fences_.push_back(to.slot);
    proven_ = proven;
  }

 protected:
  explicit SessionFixture(const request::Director::Options& director = {})
      : tokens_(director.replicas), director_(director) {
    state::TopologySnapshot snapshot;
    snapshot.redis_version = "7.0.15";
    snapshot.mode = "standalone";
    snapshot.role = "master";
    publish(snapshot);
    for (const command::CacheRule& rule : command::cache_rules()) names_.push_back(rule.name);
    fill::FillLinkOptions options;
    options.link = links_.acquire(0, cache::LinkSource::kPrimary);
    options.max_entry_bytes = 4096;
    options.commands = names_;
    auto fsm = std::make_unique<fill::FillLinkFsm>(options, cache_, links_, invalidator_, *this,
                                                   counters_);
    link_fsm_ = fsm.get();
    link_ = std::make_shared<fill::FillLink>(io_, turn_end_, topology_, std::move(fsm));
    session_ = std::make_unique<Session>(context_, Requester{1, 1, 0}, ClientState{});
  }
  ~SessionFixture() override { session_.reset(); }

  void publish(const state::TopologySnapshot& snapshot) {
    topology_.publish(std::make_shared<const state::TopologySnapshot>(snapshot));
    director_.on_topology(topology_.load());
  }

  // Members that are not named keep their defaults.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
  SessionContext context() {
    return {.lanes = lanes_,
            .director = director_,
            .reader = reader_,
            .invalidator = invalidator_,
            .fences = *this,
            .neighbours = *this,
            .all_clients = all_clients_,
            .fanout = fanout_,
            .census = census_,
            .scripts = scripts_,
            .counters = counters_,
            .topology = topology_,
            .identity = {},
            .upstream_name = "redis:6379"};
  }
#pragma GCC diagnostic pop

  /// From here on reads go through the L1.
  void bring_link_up() {
    link_fsm_->start(now_);
    link_fsm_->on_connected(now_);
    std::string replies = "%0\r\n*" + std::to_string(names_.size()) + "\r\n";
    for (const std::string_view name : names_) {
      replies += "*3\r\n$" + std::to_string(name.size()) + "\r\n" + std::string(name) +
                 "\r\n:-2\r\n*1\r\n+readonly\r\n";
    }
    replies += "+OK\r\n*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n";
    (void)link_sent();
    link_fsm_->on_bytes(replies, now_, 0);
    ASSERT_EQ(link_fsm_->status(), fill::FillLinkFsm::Status::kLive) << link_fsm_->reason();
    reader_.use_router(this);
  }
  std::string link_sent() {
    const std::string bytes(link_fsm_->unwritten());
    link_fsm_->written(bytes.size());
    return spoken(bytes);
  }
  void link_replies(std::string_view bytes) {
    link_fsm_->on_bytes(bytes, now_, 0);
  }

  /// The client says "SET a 1|GET a"; what the session does not take yet stays in input_.
  void say(std::string_view lines) {
    say_raw(requests(lines));
  }
  void say_raw(std::string_view bytes) {
    input_ += bytes;
    go_on();
  }
  /// What the shell does when something happened: hand the rest over again.
  void go_on() {
    do {
      if (!session_->take_wakeup() && !session_->wants_input()) break;
      input_.erase(0, session_->process(input_, now_));
    } while (!input_.empty() && !session_->blocked() && session_->wants_input());
  }
  /// The client reads all there is.
  std::string heard() {
    net::WriteQueue& out = session_->output();
    std::string bytes = net::drained(out);
    session_->on_output_progress(now_);
    go_on();
    bytes += net::drained(out);
    return bytes;
  }

  /// A key that no filter takes for `key`: how names are hashed is another in every process.
  static std::string unlike(std::string_view key) {
    request::NameFilter filter;
    filter.add(cache::hash_name(key));
    std::string other = "b";
    while (filter.may_contain(cache::hash_name(other))) other += 'b';
    return other;
  }
  /// Why the client is closed: at once, or when it has taken what is left for it.
  std::optional<state::DisconnectReason> ended() const {
    if (session_->aborted()) return session_->aborted();
    if (session_->finished()) return session_->close_reason();
    return std::nullopt;
  }
  /// An upstream lane answers, and the session goes on.
  void answer(FakeLane& lane, std::string_view bytes) {
    lane.reply(bytes);
    go_on();
  }
  FakeLane& shared() {
    return lanes_.shared(key());
  }
  FakeLane& leased() {
    return lanes_.leased();
  }
  upstream::ChannelKey key(std::uint32_t database = 0, int protocol = 2) const {
    return {context_.identity, database, protocol, 0, false};
  }

  state::Nanos now_ = 100 * state::kSecond;
  boost::asio::io_context io_;
  net::TurnEnd turn_end_{io_};
  state::Counters counters_;
  state::Published<state::TopologySnapshot> topology_;
  cache::LinkTable links_;
  cache::Cache cache_{cache::CacheLimits{}, links_};
  fill::WriteTokens tokens_;
  fill::Invalidator invalidator_{cache_, links_, tokens_};
  config::Cache cache_config_;
  request::CacheRules rules_{cache_config_};
  request::Reader reader_{cache_, rules_, counters_};
  request::Director director_;
  std::vector<std::string_view> names_;
  fill::FillLinkFsm* link_fsm_ = nullptr;
  std::shared_ptr<fill::FillLink> link_;
  FakeLanes lanes_{*this, now_};
  struct Asked {
    Requester to;
    Ask ask;
    Done done;
  };
  std::vector<Asked> asked_;
  std::vector<std::pair<ClientPlace, std::string>> delivered_;
  std::vector<ClientPlace> told_;
  std::vector<std::string> monitor_lines_;
  int hub_tasks_ = 0;
  AllClients all_clients_;
  pubsub::Census census_;
  pubsub::Fanout fanout_{{}, *this, *this, census_, counters_};
  request::ScriptStore scripts_;
  std::vector<std::uint64_t> fences_;
  cache::LinkId proven_ = cache::LinkTable::kNoLink;  // by what was asked to be fenced last
  SessionContext context_ = context();
  std::unique_ptr<Session> session_;
  std::string input_;
};

}  // namespace pillion::data::session
