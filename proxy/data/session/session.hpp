// One client, without its socket: bytes and replies in, bytes and lane calls out.
//
// Order (COHERENCE I10, DESIGN section 2). At any time a session's commands travel on at most one
// lane: the shared one, or a lease of its own. Changing lanes waits until everything was answered
// (a barrier). Beside the lane, reads may be answered by the L1 or fetched by a fill link; they
// change places with the lane's commands only where nobody can tell:
//   - a read whose key has an unanswered write travels on the lane, behind the write;
//   - a write whose key has an unanswered fetch waits for it, as does any command with unknown
//   keys.
//
// Where the upstream is several servers, the shared lanes are one per server that is asked (ways);
// the above holds for each, since commands on one key have one way. Reads that a replica answers
// count as fetches. A command that is refused or lost where it was sent, and a part of one that
// several nodes have to answer, travels by itself (an errand, session_errands.cpp); while a refused
// one is under way, nothing else is begun.
//
// Modes:
//   normal        shared lane, L1
//   leased        a lane of its own: MULTI ... EXEC, WATCH, blocking commands, scripts (INV-2);
//                 everything but QUIT and RESET goes there; no L1 (I15). Ends when all is answered
//                 and no MULTI or WATCH is open and CLIENT TRACKING is off (or has lanes of its
//                 own, in front of a cluster); the lane is kept a moment for the next such command.
//   large         a command of more than 1 MiB is on its way through a lease, piece by piece
//   relay         MONITOR, SYNC ...: a lease whose bytes pass both ways as they come, until RESET,
//                 QUIT or the end
//
// Subscriptions are not a mode: what is published comes from the process's own link and is put
// between replies, never into one.
//
// Ownership: owned by its ClientConnection; others know its Requester name. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/command/spec.hpp"
#include "protocol/resp/request_parser.hpp"
#include "proxy/data/fill/fill_link_fsm.hpp"
#include "proxy/data/reply_sink.hpp"
#include "proxy/data/request/director.hpp"
#include "proxy/data/request/effects.hpp"
#include "proxy/data/route/router.hpp"
#include "proxy/data/session/client_list.hpp"
#include "proxy/data/session/client_state.hpp"
#include "proxy/data/session/errand.hpp"
#include "proxy/data/session/local_commands.hpp"
#include "proxy/data/session/monitor_filter.hpp"
#include "proxy/data/session/reply_slots.hpp"
#include "proxy/data/session/session_context.hpp"
#include "proxy/data/session/subscriptions.hpp"
#include "proxy/data/session/tracking_state.hpp"
#include "proxy/data/session/transaction.hpp"
#include "proxy/data/session/ways.hpp"
#include "proxy/data/session/withheld.hpp"
#include "proxy/net/write_queue.hpp"

namespace pillion::data::session {

class Session {
 public:
  Session(SessionContext& context, const Requester& name, ClientState state);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Handles as many complete commands of `bytes` as it may at the moment; returns the bytes used.
  /// The rest is handed over again, with more behind it or after wants_input() became true.
  std::size_t process(std::string_view bytes, state::Nanos now);

  /// False: reading the client makes no sense now: a barrier, a congested lane, or a quarter of its
  /// output limit unread. Not less, for many a client sends a whole pipeline before it reads.
  bool wants_input() const;
  /// A barrier may have fallen since the last call: process() what is buffered.
  bool take_wakeup() { return std::exchange(wakeup_, false); }

