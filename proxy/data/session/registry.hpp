// The sessions of one worker by name, and the place where replies, fetched answers and fence
// acknowledgements find them. Also carries those that belong to another worker over to it.
//
// A name is (index, generation): a session that left frees its index under a new generation, so a
// late reply finds nobody (RELIABILITY INV-1).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "proxy/data/fill/link_set.hpp"
#include "proxy/data/pubsub/subscription_sink.hpp"
#include "proxy/data/reply_sink.hpp"
#include "proxy/data/session/services.hpp"
#include "proxy/data/session/session.hpp"
#include "proxy/data/session/withheld.hpp"
#include "proxy/net/busy_poll.hpp"
#include "proxy/net/readiness.hpp"
#include "proxy/net/turn_end.hpp"

namespace pillion::data::session {

/// A name as 64 bits, for the readiness set; the slot is not part of it.
inline std::uint64_t token_of(const Requester& name) {
  return (std::uint64_t{name.generation} << 32U) | name.session;
}

/// The shell of a session, as the registry needs it.
class Client {
 public:
  virtual ~Client() = default;
  virtual Session& session() = 0;
  /// Its socket can be read, written, or is gone.
  virtual void on_ready(bool readable, bool writable, bool broken, state::Nanos now) = 0;
  /// Something was delivered or a barrier fell: go on, write, close if it is time.
  enum class Output : std::uint8_t { kWritten, kWithheld };
  virtual void service(state::Nanos now, Output output) = 0;
  /// Some of what it said is not handled yet, or it is not listened to at the moment.
  virtual bool has_input() const = 0;
  /// Once a second.
  virtual void sweep(state::Nanos now) = 0;
  virtual void close(state::DisconnectReason reason) = 0;
};

/// Runs a function on another worker's thread, with that worker's registry.
class Registry;
class Peers {
 public:
  virtual ~Peers() = default;
  virtual std::uint32_t count() const = 0;
  virtual void post(std::uint32_t worker, std::function<void(Registry&)> task) = 0;
};

class Registry : public ReplySink,
                 public fill::FillSink,
                 public FenceService,
                 public pubsub::SubscriptionSink,
                 public Population,
                 public Neighbours,
                 private net::Flushable {
 public:
  Registry(std::uint32_t worker, Peers& peers, net::TurnEnd& turn_end)
      : worker_(worker),
        peers_(peers),
        turn_end_(turn_end),
        own_turn_(static_cast<net::Flushable*>(this), [](net::Flushable*) {}) {}

  /// Told where an answer is expected at once.
  void use_busy_poll(net::BusyPoll& busy_poll) { busy_poll_ = &busy_poll; }
  /// What this worker's reader saw.
  void use_hot_keys(const request::HotKeys& hot_keys) { hot_keys_ = &hot_keys; }
  /// This worker's links; null when the cache is off and no replica is read from. `table` has those
  /// of all workers.
  void use_links(fill::LinkSet* links, const cache::LinkTable& table,
                 fill::Invalidator& invalidator) {
    links_ = links;
    link_table_ = &table;
    invalidator_ = &invalidator;
  }

  /// A name for a new client; remove() ends it.
  Requester reserve();
  void add(const Requester& name, std::shared_ptr<Client> client);
  void remove(const Requester& name);
  std::size_t size() const { return size_; }

  /// Has the client serviced at the end of the loop turn. Replies that leave together wake their
  /// readers once: a write per handler made a reader on another core sleep and wake for each.
  void service_later(const Requester& name);

  /// The client has deadlines: tick it until it has none.
  void watch(const Requester& name);

  /// What one turn of the readiness set brought.
  void on_ready(std::span<const net::Readiness::Event> events, state::Nanos now);

  /// Slots of a cluster have other owners than before.
  void on_owners_changed();

  void on_tick(state::Nanos now);
  void sweep(state::Nanos now);
  /// Closes clients that have nothing under way and were silent for `silence`; all when 0 and
  /// `force`.
  void close_quiet(state::Nanos now, state::Nanos silence, bool force);

  void on_replies(const Requester& to, const Replies& replies, state::Nanos now) override;
  void on_refused(const Requester& to, std::string_view frame, std::string_view request) override;
  Flow on_fragment(const Requester& to, std::string_view bytes, bool last) override;
  void on_push(const Requester& to, std::string_view frame) override;
  Flow on_relay(const Requester& to, std::string_view bytes) override;
  void on_lost(const LostRun& run, const Failure& failure) override;
  void on_relay_lost(const Requester& to) override;
  void on_batch_end() override;
  void on_uncongested() override;

  void on_fetched(std::span<const cache::Waiter> waiters, const fill::FetchResult& result) override;
  void on_fence(fill::FenceId fence) override;
  void start_fence(const Requester& to, cache::LinkId proven) override;
  /// The same, for who is no session.
  void after_fence(std::function<void()> then, cache::LinkId proven = cache::LinkTable::kNoLink);

  void on_subscription_settled(const Requester& to, std::string_view error) override;
  void on_messages(const Requester& to, const pubsub::Messages& messages) override;
  void on_subscription_revoked(const Requester& to) override;

  // registry_neighbours.cpp
  std::vector<std::shared_ptr<Client>> clients() override;
  std::uint32_t worker() const override { return worker_; }
  std::vector<request::HotKey> hot_keys() override;
  void gather(const Requester& to, Ask ask, Done done) override;
  void deliver_push(const ClientPlace& to, std::string frame) override;
  void forget_redirect(const ClientPlace& target, const ClientPlace& source) override;
  void tell_target_left(const ClientPlace& to, const Requester& target) override;
  void publish_monitor_line(std::string line) override;
  void want_ticks(const Requester& name) override { watch(name); }
  void add_monitor(const Requester& name) override { monitors_.push_back(name); }

 private:
  struct Place {
    std::shared_ptr<Client> client;
    Session* session = nullptr;  // the client's
    bool has_input = true;       // as of its latest service
    std::uint32_t generation = 1;
    bool dirty = false;
    bool watched = false;
  };
  struct Gathering {
    Requester to;
    std::uint32_t missing;  // workers
    Gathered found;
    Done done;
  };
  struct Fence {
    std::function<void()> then;
    std::uint32_t missing;  // acknowledgements
  };

  void flush() override;
  void serve_dirty();
  void withhold(std::uint32_t index, state::Nanos until);
  void set_alarm();
  void write_withheld();

  /// Null when the name's session has left.
  Session* find(const Requester& name);
  void mark_dirty(std::uint32_t index);
  void acknowledge(fill::FenceId fence);
  void ask_own_links(fill::FenceId fence);
  void collect(std::uint64_t gathering, Gathered part);
  /// Runs on another worker's registry; there its clients are served afterwards.
  void post(std::uint32_t worker, std::function<void(Registry&)> task);
  void on_monitor_line(const std::string& line);

  const std::uint32_t worker_;
  Peers& peers_;
  net::TurnEnd& turn_end_;
  const std::shared_ptr<net::Flushable> own_turn_;  // this, for the turn's end; owns nothing
  bool turn_asked_ = false;
  fill::LinkSet* links_ = nullptr;
  const cache::LinkTable* link_table_ = nullptr;
  fill::Invalidator* invalidator_ = nullptr;
  std::vector<Place> places_;
  std::vector<std::uint32_t> free_;
  std::size_t size_ = 0;
  std::vector<std::uint32_t> dirty_;
  std::vector<std::uint32_t> serving_;
  bool serving_now_ = false;
  Withheld withheld_;
  state::Nanos first_until_ = Withheld::kNever;  // of those withheld since the alarm was set
  state::Nanos alarm_at_ = Withheld::kNever;     // write_withheld() runs then
  std::vector<std::uint32_t> due_;
  std::vector<std::uint32_t> watched_;
  std::unordered_map<fill::FenceId, Fence> fences_;
  std::uint64_t next_fence_ = 1;
  std::unordered_map<std::uint64_t, Gathering> gatherings_;
  std::uint64_t next_gathering_ = 1;
  std::vector<Requester> monitors_;
  const request::HotKeys* hot_keys_ = nullptr;
  net::BusyPoll* busy_poll_ = nullptr;
};

}  // namespace pillion::data::session
