// A primary and two replicas: replication that is late, stalls or starts over, replicas that die
// and return.
#include <thread>

#include "tests/coherence/disturber.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/replicated_servers.hpp"

namespace pillion::test {
namespace {

class ReplicasDisturber : public Disturber {
 public:
  explicit ReplicasDisturber(Conditions conditions)
      : Disturber(conditions), set_({2, true, {"--repl-backlog-size", "1mb"}}) {
    ways_.straight = [port = set_.primary().port()] { return straight_to(port); };
    start_pillions([&](Via via) { return via == 0 ? set_.url() : set_.auto_url(); });
  }

  void settle() override {
    for (std::size_t i = 0; i < set_.replicas(); ++i) {
      set_.link(i).delay(Millis{0});
      set_.link(i).stall(false);
      set_.link(i).refuse(false);
    }
    if (!set_.wait_until_in_step(30s)) throw TimedOut("the replicas do not get in step again");
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
    return {Profile::kLinks, Profile::kHung, Profile::kFlush, Profile::kNetwork};
  }

  void do_harm(Profile profile) override {
    const std::size_t replica = draw(set_.replicas());
    switch (profile) {
      case Profile::kLinks:
        if (draw(3) == 0) return cut_replication(replica);
        return kill_some_links(draw(2) == 0 ? set_.primary() : set_.replica(replica));
      case Profile::kHung:
        return stop_somebody(replica);
      case Profile::kFlush:
        return flush();
      default:
        return trouble_replication(replica);
    }
  }

 private:
  void cut_replication(std::size_t replica) { set_.link(replica).reset_all(); }

  void stop_somebody(std::size_t replica) {
    switch (draw(4)) {
      case 0:
        return stop_a_pillion();
      case 1:
        set_.primary().pause();
        pause_for(20, 1'200);
        return set_.primary().resume();
      case 2:
        set_.replica(replica).kill9();
        pause_for(20, 1'200);
        // It serves what it last wrote down until it has caught up.
        return set_.replica(replica).restart();
      default:
        set_.replica(replica).pause();
        pause_for(20, 2'500);
        return set_.replica(replica).resume();
    }
  }

  void trouble_replication(std::size_t replica) {
    ChaosProxy& link = set_.link(replica);
    switch (draw(5)) {
      case 0:
        return link.delay(Millis(draw(80)));
      case 1:
        return link.split(draw(2) == 0);
      case 2:
        link.stall(true);
        pause_for(20, 2'500);
        return link.stall(false);
      case 3:
        return set_.force_full_resync(replica);
      default:
        link.refuse(true);
        link.reset_all();
        pause_for(20, 1'500);
        return link.refuse(false);
    }
  }

  ReplicatedServers set_;
};

}  // namespace

std::unique_ptr<Disturber> disturb_replicas(Conditions conditions) {
  return std::make_unique<ReplicasDisturber>(conditions);
}

}  // namespace pillion::test