  // Replies (see ReplySink, FillSink).
  void on_replies(std::uint64_t slot, const Replies& replies, state::Nanos now);
  Flow on_fragment(std::uint64_t slot, std::string_view bytes, bool last, state::Nanos now);
  Flow on_relay(std::string_view bytes);
  void on_refused(const Requester& to, std::string_view frame, std::string_view request,
                  state::Nanos now);
  void on_lost(const LostRun& run, const Failure& failure, state::Nanos now);
  void on_relay_lost();
  void on_push(const Requester& to, std::string_view frame);
  /// A RESP3 push frame that another client's CLIENT TRACKING REDIRECT sends here.
  void on_redirected_push(std::string_view frame);
  /// Another client redirects its invalidations here and wants to know when this one leaves.
  void add_redirect_source(const ClientPlace& source);
  void remove_redirect_source(const ClientPlace& source);
  void on_redirect_target_left(const Requester& target);
  void on_redirect_target(std::uint64_t slot, const Gathered& found);
  /// Slots of a cluster have other owners; true when this client had to be told.
  bool on_owners_changed();
  void on_subscription_settled(std::uint64_t slot, std::string_view error);
  void on_messages(const pubsub::Messages& messages);
  void on_monitor_line(std::string_view line);
  /// What a gather() of ours was for is known: `reply` is all there is to say.
  void finish_gather(std::uint64_t slot, std::string_view reply);
  /// CLIENT UNBLOCK found its client, whose connection has this id at the upstream.
  void unblock_upstream(std::uint64_t slot, std::uint64_t upstream_id, std::string_view mode);
  void on_fetched(std::uint64_t slot, const fill::FetchResult& result, state::Nanos now);
  void on_fenced(std::uint64_t slot);
  void on_uncongested() { wakeup_ = true; }

  /// Bytes were written: what paused for a full output may go on.
  void on_output_progress(state::Nanos now);

  /// Deadlines: overdue fetches, a client that takes nothing, a spare lane nobody needs. False:
  /// there is none left to watch.
  bool on_tick(state::Nanos now);

  net::WriteQueue& output() { return out_; }
  /// Close once the output is written.
  bool finished() const { return closing_ && slots_.empty(); }
  /// Close at once.
  std::optional<state::DisconnectReason> aborted() const { return aborted_; }
  /// The orderly reason behind finished().
  state::DisconnectReason close_reason() const { return close_reason_; }
  /// Nothing unanswered and nothing open: may be closed when draining.
  bool quiet() const {
    return slots_.empty() && !lease_ && tracking_.nodes.empty() && out_.empty();
  }
  /// All is answered, and written.
  bool owes_nothing() const { return slots_.empty() && out_.empty(); }
  /// The rest of a pipeline's replies comes from another server than what has come: to be written
  /// together with that, or then at the latest. 0: at once; kNever: there is nothing to write yet.
  state::Nanos withheld_until(state::Nanos now) const;
  /// May wait for ever for the upstream: nothing to finish for a client that left.
  bool waits_forever() const { return relay_ || blocking_; }
  /// Commands wait behind a barrier.
  bool blocked() const { return blocked_ || awaiting_ || congested_; }
  void begin_close(state::DisconnectReason reason) {
    closing_ = true;
    close_reason_ = reason;
  }
  void release_memory();
  /// The client is gone: lanes of its own end, subscriptions too. Said before the client can know
  /// that it is closed, so that nothing it does next meets what it left behind. Nothing may be
  /// asked of the session afterwards.
  void leave();
  /// The id at the upstream of the connection this client blocks on; 0: it does not block.
  std::uint64_t blocked_on() const { return blocking_ && lease_ ? lease_->client_id() : 0; }
  Activity activity() const;

  const Requester& name() const { return name_; }
  const ClientState& state() const { return state_; }

 private:
  enum class Step : std::uint8_t { kNext, kWait };

