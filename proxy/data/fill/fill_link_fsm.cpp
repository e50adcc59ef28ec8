#include "proxy/data/fill/fill_link_fsm.hpp"

#include <algorithm>
#include <utility>

#include "protocol/resp/push_parser.hpp"
#include "protocol/resp/writer.hpp"
#include "proxy/data/upstream/lane.hpp"
#include "proxy/state/invariant.hpp"

namespace pillion::data::fill {
namespace {

// A push or a handshake reply that exceeds this is not from a Redis we know.
constexpr std::size_t kMaxControlFrame = 4UL << 20;
// A script that has not answered for so long is not waited for by others.
constexpr state::Nanos kScriptPatience = 20 * state::kMillisecond;

using state::Invariant;

std::string_view error_text(std::string_view frame) {
  return frame.substr(1, frame.size() - 3);
}

std::string ping_text(const Fetch& script) {
  return std::string(upstream::kOwnPing) + std::to_string(script.nonce);
}

bool answers_ping(std::string_view frame, const Fetch& script) {
  std::string expected;
  resp::append_bulk(expected, ping_text(script));
  return frame == expected;
}

}  // namespace

FillLinkFsm::FillLinkFsm(FillLinkOptions options, cache::Cache& cache, cache::LinkTable& links,
                         Invalidator& invalidator, FillSink& sink, state::Counters& counters)
    : options_(std::move(options)),
      cache_(cache),
      links_(links),
      invalidator_(invalidator),
      sink_(sink),
      counters_(counters) {}

FillLinkFsm::Action FillLinkFsm::start(state::Nanos now) {
  status_ = Status::kConnecting;
  dialled_at_ = now;
  deadline_ = now + options_.connect_timeout;
  return Action::kConnect;
}

FillLinkFsm::Action FillLinkFsm::on_connected(state::Nanos now) {
  status_ = Status::kHandshake;
  refused_ = false;
  parted_at_ = 0;
  id_.clear();
  slots_.reset();
  leaving_.reset();
  const upstream::Identity& identity = options_.identity;
  if (options_.tracking) {
    stage(Kind::kHello, now);
    if (identity.password.empty()) {
      resp::append_request(out_, {"HELLO", "3"});
    } else {
      resp::append_request(out_, {"HELLO", "3", "AUTH", identity.acl_user(), identity.password});
    }
    stage(Kind::kCommandInfo, now);
    resp::append_array_header(out_, 2 + options_.commands.size());
    resp::append_bulk(out_, "COMMAND");
    resp::append_bulk(out_, "INFO");
    for (const std::string_view name : options_.commands) resp::append_bulk(out_, name);
    // Default mode, without NOLOOP: with it the server would forget keys at our own writes
    // (COHERENCE evidence 2.1).
    // OPTOUT, so that a script can be.
    stage(Kind::kTracking, now);
    resp::append_request(out_, {"CLIENT", "TRACKING", "ON", "OPTOUT"});
  } else if (!identity.password.empty()) {
    // A server that knows no RESP3 can be probed as well.
    stage(Kind::kHello, now);
    if (identity.user.empty()) {
      resp::append_request(out_, {"AUTH", identity.password});
    } else {
      resp::append_request(out_, {"AUTH", identity.user, identity.password});
    }
  }
  if (options_.cluster) {
    stage(Kind::kMyId, now);
    resp::append_request(out_, {"CLUSTER", "MYID"});
    if (replica()) {
      stage(Kind::kReadonly, now);
      resp::append_request(out_, {"READONLY"});
    }
  }
  if (replica()) mark_used(now);
  stage_probe(now);
  return Action::kWrite;
}

FillLinkFsm::Operation& FillLinkFsm::stage(Kind kind, state::Nanos now) {
  Operation operation;
  operation.kind = kind;
  operation.sent_at = now;
  return operations_.push_back(std::move(operation));
}

void FillLinkFsm::written(std::size_t n) {
  written_ += n;
  if (written_ < out_.size()) return;
  written_ = 0;
  out_.clear();
}

/// I18: a write of one of its keys was answered, and the replica has not proved to have it.
bool FillLinkFsm::behind(const Fetch& fetch) const {
  if (!replica() || !state::holds(Invariant::kI18Tokens)) return false;
  const state::Nanos synced_at = links_.synced_at(options_.link);
  return std::any_of(fetch.keys.begin(), fetch.keys.end(), [&](const FetchKey& key) {
    return synced_at <= invalidator_.tokens().of(key.name);
  });
}

void FillLinkFsm::send(Fetch fetch, state::Nanos now) {
  if (behind(fetch)) {
    behind_.push_back(std::move(fetch));
    return;
  }
  if (options_.traffic != nullptr)
    options_.traffic->requests.fetch_add(1, std::memory_order_relaxed);
  if (fetch.database != database_) {
    stage(Kind::kSelect, now);
    resp::append_request(out_, {"SELECT", std::to_string(fetch.database)});
    database_ = fetch.database;
  }
  if (fetch.script) {
    stage(Kind::kUntracked, now);
    resp::append_request(out_, {"CLIENT", "CACHING", "NO"});
    out_ += fetch.request;
    resp::append_request(out_, {"PING", ping_text(fetch)});
    stage(Kind::kFetch, now).fetch = std::make_unique<Fetch>(std::move(fetch));
    ++scripts_out_;
    return;
  }
  if (fetch.multi) {
    for (FetchKey& key : fetch.keys) key.erase_count = cache_.erase_count(key.name);
  }
  Operation& operation = stage(Kind::kFetch, now);
  operation.generation = links_.generation(options_.link);
  links_.note_fetch(options_.link, operation.generation);
  operation.fetch = std::make_unique<Fetch>(std::move(fetch));
  out_ += operation.fetch->request;
  for (std::size_t i = 0; i < operation.fetch->keys.size(); ++i) {
    resp::append_request(out_, {"PTTL", operation.fetch->key(i)});
  }
}

void FillLinkFsm::send_fence(FenceId fence, state::Nanos now) {
  if (status_ != Status::kLive) {
    sink_.on_fence(fence);
    return;
  }
  stage(Kind::kFence, now).fence = fence;
  resp::append_request(out_, {"PING"});
}

void FillLinkFsm::on_rotation() {
  for (std::size_t i = 0; i < operations_.size(); ++i) {
    if (operations_[i].fetch) operations_[i].fetch->elsewhere = true;
  }
}

void FillLinkFsm::end_turn() {
  if (behind_.empty()) return;
  const std::vector<Fetch> behind = std::exchange(behind_, {});
  for (const Fetch& fetch : behind) resolve_lost(fetch);
  sink_.on_batch_end();
}

FillLinkFsm::Action FillLinkFsm::on_bytes(std::string_view bytes, state::Nanos now,
                                          std::uint64_t random) {
  last_bytes_at_ = now;
  if (options_.traffic != nullptr)
    options_.traffic->successes.fetch_add(1, std::memory_order_relaxed);
  while (!bytes.empty()) {
    std::size_t used = 0;
    const auto scanned = scanner_.feed(bytes, used);
    const std::string_view piece = bytes.substr(0, used);
    bytes.remove_prefix(used);
    if (scanned == resp::FrameScanner::Status::kError)
      return on_failed("malformed reply", now, random);

    if (scanned == resp::FrameScanner::Status::kMore) {
      if (dropping_) break;
      const bool control =
          scanner_.type() == '>' || operations_.empty() || operations_.front().kind != Kind::kFetch;
      const bool script = !control && operations_.front().fetch->script;
      const std::size_t limit = control  ? kMaxControlFrame
                                : script ? options_.max_script_reply
                                         : options_.max_entry_bytes;
      if (scanner_.announced_bytes() <= limit) {
        partial_.append(piece);
        break;
      }
      if (control) return on_failed("reply to a control command is too large", now, random);
      std::string().swap(partial_);
      dropping_ = true;
      give_up_too_large(operations_.front(), now);
      break;
    }

    bool trusted = true;
    if (dropping_) {
      dropping_ = false;
      ++operations_.front().parts_read;
      end_fetch_part(now);
    } else if (partial_.empty()) {
      trusted = on_frame(piece, now);
    } else {
      partial_.append(piece);
      const std::string frame = std::exchange(partial_, {});
      trusted = on_frame(frame, now);
    }
    if (!trusted) return on_failed(std::string(reason_), now, random);
  }
  if (probe_asked_ && connected() && !probing_) stage_probe(now);
  return unwritten().empty() ? Action::kNone : Action::kWrite;
}

bool FillLinkFsm::on_frame(std::string_view frame, state::Nanos now) {
  if (frame.front() == '>') return on_push(frame);
  if (operations_.empty()) return distrust("a reply that nobody asked for");
  Operation& operation = operations_.front();
  switch (operation.kind) {
    case Kind::kHello:
    case Kind::kCommandInfo:
    case Kind::kTracking:
    case Kind::kReadonly:
    case Kind::kMyId:
      if (!on_handshake_reply(operation, frame)) return false;
      break;
    case Kind::kClusterState:
      cluster_ok_ = cluster_is_ok(frame);
      break;
    case Kind::kSlots:
      on_slots(frame);
      break;
    case Kind::kNodes:
      leaving_ = leaving_slots_of(frame);
      break;
    case Kind::kRole:
    case Kind::kReplication:
      if (!on_probe_end(operation, frame, now)) return false;
      break;
    case Kind::kSelect:
      if (frame.front() == '-')
        return distrust("SELECT refused: " + std::string(error_text(frame)));
      break;
    case Kind::kFence: {
      // The sink may send at once: the operation leaves the queue first.
      const FenceId fence = operation.fence;
      const bool overdue = operation.overdue;
      if (any_reply_proves()) links_.synced(options_.link, proven_at(operation, now));
      operations_.pop_front();
      if (!overdue) sink_.on_fence(fence);
      return true;
    }
    case Kind::kUntracked:
      break;
    case Kind::kFetch:
      if (operation.fetch->script && operation.parts_read == 1 &&
          !answers_ping(frame, *operation.fetch)) {
        // Unless the server was too busy for either, which says so for both.
        const bool busy = operation.value && operation.value->starts_with("-BUSY ");
        if (busy) finish_script(operation);
        forged_ = !busy;
        return distrust("a script's reply is not followed by that to the PING behind it");
      }
      on_fetch_part(operation, frame, now);
      end_fetch_part(now);
      return true;
  }
  if (any_reply_proves()) links_.synced(options_.link, proven_at(operation, now));
  operations_.pop_front();
  return true;
}

bool FillLinkFsm::on_handshake_reply(const Operation& operation, std::string_view frame) {
  if (operation.kind == Kind::kMyId) {
    id_ = text_of(frame);
    if (!id_.empty()) return true;
    refused_ = true;
    return distrust("CLUSTER MYID refused or malformed");
  }
  if (operation.kind == Kind::kCommandInfo) {
    allowed_ = allowed_commands(frame, options_.commands);
    if (allowed_ == 0) {
      refused_ = true;
      return distrust("COMMAND INFO refused or malformed: no command is known to be safe");
    }
    return true;
  }
  if (frame.front() != '-') return true;
  refused_ = true;
  const std::string what = operation.kind == Kind::kTracking   ? "CLIENT TRACKING"
                           : operation.kind == Kind::kReadonly ? "READONLY"
                           : options_.tracking                 ? "HELLO 3"
                                                               : "AUTH";
  return distrust(what + " refused: " + std::string(error_text(frame)));
}

bool FillLinkFsm::on_push(std::string_view frame) {
  resp::Push push(frame);
  switch (push.kind()) {
    case resp::Push::Kind::kInvalidateAll:
      counters_.flushes_null_push.add();
      if (state::holds(Invariant::kI3NullPush)) links_.bump(options_.link);
      if (operations_.empty()) return true;
      operations_.front().dirty = true;
      // What is on its way is stored by nobody, but may be joined: fences have to wait for it.
      links_.note_fetch(options_.link, links_.generation(options_.link));
      return true;
    case resp::Push::Kind::kInvalidate: {
      std::string_view key;
      while (push.next_key(key)) {
        invalidator_.on_push(key, counters_);
        if (operations_.empty()) continue;
        Operation& front = operations_.front();
        if (front.kind != Kind::kFetch || front.parts_read == 0) continue;
        for (std::size_t i = 0; i < front.fetch->keys.size(); ++i) {
          if (front.fetch->key(i) == key) front.dirty = state::holds(Invariant::kI6OneVersion);
        }
      }
      return true;
    }
    case resp::Push::Kind::kOther:
      return true;
    case resp::Push::Kind::kRedirBroken:
      return distrust("tracking-redir-broken");
    case resp::Push::Kind::kMalformed:
      break;
  }
  return distrust("malformed push");
}

void FillLinkFsm::lose() {
  // I3: distrust first, then tell those who wait.
  if (state::holds(Invariant::kI3Generation)) links_.close(options_.link);
  if (status_ == Status::kLive) counters_.flushes_link_lost.add();
  RingQueue<Operation> lost = std::exchange(operations_, {});
  out_.clear();
  written_ = 0;
  partial_.clear();
  scanner_ = {};
  dropping_ = false;
  scripts_out_ = 0;
  held_up_ = false;
  passed_since_ = 0;
  database_ = 0;
  probing_ = false;
  status_ = Status::kDown;
  for (std::size_t i = 0; i < lost.size(); ++i) {
    Operation& operation = lost[i];
    if (operation.kind == Kind::kFetch) resolve_lost(operation);
    if (operation.kind == Kind::kFence && !operation.overdue) sink_.on_fence(operation.fence);
  }
  const std::vector<Fetch> behind = std::exchange(behind_, {});
  for (const Fetch& fetch : behind) resolve_lost(fetch);
}

void FillLinkFsm::let_others_pass() {
  held_up_ = true;
  for (std::size_t i = 0; i < operations_.size(); ++i) {
    Operation& operation = operations_[i];
    if (operation.kind == Kind::kFetch && !operation.fetch->script) resolve_lost(operation);
  }
}

/// For as long as a reply may take: what was executed since a script was sent was executed behind
/// it.
bool FillLinkFsm::passed_by_others(state::Nanos since, state::Nanos now) {
  if (options_.traffic == nullptr ||
      options_.traffic->executed.load(std::memory_order_relaxed) <= since + kScriptPatience) {
    passed_since_ = 0;
    return false;
  }
  if (passed_since_ == 0) passed_since_ = now;
  return now - passed_since_ > options_.reply_timeout;
}

FillLinkFsm::Action FillLinkFsm::on_failed(std::string_view reason, state::Nanos now,
                                           std::uint64_t random) {
  if (status_ == Status::kBackoff || status_ == Status::kRefused) return Action::kNone;
  const bool worked = connected() && now - live_since_ >= options_.proven_after;
  if (options_.traffic != nullptr)
    options_.traffic->failures.fetch_add(1, std::memory_order_relaxed);
  if (worked) attempt_ = 0;
  reason_ = reason;
  // I17: a replica that starts again has what it once wrote down, and less than it has shown.
  if (replica() && connected() && options_.key_affinity && state::holds(Invariant::kI17Monotone))
    lost_at_ = now;
  lose();
  if (refused_) {
    status_ = Status::kRefused;
    deadline_ = now + options_.refused_retry;
  } else {
    status_ = Status::kBackoff;
    deadline_ = worked ? now : now + net::backoff_delay(options_.backoff, attempt_++, random);
  }
  return Action::kClose;
}

FillLinkFsm::Action FillLinkFsm::on_silence(state::Nanos now, std::uint64_t random) {
  if (options_.traffic != nullptr)
    options_.traffic->timeouts.fetch_add(1, std::memory_order_relaxed);
  timed_out_ = true;
  const Action action = on_failed("no reply to a probe, a fetch or a script", now, random);
  timed_out_ = false;
  return action;
}

FillLinkFsm::Action FillLinkFsm::on_tick(state::Nanos now, std::uint64_t random) {
  switch (status_) {
    case Status::kDown:
      return Action::kNone;
    case Status::kConnecting:
    case Status::kHandshake:
      return now < deadline_ ? Action::kNone : on_failed("connect timed out", now, random);
    case Status::kBackoff:
    case Status::kRefused:
      return now < deadline_ ? Action::kNone : start(now);
    case Status::kUnproven:
    case Status::kLive:
      break;
  }
  if (!operations_.empty()) {
    const bool arriving = dropping_ || !partial_.empty();
    // While a script runs, the server says nothing, nor what it had to say before.
    const bool script = scripts_out_ > 0;
    const state::Nanos sent_at = std::max(operations_.front().sent_at, script_ended_at_);
    const state::Nanos since = arriving ? std::max(sent_at, last_bytes_at_) : sent_at;
    if (script && !held_up_ && now - since > kScriptPatience) let_others_pass();
    const bool running = script && !passed_by_others(since, now);
    if (now - since > (running ? options_.script_timeout : options_.reply_timeout)) {
      return on_silence(now, random);
    }
    for (std::size_t i = 0; i < operations_.size(); ++i) {
      Operation& operation = operations_[i];
      if (operation.kind != Kind::kFence || operation.overdue) continue;
      if (now - operation.sent_at <= options_.max_staleness) break;
      // I8-F: what the fence would have proved is given up instead.
      operation.overdue = true;
      counters_.fence_timeouts.add();
      links_.bump(options_.link);
      sink_.on_fence(operation.fence);
    }
  }
  if (probe_due(now)) {
    counters_.probes.add();
    stage_probe(now);
  }
  return unwritten().empty() ? Action::kNone : Action::kWrite;
}

}  // namespace pillion::data::fill
