#include "proxy/control/topology/sentinel_fsm.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "config/hosts.hpp"

namespace pillion::control {
namespace {

using config::HostPort;
using config::print_host;

LayoutNode node_at(const HostPort& server, state::NodeRole role) {
  LayoutNode node;
  node.name = print_host(server);
  node.host = server.host;
  node.port = server.port;
  node.role = role;
  return node;
}

}  // namespace

SentinelFsm::SentinelFsm(Settings settings) : settings_(std::move(settings)) {
  layout_.kind = state::TopologyKind::kSentinel;
  for (const HostPort& seed : settings_.seeds) {
    Voter voter;
    voter.seed = true;
    voters_.emplace_back(seed, std::move(voter));
  }
}

SentinelStep SentinelFsm::on_start(state::Nanos now) {
  started_at_ = now;
  return on_timer(now);
}

SentinelStep SentinelFsm::on_timer(state::Nanos now) {
  SentinelStep next = decide(now);
  if (!polled_ || now - polled_at_ >= interval(now)) {
    polled_ = true;
    polled_at_ = now;
    next.poll = true;
  }
  next.wake_at = step(now).wake_at;
  return next;
}

SentinelStep SentinelFsm::on_hint(state::Nanos now) {
  hurry_until_ = now + kHurryFor;
  return on_timer(now);
}

SentinelStep SentinelFsm::on_answer(state::Nanos now, const HostPort& sentinel,
                                    SentinelAnswer answer) {
  Voter* voter = find(sentinel);
  if (voter == nullptr) return step(now);
  voter->answer = std::move(answer);
  voter->answered_at = now;
  voter->answers = true;
  voter->error.clear();
  learn_sentinels(now);
  return decide(now);
}

SentinelStep SentinelFsm::on_failure(state::Nanos now, const HostPort& sentinel, std::string why) {
  Voter* voter = find(sentinel);
  if (voter == nullptr) return step(now);
  voter->answers = false;
  voter->error = std::move(why);
  return decide(now);
}

void SentinelFsm::note_unreachable(const HostPort& sentinel, const std::string& why) {
  if (Voter* voter = find(sentinel)) voter->error = why;
}

SentinelStep SentinelFsm::on_nomination(state::Nanos now, const HostPort& server) {
  nomination_ = Nomination{server, now};
  return on_hint(now);
}

SentinelStep SentinelFsm::on_probe(state::Nanos now, bool answered) {
  if (answered) {
    unreachable_since_.reset();
    return step(now);
  }
  if (!unreachable_since_) unreachable_since_ = now;
  return on_hint(now);
}

SentinelStep SentinelFsm::on_demoted(state::Nanos now, state::Nanos asked_at) {
  if (asked_at > left_at_) left_.reset();
  return on_hint(now);
}

SentinelStep SentinelFsm::on_role(state::Nanos now, const HostPort& server, const std::string& role,
                                  const std::string& why) {
  if (verifying_ != server) return step(now);
  verifying_.reset();
  const Agreement agreed = agreement(now);
  const auto wanted = candidates(now, agreed);
  const bool is_wanted = std::find(wanted.begin(), wanted.end(), server) != wanted.end();
  if (role == "master" && is_wanted) {
    switch_to(server, now, agreed.primary == server);
    return decide(now);
  }
  refused_server_ = server;
  refused_ =
      print_host(server) + (role == "master" ? " is no longer agreed on"
                            : role.empty()   ? " is said to be the primary: " + why
                                           : " is said to be the primary, but its role is " + role);
  hurry_until_ = std::max(hurry_until_, now + kHurryFor);
  SentinelStep next = step(now);
  if (!primary_ && layout_.trouble != refused_) {
    layout_.trouble = refused_;
    next.layout = true;
  }
  return next;
}

void SentinelFsm::switch_to(const HostPort& server, state::Nanos now, bool agreed) {
  left_ = agreed ? std::nullopt : primary_;
  left_at_ = now;
  primary_ = server;
  refused_.clear();
  refused_server_.reset();
  nomination_.reset();
  unreachable_since_.reset();
  hurry_until_ = agreed ? 0 : now + kHurryFor;
}

SentinelStep SentinelFsm::decide(state::Nanos now) {
  SentinelStep next = step(now);
  const Agreement agreed = agreement(now);
  if (primary_ && agreed.primary == primary_) left_.reset();
  const auto wanted = candidates(now, agreed);
  if (!wanted.empty()) {
    // A refused one is asked again with the next poll's answers, which come in a hurry; of several
    // another is tried first.
    if (!verifying_) {
      verifying_ = wanted.size() > 1 && wanted[0] == refused_server_ ? wanted[1] : wanted[0];
      next.verify = verifying_;
    }
    if (primary_) return next;
  }
  next.confirmed = primary_ && agreed.primary == primary_;
  const Layout before = layout_;
  build_layout(now);
  if (!primary_ && !agreed.primary && settled(now)) layout_.trouble = agreed.why_not;
  next.layout = !(layout_ == before);
  return next;
}

/// Who becomes the primary as soon as he says that he is one.
std::vector<HostPort> SentinelFsm::candidates(state::Nanos now, const Agreement& agreed) const {
  std::vector<HostPort> wanted;
  const auto add = [&wanted](const HostPort& server) {
    if (std::find(wanted.begin(), wanted.end(), server) == wanted.end()) wanted.push_back(server);
  };
  if (agreed.primary && agreed.primary != primary_) {
    if (agreed.primary != left_ || may_go_back(now)) add(*agreed.primary);
    return wanted;
  }
  if (!primary_ || !unreachable_since_) return wanted;
  if (nominated(now) && is_replica(nomination_->server)) add(nomination_->server);
  for (const auto& [sentinel, voter] : voters_) {
    if (!fresh(voter, now) || !voter.answer->primary) continue;
    const HostPort& named = *voter.answer->primary;
    if (is_replica(named) && (named != left_ || may_go_back(now))) add(named);
  }
  return wanted;
}

bool SentinelFsm::may_go_back(state::Nanos now) const {
  if (names(*primary_, now)) return false;
  return unreachable_since_.has_value() || now - left_at_ >= kNominationFor;
}

bool SentinelFsm::names(const HostPort& server, state::Nanos now) const {
  return std::any_of(voters_.begin(), voters_.end(), [&](const auto& known) {
    return fresh(known.second, now) && known.second.answer->primary == server;
  });
}

bool SentinelFsm::is_replica(const HostPort& server) const {
  const std::string name = print_host(server);
  return std::any_of(layout_.nodes.begin(), layout_.nodes.end(), [&](const LayoutNode& node) {
    return node.role == state::NodeRole::kReplica && node.name == name;
  });
}

bool SentinelFsm::nominated(state::Nanos now) const {
  return nomination_ && now - nomination_->at < kNominationFor;
}

/// Between two polls.
state::Nanos SentinelFsm::interval(state::Nanos now) const {
  const state::Nanos long_outage = std::min(settings_.poll_every, kLongOutageEvery);
  if (unreachable_since_ && !nominated(now)) {
    return now - *unreachable_since_ < kBriskFor ? kHurryEvery : long_outage;
  }
  return now < hurry_until_ || unreachable_since_ ? kHurryEvery : settings_.poll_every;
}

SentinelStep SentinelFsm::step(state::Nanos now) {
  SentinelStep next;
  next.wake_at = polled_at_ + interval(now);
  return next;
}

SentinelFsm::Voter* SentinelFsm::find(const HostPort& sentinel) {
  for (auto& [server, voter] : voters_) {
    if (server == sentinel) return &voter;
  }
  return nullptr;
}

bool SentinelFsm::fresh(const Voter& voter, state::Nanos now) const {
  return voter.answers && voter.answer && now - voter.answered_at <= 3 * settings_.poll_every;
}

bool SentinelFsm::settled(state::Nanos now) const {
  return now - started_at_ >= kSettling ||
         std::all_of(voters_.begin(), voters_.end(), [](const auto& known) {
           return known.second.answer || !known.second.error.empty();
         });
}

SentinelFsm::Agreement SentinelFsm::agreement(state::Nanos now) const {
  std::set<std::string> seen;  // ids, or names of those that have none
  std::map<std::string, std::pair<HostPort, std::size_t>> votes;
  std::size_t answering = 0;
  std::size_t silent_seeds = 0;
  std::size_t known = 0;
  std::string error;
  for (const auto& [server, voter] : voters_) {
    if (!fresh(voter, now)) {
      if (voter.seed) ++silent_seeds;
      if (error.empty() && !voter.error.empty()) error = print_host(server) + ": " + voter.error;
      continue;
    }
    const SentinelAnswer& answer = *voter.answer;
    known = std::max(known, answer.sentinels.size() + 1);
    if (!seen.insert(answer.id.empty() ? print_host(server) : answer.id).second) continue;
    ++answering;
    if (answer.primary) {
      auto& [address, count] = votes[print_host(*answer.primary)];
      address = *answer.primary;
      ++count;
    }
  }
  if (answering == 0) {
    return {std::nullopt, "no sentinel answers" + (error.empty() ? "" : " (" + error + ")")};
  }
  const std::size_t all = std::max(known, answering + silent_seeds);
  for (const auto& [name, vote] : votes) {
    if (vote.second > all / 2) return {vote.first, {}};
  }
  if (votes.empty()) {
    return {std::nullopt, "the sentinels know no primary called '" + settings_.master + "'"};
  }
  const auto& [first, count] = votes.begin()->second;
  if (!primary_ && votes.size() == 1 && count == answering && now - started_at_ >= kPatience) {
    return {first, {}};
  }
  return {std::nullopt, "no majority of the sentinels agrees on a primary: " +
                            std::to_string(count) + " of " + std::to_string(all) + " say " +
                            print_host(first) + (error.empty() ? "" : " (" + error + ")")};
}

void SentinelFsm::learn_sentinels(state::Nanos now) {
  std::set<std::string> ids;
  for (const auto& [server, voter] : voters_) {
    if (voter.seed && voter.answer && !voter.answer->id.empty()) ids.insert(voter.answer->id);
  }
  std::vector<HostPort> named;
  for (const auto& [server, voter] : voters_) {
    if (!fresh(voter, now)) continue;
    for (const SentinelPeer& peer : voter.answer->sentinels) {
      if (!peer.id.empty() && ids.count(peer.id) != 0) continue;  // a seed under another name
      if (std::find(named.begin(), named.end(), peer.server) == named.end()) {
        named.push_back(peer.server);
      }
    }
  }
  voters_.erase(std::remove_if(voters_.begin(), voters_.end(),
                               [&](const auto& known) {
                                 return !known.second.seed && !fresh(known.second, now) &&
                                        std::find(named.begin(), named.end(), known.first) ==
                                            named.end();
                               }),
                voters_.end());
  for (const HostPort& server : named) {
    if (voters_.size() < kMostSentinels && find(server) == nullptr)
      voters_.emplace_back(server, Voter{});
  }
}

void SentinelFsm::build_layout(state::Nanos now) {
  if (!primary_) return;
  std::vector<LayoutNode> replicas;
  bool told = false;
  for (const auto& [server, voter] : voters_) {
    if (!fresh(voter, now) || voter.answer->primary != primary_) continue;
    told = true;
    for (const SentinelPeer& peer : voter.answer->replicas) {
      LayoutNode node = node_at(peer.server, state::NodeRole::kReplica);
      const bool known = peer.server == *primary_ ||
                         std::find(replicas.begin(), replicas.end(), node) != replicas.end();
      if (!known) replicas.push_back(std::move(node));
    }
  }
  const bool same = !layout_.nodes.empty() && layout_.nodes.front().name == print_host(*primary_);
  if (!told && same) return;  // nobody to ask: those known last
  if (!told) {
    // Ahead of the sentinels' lists: the same servers, with the roles of two of them exchanged.
    for (const LayoutNode& node : layout_.nodes) {
      if (node.name == print_host(*primary_)) continue;
      replicas.push_back(node);
      replicas.back().role = state::NodeRole::kReplica;
    }
  }
  // Sentinels list them in no order: what did not change should look as before.
  std::sort(replicas.begin(), replicas.end(),
            [](const LayoutNode& a, const LayoutNode& b) { return a.name < b.name; });
  layout_.nodes = {node_at(*primary_, state::NodeRole::kPrimary)};
  layout_.nodes.insert(layout_.nodes.end(), replicas.begin(), replicas.end());
  layout_.trouble.clear();
}

std::vector<HostPort> SentinelFsm::sentinels() const {
  std::vector<HostPort> all;
  for (const auto& [server, voter] : voters_) all.push_back(server);
  return all;
}

}  // namespace pillion::control