  // session.cpp: from bytes to a decision
  std::size_t handle_some(std::string_view bytes);
  std::size_t parse_ahead(std::string_view bytes, std::size_t& count,
                          resp::RequestParser::Result& last);
  void handle_rest(resp::RequestParser::Result last);
  bool stopped() const { return !wants_input() || large_ || relay_ || pipeline_full(); }
  bool held_by_pause(const command::Spec& spec, const resp::Command& command);
  bool writes(const command::Spec& spec, const resp::Command& command) const;
  bool pipeline_full() const {
    return large_unanswered_ || slots_.size() >= context_.max_pipeline ||
           on_lane_ >= context_.max_pipeline || reads_out_ >= context_.max_fetches;
  }
  bool needs_auth() const { return context_.auth_required && !state_.authenticated; }
  Step handle(const command::Spec& spec, const resp::Command& command, const cache::NameHash* name);
  Step handle_unknown(const command::Spec& spec, const resp::Command& command);
  Step handle_known(const command::Spec& spec, const resp::Command& command,
                    const cache::NameHash* name);
  Step handle_normal(const command::Spec& spec, const resp::Command& command,
                     const cache::NameHash* name = nullptr);
  Step handle_local(const command::Spec& spec, const resp::Command& command);
  /// What a command that goes upstream is to have beside its reply.
  struct Outgoing {
    bool outruns = false;  // see request::ReadResult
    SlotAction action = SlotAction::kNone;
    std::string note{};     // see Slot
    std::string request{};  // what is sent instead of the command; empty: the command
    state::EndpointId endpoint = state::kNoEndpoint;  // who is asked; kNoEndpoint: as routed
  };
  Step forward(const command::Spec& spec, const resp::Command& command, Outgoing extra);
  Step forward(const command::Spec& spec, const resp::Command& command) {
    return forward(spec, command, {});
  }
  void becomes_shown(request::Effect& effect, const command::Spec& spec,
                     const resp::Command& command);
  Step forward_with_care(const command::Spec& spec, const resp::Command& command);
  Outgoing info_reply(const resp::Command& command) const;
  Step authenticate(std::string_view request, SlotAction action);
  Step select(const resp::Command& command);
  void quit();
  void reset();
  void append_own_hello(std::string& out) const;
  void protocol_error(std::string_view text);

  // session_client.cpp: CLIENT, this process's clients
  Step handle_client(const command::Spec& spec, const resp::Command& command);
  void set_reply_mode(const resp::Command& command);
  Step ask_permission(const command::Spec& spec, const resp::Command& command);
  void on_permission(std::uint64_t sequence, Slot& slot);
  static std::string refusal_of(std::string_view request, std::string_view reply);
  bool upstream_knows(const command::Spec& spec) const;
  void list_clients(std::uint64_t sequence, const resp::Command& command, std::string& out);
  void kill_clients(std::uint64_t sequence, const resp::Command& command, std::string& out);
  void unblock_client(std::uint64_t sequence, const resp::Command& command, std::string& out);
  void pause_clients(const resp::Command& command, std::string& out);
  Step handle_pillion(const resp::Command& command);
  void show_clients(std::uint64_t sequence, ClientFilter filter);
  void show_hot_keys(std::uint64_t sequence, std::size_t count);
  void show_to_monitors(const resp::Command& command);
  void show_note_to_monitors(const Slot& slot);

  // session_cluster.cpp: clients that speak to clusters only
  bool emulates(const command::Spec& spec) const {
    return context_.cluster_face != nullptr && route::in_cluster_view(spec);
  }
  Step answer_as_cluster(const command::Spec& spec, const resp::Command& command);
  std::string cluster_answer(const command::Spec& spec, const resp::Command& command) const;

  // session_tracking.cpp: the application's own client-side cache
  Step set_tracking(const command::Spec& spec, const resp::Command& command);
  bool tracks_in_cluster() const { return tracking_.on && tracking_.of_cluster; }
  bool open_tracking_nodes();
  Step tell_nodes(std::string_view request, SlotAction action);
  void tell_next_node(std::uint64_t sequence);
  bool another_node_to_tell(std::uint64_t sequence, Slot& slot);
  void node_refused();
  void refuse_tracking(std::uint64_t sequence, std::string_view problem);
  void on_receiver_id(std::uint64_t sequence, Slot& slot, std::string_view reply);
  std::string with_own_id(std::string_view frame, std::uint64_t receiver) const;
  std::string with_own_redirection(state::EndpointId endpoint, std::string_view reply);
  void on_redirect_broken();
  Step tracking_info(const command::Spec& spec, const resp::Command& command);
  void on_tracking_reply(bool ok);
  void end_tracking();
  void release_tracking_nodes();
  void forget_redirection(const Redirection& redirection);
  void drop_tracker(const std::shared_ptr<upstream::Lane>& lane);
  void tell_to_forget();
  void outgrow_tracking();
  void on_sent_elsewhere(state::EndpointId endpoint);
  void put_tracking_push(std::string_view frame);
  Step set_caching(const command::Spec& spec, const resp::Command& command);
  void announce_caching(upstream::Lane& lane, state::Nanos now) const;
  void announce_for_now(upstream::Lane& lane, std::string_view question,
                        std::uint64_t sequence) const;

