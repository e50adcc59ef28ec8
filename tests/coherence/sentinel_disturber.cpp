// A primary, two replicas and three Sentinels: failovers of every kind, and Sentinels that die.
#include <atomic>
#include <thread>

#include "tests/coherence/disturber.hpp"
#include "tests/support/sentinel_set.hpp"

namespace pillion::test {
namespace {

class SentinelDisturber : public Disturber {
 public:
  explicit SentinelDisturber(Conditions conditions) : Disturber(conditions) {
    primary_port_ = set_.server(0).port();
    ways_.straight = [this] { return straight_to(primary_port_); };
    start_pillions([&](Via) { return set_.url(); });
  }

  void settle() override {
    look_for_a_surprise();
    if (!set_.wait_until_whole()) throw TimedOut("the sentinels' set is not whole again");
    look_for_a_surprise();
  }

 protected:
  Settings pillion_settings() const override {
    Settings settings = Disturber::pillion_settings();
    settings.insert(settings.end(),
                    {"reads.max_lag=" + std::to_string(conditions_.max_lag.count()) + "ms",
                     "reads.balance=" + conditions_.balance, "reads.slow_start=0s"});
    return settings;
  }

  std::vector<Profile> repertoire() const override {
    return {Profile::kLinks, Profile::kHung, Profile::kFlush, Profile::kFailover};
  }

  void do_harm(Profile profile) override {
    look_for_a_surprise();
    harm(profile);
    look_for_a_surprise();
  }

 private:
  void harm(Profile profile) {
    switch (profile) {
      case Profile::kLinks:
        return kill_some_links(set_.server(draw(set_.servers())));
      case Profile::kHung:
        return stop_somebody();
      case Profile::kFlush:
        // Not so close to a failover that it could be lost.
        flush();
        return pause_for(400, 500);
      default:
        return fail_over();
    }
  }

  /// A machine short of time stops a server for longer than was asked for: a failover as well, some
  /// time since the last look.
  void look_for_a_surprise() {
    const std::uint16_t named = set_.server(set_.primary(30s)).port();
    if (named != primary_port_) {
      if (!set_.wait_until_whole()) throw TimedOut("the set is not whole after a surprise");
      primary_port_ = named;
      failovers_.push_back(
          {last_look_ - kUnreplicated, now_nanos(), [](std::uint32_t) { return true; }});
    }
    last_look_ = now_nanos();
  }

  /// Shorter than down-after, so that nobody is replaced because of it.
  void stop_somebody() {
    const std::size_t sentinel = draw(set_.sentinels());
    const std::size_t server = draw(set_.servers());
    switch (draw(3)) {
      case 0:
        return stop_a_pillion();
      case 1:
        set_.sentinel(sentinel).kill9();
        pause_for(20, 1'500);
        return set_.sentinel(sentinel).restart();
      default:
        set_.server(server).pause();
        pause_for(20, 600);
        return set_.server(server).resume();
    }
  }

  void fail_over() {
    if (!set_.wait_until_whole()) throw TimedOut("the set is not whole before a failover");
    const std::size_t old_primary = set_.primary();
    Failover failover{now_nanos() - kUnreplicated, kNever, [](std::uint32_t) { return true; }};
    const std::uint64_t how = draw(3);
    if (how == 0) {
      set_.server(old_primary).kill9();
    } else if (how == 1) {
      set_.server(old_primary).pause();
    } else {
      const auto told =
          set_.sentinel(draw(set_.sentinels())).ask({"SENTINEL", "FAILOVER", SentinelSet::kMaster});
      if (!told || !told->is_ok()) return;
    }
    const auto promotion = set_.wait_for_promotion(old_primary);
    primary_port_ = set_.server(promotion.server).port();
    pause_for(100, 2'000);
    // The old primary answers as one until it is told: it acknowledges what will be forgotten.
    if (how == 0) set_.bring_back(old_primary);
    if (how == 1) set_.server(old_primary).resume();
    if (!set_.wait_until_whole()) throw TimedOut("the set is not whole after a failover");
    failover.until = now_nanos();
    failovers_.push_back(std::move(failover));
    // Time in which nothing is excused.
    pause_for(1'500, 3'000);
  }

  SentinelSet set_;
  std::atomic<std::uint16_t> primary_port_{0};
  Nanos last_look_ = now_nanos();
};

}  // namespace

std::unique_ptr<Disturber> disturb_sentinel(Conditions conditions) {
  return std::make_unique<SentinelDisturber>(conditions);
}

}  // namespace pillion::test
