// What a fill link believes of its endpoint: probes, proofs, and the end of belief (I4, I4-M, I4-R,
// I4-C).
#include <algorithm>
#include <string>
#include <utility>

#include "protocol/resp/writer.hpp"
#include "proxy/data/fill/fill_link_fsm.hpp"
#include "proxy/state/invariant.hpp"

namespace pillion::data::fill {
namespace {

constexpr std::uint32_t kProbesPerLease = 4;
// A replica that is not past the latest sample yet is asked again after this part of a period.
constexpr std::uint32_t kRetriesPerPeriod = 4;
// A replica's link is probed for so long after the last read that wanted it.
constexpr state::Nanos kUsedFor = 10 * state::kSecond;

using state::Invariant;

}  // namespace

/// The moment an answered operation proves the stream to be complete up to.
state::Nanos FillLinkFsm::proven_at(const Operation& operation, state::Nanos now) {
  return state::holds(Invariant::kI4SendTime) ? operation.sent_at : now;
}

bool FillLinkFsm::any_reply_proves() const {
  if (status_ != Status::kLive) return false;
  if (replica()) return !state::holds(Invariant::kI4Replica);
  return !options_.cluster || !state::holds(Invariant::kI4Cluster);
}

void FillLinkFsm::stage_probe(state::Nanos now) {
  probing_ = true;
  probe_asked_ = false;
  probed_at_ = now;
  if (options_.clock != nullptr) tried_ = options_.clock->latest();
  if (options_.cluster) {
    cluster_ok_ = false;
    stage(Kind::kClusterState, now);
    resp::append_request(out_, {"CLUSTER", "INFO"});
    stage(Kind::kSlots, now);
    resp::append_request(out_, {"CLUSTER", "SLOTS"});
    if (!replica() && options_.clock != nullptr) {
      stage(Kind::kNodes, now);
      resp::append_request(out_, {"CLUSTER", "NODES"});
    }
  }
  if (options_.cluster || options_.clock != nullptr) {
    stage(Kind::kReplication, now);
    resp::append_request(out_, {"INFO", "replication"});
  } else {
    stage(Kind::kRole, now);
    resp::append_request(out_, {"ROLE"});
  }
}

void FillLinkFsm::mark_used(state::Nanos now) {
  used_until_ = now + kUsedFor;
}

bool FillLinkFsm::probe_due(state::Nanos now) {
  if (probing_) return false;
  const state::Nanos period = options_.max_staleness / kProbesPerLease;
  const bool due = now - probed_at_ >= period;
  if (!replica()) {
    // A node that waits for its cluster goes on asking. A clock is fed by one link of many.
    if (due && status_ == Status::kUnproven) return true;
    if (options_.clock != nullptr && options_.clock->claim(now, period)) return true;
    return due && links_.take_used(options_.link);
  }
  if (links_.take_used(options_.link)) mark_used(now);
  if (now > used_until_) return false;
  if (options_.clock == nullptr || due) {
    if (options_.clock != nullptr) options_.clock->want(now);
    return due;
  }
  options_.clock->want(now);
  const state::Nanos latest = options_.clock->latest();
  const bool something_to_prove =
      latest > 0 && (status_ != Status::kLive || latest > links_.synced_at(options_.link));
  return something_to_prove && (latest > tried_ || now - probed_at_ >= period / kRetriesPerPeriod);
}

bool FillLinkFsm::on_probe_end(const Operation& operation, std::string_view frame,
                               state::Nanos now) {
  probing_ = false;
  if (operation.kind == Kind::kReplication) return on_replication(operation, frame, now);
  // I4-M: only a primary proves freshness by answering.
  if (role_of(frame) != "master") {
    refused_ = true;
    return distrust("the upstream is not a primary: " + std::string(role_of(frame)));
  }
  prove(proven_at(operation, now), now);
  return true;
}

bool FillLinkFsm::on_replication(const Operation& operation, std::string_view frame,
                                 state::Nanos now) {
  const auto said = replication_of(frame);
  if (!said) {
    refused_ = true;
    return distrust("INFO replication refused or malformed");
  }
  if (said->replica != replica()) {
    // Not refused: between a failover and the news of it, roles and layout differ for a moment, and
    // whoever is asked again much later may be wanted by then.
    if (replica() && options_.clock != nullptr) options_.clock->note_successor();
    return distrust(replica() ? "not a replica any more" : "the upstream is not a primary: slave");
  }
  if (status_ == Status::kHandshake) {
    status_ = Status::kUnproven;
    live_since_ = now;
    reason_ = "not known to be in step yet";
  }
  if (options_.cluster && state::holds(Invariant::kI4Cluster)) {
    if (!cluster_ok_) {
      unprove("the cluster is down");
      return true;
    }
    if (slots_.none()) {
      unprove("it has no slots");
      return true;
    }
  }
  if (!replica()) {
    if (options_.clock != nullptr) {
      const SlotSet alone = slots_ & ~leaving_;
      options_.clock->add(operation.sent_at, said->history, said->offset,
                          options_.cluster ? &alone : nullptr);
    }
    prove(proven_at(operation, now), now);
    return true;
  }
  if (!state::holds(Invariant::kI4Replica)) {
    prove(operation.sent_at, now);
    return true;
  }
  if (!said->connected) {
    // What it had been proved to have it still has, and its lease goes on as it was: if the primary
    // is gone, it may be proved anew. If the primary is there, which only an answer to what was
    // asked after this reply can tell, it is left.
    if (parted_at_ == 0) parted_at_ = now;
    if (said->syncing || options_.clock == nullptr || options_.clock->latest() > parted_at_) {
      unprove("the replica is not connected to its primary");
    } else if (const auto orphaned = options_.clock->orphaned(options_.endpoint, operation.sent_at,
                                                              said->history, said->offset)) {
      if (*orphaned > lost_at_) prove(*orphaned, now);
    }
    return true;
  }
  // What came over the new connection may have been a whole new copy.
  if (std::exchange(parted_at_, 0) != 0 && status_ == Status::kLive) links_.bump(options_.link);
  if (options_.clock == nullptr) return true;
  const auto passed = options_.clock->passed(said->history, said->offset);
  if (passed && *passed > lost_at_) prove(*passed, now);
  return true;
}

FillLinkFsm::Action FillLinkFsm::on_connect_refused(std::string_view reason, state::Nanos now,
                                                    std::uint64_t random) {
  const bool proof = status_ == Status::kConnecting && !replica() && options_.clock != nullptr &&
                     state::holds(Invariant::kI4Replica);
  if (proof) options_.clock->note_refused(dialled_at_);
  const Action action = on_failed(reason, now, random);
  // Its replicas are current as of the latest refusal: that is looked for like any other proof.
  if (proof && status_ == Status::kBackoff)
    deadline_ = std::min(deadline_, now + options_.max_staleness / kProbesPerLease);
  return action;
}

void FillLinkFsm::on_slots(std::string_view frame) {
  const SlotSet slots = slots_of(frame, id_, replica()).value_or(SlotSet{});
  // Keys of a slot that left may have changed without a word, missing ones above all.
  if ((slots_ & ~slots).any() && state::holds(Invariant::kI4Cluster)) links_.bump(options_.link);
  slots_ = slots;
}

void FillLinkFsm::on_refusal(cluster::RedirectKind kind) {
  switch (kind) {
    case cluster::RedirectKind::kMoved:
      // What else of that slot it stored is worth nothing: its own word for that is asked for now.
      if (options_.cluster) probe_asked_ = true;
      return;
    case cluster::RedirectKind::kClusterDown:
      if (options_.cluster && state::holds(Invariant::kI4Cluster)) unprove("the cluster is down");
      return;
    case cluster::RedirectKind::kMasterDown:
      if (replica()) unprove("the replica is not connected to its primary");
      return;
    case cluster::RedirectKind::kAsk:
    case cluster::RedirectKind::kTryAgain:
    case cluster::RedirectKind::kLoading:
    case cluster::RedirectKind::kReadonly:
      return;
  }
}

void FillLinkFsm::prove(state::Nanos synced_at, state::Nanos now) {
  if (status_ == Status::kLive) {
    links_.synced(options_.link, synced_at);
    return;
  }
  if (status_ == Status::kHandshake) live_since_ = now;
  status_ = Status::kLive;
  reason_.clear();
  links_.open(options_.link, synced_at);
}

void FillLinkFsm::unprove(std::string_view reason) {
  reason_ = reason;
  if (status_ != Status::kLive) return;
  links_.close(options_.link);
  status_ = Status::kUnproven;
  counters_.flushes_link_lost.add();
}

void FillLinkFsm::follow(ReplicationClock* clock, state::Nanos) {
  if (clock == options_.clock) return;
  options_.clock = clock;
  tried_ = 0;
  if (replica()) unprove("it follows another primary");
}

cache::Source FillLinkFsm::source(state::Nanos now) const {
  return {replica() ? std::min(now, links_.synced_at(options_.link)) : now, options_.link};
}

bool FillLinkFsm::serves(std::uint16_t slot) const {
  return !replica() || !options_.cluster || !state::holds(Invariant::kI4Cluster) ||
         (options_.clock != nullptr &&
          options_.clock->serves(slot, links_.synced_at(options_.link)));
}

bool FillLinkFsm::fresh(cache::NameHash name, state::Nanos now, state::Nanos max_age) const {
  if (!replica()) return true;
  links_.mark_used(options_.link);
  if (status_ != Status::kLive) return false;
  const state::Nanos synced_at = links_.synced_at(options_.link);
  if (now - synced_at > max_age) return false;
  return synced_at > invalidator_.tokens().of(name) || !state::holds(Invariant::kI18Tokens);
}

}  // namespace pillion::data::fill