  // session_pubsub.cpp: subscriptions
  Step handle_subscribe(const command::Spec& spec, const resp::Command& command);
  bool refused_while_subscribed(const command::Spec& spec, const resp::Command& command);
  bool waits_for_subscriptions();
  bool corrects_counts(const command::Spec& spec, const resp::Command& command, Outgoing& extra);
  void confirm(std::string& out);
  void expect_auth(const resp::Command& command);
  bool expect_hello(Hello hello);
  bool changes_session(const command::Spec& spec, bool& upstream_too) const;
  bool must_not_be_queued(const command::Spec& spec) const;
  void correct_counts(Slot& slot, std::string_view reply, std::string& corrected) const;
  void leave_subscriptions();
  void put_push(std::string_view bytes, const std::shared_ptr<const void>& owner);
  void put_held_pushes();
  bool between_replies();

  // session_pinned.cpp: lanes of its own
  Step handle_leased(const command::Spec& spec, const resp::Command& command);
  /// kFresh: also where the client has a connection that tracks.
  enum class LeaseOf : std::uint8_t { kTracker, kFresh };
  bool acquire_lease(state::EndpointId endpoint, LeaseOf of = LeaseOf::kTracker);
  std::shared_ptr<upstream::Lane> open_lane(state::EndpointId endpoint);
  bool acquire_lease_for(const command::Spec& spec, const resp::Command& command,
                         LeaseOf of = LeaseOf::kTracker);
  void settle_lease(state::Nanos now);
  void drop_lease();
  Step start_relay(const command::Spec& spec, const resp::Command& command);
  void on_monitor_reply(bool ok);
  Step wait_for_replicas(const command::Spec& spec, const resp::Command& command);
  Step change_state_on_lease(const command::Spec& spec, const resp::Command& command);

  // session_script.cpp
  fill::FillLink* link_for_script(const command::Spec& spec) const;
  Step run_script(const command::Spec& spec, const resp::Command& command, Outgoing extra);
  void send_on_link(Slot& slot, std::uint64_t sequence, std::string request);
  void on_link_answered(std::uint64_t sequence, Slot& slot, const fill::FetchResult& result,
                        state::Nanos now);
  Step forward_script(const command::Spec& spec, const resp::Command& command);
  Step forward_script_body(const command::Spec& spec, const resp::Command& command,
                           std::string_view body);
  bool heal_script(std::uint64_t sequence, Slot& slot, std::string_view reply);

  // session_transaction.cpp
  Step handle_in_multi(const command::Spec& spec, const resp::Command& command);
  Step begin_in_cluster(const command::Spec& spec, const resp::Command& command);
  Step handle_unbound(const command::Spec& spec, const resp::Command& command);
  Step bind_for(const command::Spec& spec, const resp::Command& command, state::EndpointId endpoint,
                std::uint16_t slot);
  bool bind(state::EndpointId endpoint, std::uint16_t slot);
  bool of_another_slot(const command::Spec& spec, const resp::Command& command);
  bool keeps_lease() const {
    return transaction_.open || transaction_.watching || relay_ || large_ ||
           ((tracking_.on || tracking_.asked) && !tracking_.of_cluster);
  }
  Step handle_doomed(const command::Spec& spec);
  /// The lease was lost inside a transaction: all fails until EXEC or DISCARD.
  struct Doom {
    std::string text;
    bool refused;  // the upstream took nothing of it, in words of its own
  };
  Doom doom_of(const Failure& failure) const;
  Step handle_lost_lease(const command::Spec& spec, const resp::Command& command);
  Step submit_exec(const resp::Command& command);
  void drop_spare();
  /// A client that uses connections of its own at the moment is served without sleeping, whichever
  /// connection its next command takes.
  void expect_soon() {
    if (context_.busy_poll != nullptr) context_.busy_poll->expect(state::now());
  }
  Step begin_large(const resp::Command& command);
  std::size_t feed_large(std::string_view bytes);
  std::size_t feed_relay(std::string_view bytes);

  // session_reads.cpp: through the L1
  Step read(const command::Spec& spec, const resp::Command& command, const cache::NameHash* name);
  bool read_conflicts(const command::Spec& spec, const resp::Command& command);
  std::optional<cache::FlightId> awaited_read(const command::Spec& spec,
                                              const resp::Command& command,
                                              const cache::NameHash* only);
  void will_read_past(Slot& slot);
  void read_aside(std::uint64_t sequence, Slot& slot, std::string_view request, bool alone);
  void finish_aside(std::uint64_t sequence, bool clean);

