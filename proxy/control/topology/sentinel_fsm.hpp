// Which primary do the sentinels agree on, and when to ask them. Decides; sentinel.hpp performs.
//
// Every sentinel is asked every `poll_every`; after a hint (an event of theirs, a READONLY, a
// primary that does not answer) at once and every kHurryEvery for kHurryFor or until the primary
// has changed; and as often while the primary cannot be reached, for kBriskFor, then every
// kLongOutageEvery. What one says is a vote while it is fresh. An address with the votes of a
// majority of all sentinels there are (those that answer, those they know of, those configured)
// becomes the primary once it has said by ROLE that it is one:
//
//   agreed on another address -> verify it -> "master": the layout changes
//                                          -> anything else: ask again, in a hurry
//
// A majority comes late: only the leader of a failover knows at once whom it promotes, and it says
// so to the others when it has seen it done. Nobody loses by not waiting while the old primary
// cannot be reached. So one voice is enough then, a vote or an event that names the promoted (a
// nomination), for a server that we know as its replica and that says it is a primary:
//
//   primary unreachable, a replica of it named -> verify it, every kHurryEvery -> "master":
//   switched
//
// Until a majority has followed such an early switch the primary that was left is not gone back to
// as long as a sentinel names the new one; nor, as none does before the leader has seen its work
// done, for kNominationFor: it may be restarted and call itself a master until it is told
// otherwise.
//
// Without either the primary known last stays: whether it still serves is its health check's
// question. Only at the very start, when there is none and no sentinel contradicts, the votes of
// those that answer will do after kPatience: an unreachable sentinel must not keep us down for
// ever.
//
// One sentinel under two names is one vote: SENTINEL MYID tells. Pure: no clock of its own, `now`
// never goes backwards.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "proxy/control/topology/layout.hpp"
#include "proxy/control/topology/parse_sentinel.hpp"
#include "proxy/state/clock.hpp"

namespace pillion::control {

/// What one sentinel said when it was asked.
struct SentinelAnswer {
  std::string id;  // its own; "": it does not know MYID (before Redis 6.2)
  std::optional<config::HostPort> primary;
  std::vector<SentinelPeer> replicas;
  std::vector<SentinelPeer> sentinels;  // the others
};

/// What the shell does next, and until when it may sleep.
struct SentinelStep {
  bool poll = false;                       // ask every sentinel that is not being asked
  std::optional<config::HostPort> verify;  // ask it for its ROLE
  bool layout = false;                     // layout() is another
  bool confirmed = false;                  // a majority said that the primary is what it was
  state::Nanos wake_at = 0;                // on_timer() then
};

class SentinelFsm {
 public:
  static constexpr state::Nanos kHurryEvery = 50 * state::kMillisecond;
  static constexpr state::Nanos kHurryFor = 2 * state::kSecond;
  static constexpr state::Nanos kBriskFor = 30 * state::kSecond;
  static constexpr state::Nanos kLongOutageEvery = 500 * state::kMillisecond;
  /// How long after a sentinel's event the server it names is a candidate.
  static constexpr state::Nanos kNominationFor = 10 * state::kSecond;
  static constexpr state::Nanos kPatience = 3 * state::kSecond;
  /// What is wrong is not told before all have answered or failed, or so much time has passed.
  static constexpr state::Nanos kSettling = state::kSecond;
  static constexpr std::size_t kMostSentinels = 64;

  struct Settings {
    std::vector<config::HostPort> seeds;
    std::string master;
    state::Nanos poll_every = state::kSecond;
  };

  explicit SentinelFsm(Settings settings);

  SentinelStep on_start(state::Nanos now);
  SentinelStep on_answer(state::Nanos now, const config::HostPort& sentinel, SentinelAnswer answer);
  SentinelStep on_failure(state::Nanos now, const config::HostPort& sentinel, std::string why);
  /// It could not even be asked: for what is said when no sentinel answers.
  void note_unreachable(const config::HostPort& sentinel, const std::string& why);
  SentinelStep on_hint(state::Nanos now);
  /// An event of a sentinel's says that this server is promoted, or is about to be.
  SentinelStep on_nomination(state::Nanos now, const config::HostPort& server);
  /// What came of the latest health probe of the primary.
  SentinelStep on_probe(state::Nanos now, bool answered);
  /// The primary, asked at `asked_at`, says that it is none: news only if that was not before it
  /// became one.
  SentinelStep on_demoted(state::Nanos now, state::Nanos asked_at);
  /// The answer to `verify`: the role, or "" and why there is none.
  SentinelStep on_role(state::Nanos now, const config::HostPort& server, const std::string& role,
                       const std::string& why);
  SentinelStep on_timer(state::Nanos now);

  /// Whom to ask: the seeds, and those learnt from them.
  std::vector<config::HostPort> sentinels() const;
  const Layout& layout() const { return layout_; }
  const std::optional<config::HostPort>& primary() const { return primary_; }

 private:
  struct Voter {
    bool seed = false;
    std::optional<SentinelAnswer> answer;  // its latest
    state::Nanos answered_at = 0;
    bool answers = false;  // not failed since
    std::string error;
  };
  struct Agreement {
    std::optional<config::HostPort> primary;  // what a majority says
    std::string why_not;
  };

  Voter* find(const config::HostPort& sentinel);
  bool fresh(const Voter& voter, state::Nanos now) const;
  bool settled(state::Nanos now) const;
  Agreement agreement(state::Nanos now) const;
  struct Nomination {
    config::HostPort server;
    state::Nanos at = 0;
  };

  bool names(const config::HostPort& server, state::Nanos now) const;
  bool is_replica(const config::HostPort& server) const;
  bool may_go_back(state::Nanos now) const;
  bool nominated(state::Nanos now) const;
  std::vector<config::HostPort> candidates(state::Nanos now, const Agreement& agreed) const;
  state::Nanos interval(state::Nanos now) const;
  void switch_to(const config::HostPort& server, state::Nanos now, bool agreed);
  SentinelStep decide(state::Nanos now);
  SentinelStep step(state::Nanos now);
  void learn_sentinels(state::Nanos now);
  void build_layout(state::Nanos now);

  Settings settings_;
  std::vector<std::pair<config::HostPort, Voter>> voters_;
  std::optional<config::HostPort> primary_;
  std::optional<config::HostPort> verifying_;
  Layout layout_;
  std::optional<Nomination> nomination_;
  std::optional<config::HostPort> left_;  // ahead of the majority
  state::Nanos left_at_ = 0;
  std::optional<state::Nanos> unreachable_since_;   // the primary
  std::optional<config::HostPort> refused_server_;  // the latest that was not taken
  std::string refused_;                             // and why
  state::Nanos started_at_ = 0;
  state::Nanos polled_at_ = 0;
  state::Nanos hurry_until_ = 0;
  bool polled_ = false;
};

}  // namespace pillion::control