  // session_replies.cpp
  Slot& prepare(Slot& slot, Slot::State state) const;
  Slot& new_slot(Slot::State state);
  Slot& slot_at_the_end();
  bool discards_reply();
  struct Sending;
  struct PlaceForReply {
    Slot& slot;
    std::uint64_t sequence;
  };
  void count_script() {
    ++scripts_out_;
    context_.all_clients.scripts.fetch_add(1, std::memory_order_relaxed);
  }
  void reply_locally(std::string_view bytes);
  void fail_locally(std::string_view text);
  void fence_if_woken(Slot& slot, state::Nanos now) const;
  void append_reply(Slot& slot, bool front, std::string_view bytes);
  /// Who did what is answered now, or may have. Nobody: no byte of a write left; a read has shown
  /// nothing.
  enum class DoneBy : std::uint8_t { kNobody, kReplica, kPrimary };
  static DoneBy answering(const Slot& slot) {
    return slot.beside ? DoneBy::kReplica : DoneBy::kPrimary;
  }
  void await_effect(Slot& slot, request::EffectKind kind,
                    const std::vector<cache::NameHash>& names);
  void apply_effect(Slot& slot, std::uint32_t commands, DoneBy by, state::Nanos now);
  std::string apply_queued_change(const resp::Command& command, std::string_view reply);
  QueuedChanges take_executed();
  void on_multi_refused(std::uint64_t sequence);
  void on_identity_reply();
  std::string with_own_section(std::string_view section, std::string_view reply) const;
  enum class Via : std::uint8_t { kLane, kErrand };
  enum class Answer : std::uint8_t { kComplete, kGoesOn };
  Answer on_action_reply(std::uint64_t sequence, Slot& slot, std::string_view reply,
                         Via via = Via::kLane);
  void answered(std::uint64_t sequence, Slot& slot, std::uint32_t commands, state::Nanos now,
                DoneBy by, Via via = Via::kLane);
  void enter_way(WayId id);
  void leave_way(WayId id, std::uint32_t commands);
  void release_ready();
  void park(Slot& slot, std::string_view bytes);
  void fail_slot(std::uint64_t sequence, Slot& slot, std::string_view text, DoneBy by);
  bool may_ask_again(const LostRun& run, const Slot& slot, const Failure& failure,
                     state::Nanos now) const;
  bool others_write(const Slot* slot) const;
  static bool passes_soon(const Failure& failure);
  std::string failure_text(const Failure& failure, bool unknown_outcome) const;
  Flow output_flow(std::uint64_t sequence);
  std::shared_ptr<upstream::Lane> lane_of(std::uint64_t sequence) const;
  std::size_t bytes_ahead(std::uint64_t sequence) const;
  void pause(std::uint64_t sequence, const std::shared_ptr<upstream::Lane>& lane);
  void resume_lanes_with_waiters();
  void resume_paused();
  std::size_t output_bytes() const { return out_.size() + parked_bytes_; }
  Requester requester(std::uint64_t slot) const { return {name_.session, name_.generation, slot}; }
  cache::Waiter waiter() const {
    return {context_.worker, (std::uint64_t{name_.generation} << 32U) | name_.session,
            slots_.next_sequence()};
  }
  upstream::ChannelKey channel_key(state::EndpointId endpoint) const {
    return {state_.identity, state_.database, state_.protocol, endpoint,
            context_.director.readonly(endpoint)};
  }

  // session_mesh.cpp: replies of several servers by turns
  static void describe(Slot& slot, const request::Effect& effect, const Sending& sending,
                       bool discard);
  PlaceForReply lane_slot(const request::Effect& effect, const Sending& sending);
  void append_meshed(std::uint64_t sequence, Slot& slot, const Replies& replies);
  void append_piece(std::uint64_t sequence, Slot& slot, std::string_view bytes, bool last);
  bool release_meshed();
  bool release_whole_mesh(Mesh& mesh);

  // session_ways.cpp: which server a command goes to
  /// What becomes of a command, before anything is staged for it.
  struct Sending {
    Step step = Step::kNext;         // when `lane` is null: it was dealt with, or has to wait
    bool waits = false;              // no lane: nobody serves it at the moment, but may soon
    upstream::Lane* lane = nullptr;  // valid until another way is asked for
    WayId way = kNoWay;
    state::EndpointId endpoint = state::kNoEndpoint;
    bool beside = false;
    CommandClass command_class = CommandClass::kWrite;
    bool script = false;
  };
  Way& way_to(state::EndpointId endpoint);
  bool belongs_elsewhere(const command::Spec& spec, const resp::Command& command);
  Sending sending(const command::Spec& spec, const resp::Command& command, const Outgoing& extra,
                  bool retriable);
  Sending sending_to(const route::Destination& destination, const command::Spec& spec,
                     const resp::Command& command, const Outgoing& extra, bool retriable);
  state::EndpointId endpoint_for(const command::Spec& spec, const resp::Command& command);

  // session_errands.cpp: commands that travel by themselves
  using Errands = std::vector<std::unique_ptr<Errand>>;
  Errand& new_errand(std::uint64_t sequence, Slot& slot, std::string_view request);
  Errand& new_errand(std::uint64_t sequence, Slot& slot, std::string_view request,
                     std::uint16_t key_slot);
  Errand& set_out(std::uint64_t sequence, Slot& slot, std::string_view request);
  void take_over(Errand& errand, Slot& slot) const;
  Errand* find_errand(const Requester& to);
  /// Whom the reply to an errand is for.
  Requester requester_of(const Errand& errand) const;
  void send_errand(Errand& errand, state::Nanos now);
  void put_off_unreachable(Errand& errand, const upstream::Lane* lane, state::Nanos now);
  void make_detour(Errand& errand);
  void postpone_errand(Errand& errand, state::Nanos pause, state::Nanos now);
  void finish_errand(Errand& errand, std::string_view reply, state::Nanos now);
  void fail_errand(Errand& errand, std::string_view text, state::Nanos now,
                   DoneBy by = DoneBy::kNobody, bool clean = true);
  void end_errand(Errand& errand, std::string_view reply, state::Nanos now, DoneBy by, bool clean);
  bool depend(const Errand& one, const Errand& other) const;
  bool overtaken(const Errand& errand) const;
  bool waits_behind(const Errand& errand, const upstream::Lane* lane) const;
  void forget_errand_lane(Errand& errand, bool clean, state::Nanos now);
  void on_errand_lost(Errand& errand, const LostRun& run, const Failure& failure, state::Nanos now);
  bool tick_errands(state::Nanos now);
  void lost_to_errands(const LostRun& run, Slot& slot, const Failure& failure, state::Nanos now);
  void note_read_elsewhere(const Errand& errand, state::Nanos now);
  void fetch_elsewhere(std::uint64_t sequence, Slot& slot, const fill::FetchResult& result,
                       state::Nanos now);

  // session_refused.cpp: which of the refused set out again
  static bool movable(SlotAction action);
  bool others_depend(std::uint64_t sequence, const Slot& slot) const;
  bool passes_on(cluster::RedirectKind kind) const;
  void on_errand_refused(Errand& errand, std::string_view frame, state::Nanos now);
  static std::string told_of(const cluster::Redirect& redirect, std::string_view frame,
                             SlotAction action = SlotAction::kNone);

  // session_fan_out.cpp
  Step fan_out(const command::Spec& spec, const resp::Command& command, const Outgoing& extra);
  Step scan(const command::Spec& spec, const resp::Command& command);
  void scanned(const Slot& slot, std::string_view reply, std::string& own) const;
  void end_fan_out(std::uint64_t sequence, Slot& slot, std::string_view reply, state::Nanos now);

  SessionContext& context_;
  const Requester name_;
  ClientState state_;
  state::Nanos now_ = 0;  // of the batch under way

  resp::RequestParser parser_;
  ReplySlots slots_;
  net::WriteQueue out_;
  std::size_t parked_bytes_ = 0;

  // lanes
  Ways ways_;
  Errands errands_;
  std::uint16_t next_errand_ = 0;
  std::uint32_t detours_ = 0;  // errands that hold up what follows
  std::shared_ptr<upstream::Lane> lease_;
  std::shared_ptr<upstream::Lane> spare_;               // a clean lease, kept a moment
  state::EndpointId leased_from_ = state::kNoEndpoint;  // whose the lease or the spare is
  state::Nanos spare_since_ = 0;
  std::uint32_t on_lane_ = 0;   // unanswered commands of ours on the ways or the lease
  bool lease_suspect_ = false;  // of the lease or the spare: a script ran there
  bool lease_dirty_ = false;    // its state is not that of a fresh connection
  bool relay_ = false;
  bool replica_ = false;                     // the relay was asked for by SYNC or its like
  std::uint32_t scripts_out_ = 0;            // unanswered commands that run scripts
  bool on_link_ = false;                     // a script of ours is on a fill link
  std::uint16_t key_slot_ = route::kNoSlot;  // of the command being handled, see Ahead
  bool last_of_input_ = false;               // nothing has come behind the command being handled
  bool blocking_ = false;                    // a command without a time limit of ours is unanswered
  bool held_ = false;                        // by CLIENT PAUSE
  Pause::Mode pause_ = Pause::Mode::kNone;   // of the batch under way
  std::size_t query_bytes_ = 0;              // of the command being handled
  std::optional<resp::LargeRequest> large_;
  bool large_unanswered_ = false;
  struct Aside {
    std::uint64_t slot;
    std::shared_ptr<upstream::Lane> lane;
    bool own;  // a lease for this command alone
  };
  std::vector<Aside> asides_;  // commands that do not travel on the session's lane

  // effects of unanswered commands, in the order of their replies
  std::vector<std::string_view> keys_scratch_;
  std::vector<cache::NameHash> names_scratch_;
  std::uint32_t writes_out_ = 0;
  request::NameFilter write_filter_;  // I10: keys with unanswered writes
  std::uint32_t reads_out_ = 0;
  request::NameFilter read_filter_;  // keys with unanswered fetches
  Transaction transaction_;
  RingQueue<QueuedChanges> executed_;  // of each unanswered EXEC
  std::optional<Doom> doom_;

  // subscriptions
  Subscriptions subscriptions_;
  struct {
    pubsub::Kind kind = pubsub::Kind::kChannel;
    bool subscribe = false;
    std::vector<std::string> names;
  } settling_;                // the (un)subscribe under way
  bool is_settling_ = false;  // what is published waits for its confirmation
  std::string held_pushes_;   // what may not be put into a reply or before a confirmation
  state::Nanos over_soft_since_ = 0;
  // Bytes of a reply from here on are shared instead of copied.
  static constexpr std::size_t kShareFrom = 16UL * 1024;
  static constexpr std::uint64_t kNoSlot = ~std::uint64_t{0};
  std::uint64_t awaited_changes_ = 0;
  bool subscriptions_settled_ = false;  // what waited for them may pass

  TrackingState tracking_;
  bool dropping_tracker_ = false;
  std::vector<ClientPlace> redirect_sources_;
  std::unique_ptr<MonitorFilter> monitor_;  // in MONITOR

  // What AUTH, HELLO or SELECT make of the session when they are accepted.
  struct {
    std::optional<upstream::Identity> identity;
    std::uint32_t database = 0;
    int protocol = 0;  // 0: as it is
    std::optional<std::string> name;
    std::string error;  // of a HELLO whose AUTH succeeds nevertheless
  } pending_;

  struct Paused {
    std::uint64_t slot;  // whose reply it is; 0: a relay
    std::shared_ptr<upstream::Lane> lane;
  };
  std::vector<Paused> paused_;  // lanes told Flow::kPause
  state::Nanos output_progress_at_ = 0;

  bool eligible_ = true;  // may use the L1: Pillion's own ACL user
  bool congested_ = false;
  bool wakeup_ = false;
  bool awaiting_ = false;  // AUTH, HELLO or SELECT is unanswered
  bool blocked_ = false;   // the next command waits for a barrier
  bool left_ = false;
  bool closing_ = false;
  state::DisconnectReason close_reason_ = state::DisconnectReason::kClient;
  std::optional<state::DisconnectReason> aborted_;
};

}  // namespace pillion::data::session
