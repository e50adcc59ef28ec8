// One redis-server: what can befall it, its connections and its memory.
#include <memory>
#include <thread>

#include "tests/coherence/disturber.hpp"
#include "tests/support/chaos_proxy.hpp"

namespace pillion::test {
namespace {

std::vector<std::string> redis_arguments(Profile profile) {
  if (profile == Profile::kTable) return {"--tracking-table-max-keys", "10"};
  if (profile == Profile::kEviction) {
    return {"--maxmemory",         "8mb", "--maxmemory-policy", "allkeys-random",
            "--maxmemory-clients", "0"};
  }
  return {};
}

std::uint16_t port_of(const std::string& address) {
  return static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
}

class StandaloneDisturber : public Disturber {
 public:
  explicit StandaloneDisturber(Conditions conditions)
      : Disturber(conditions), redis_(redis_arguments(conditions.profile)) {
    ways_.straight = [port = redis_.port()] { return straight_to(port); };
    const bool network =
        conditions.profile == Profile::kNetwork || conditions.profile == Profile::kAll;
    start_pillions([&](Via via) {
      if (!network) return redis_.url();
      networks_[via] = std::make_unique<ChaosProxy>(redis_.port(), conditions.seed + via);
      return networks_[via]->url();
    });
  }

  Millis bound() const override { return conditions_.staleness; }

  void settle() override {
    for (auto& network : networks_) {
      if (!network) continue;
      network->stall(false);
      network->split(false);
      network->delay(Millis{0});
    }
  }

 protected:
  std::vector<Profile> repertoire() const override {
    return {Profile::kLinks, Profile::kHung, Profile::kFlush, Profile::kNetwork};
  }

  void do_harm(Profile profile) override {
    switch (profile) {
      case Profile::kLinks:
        return kill_some_links(redis_);
      case Profile::kHung:
        return stop_somebody();
      case Profile::kFlush:
        return flush();
      case Profile::kEviction:
        return push_out_keys();
      default:
        return trouble_the_network();
    }
  }

 private:
  void stop_somebody() {
    switch (draw(4)) {
      case 0:
        redis_.pause();
        pause_for(20, 1'500);
        redis_.resume();
        break;
      case 1:
        stop_a_pillion();
        break;
      case 2:
        redis_("CLIENT", "PAUSE", std::to_string(50 + draw(700)), "WRITE");
        break;
      default:
        redis_("CLIENT", "PAUSE", std::to_string(50 + draw(700)), "ALL");
        pause_for(700, 900);
    }
  }

  void push_out_keys() {
    RespClient client = redis_.client();
    const std::string filling(20'000, 'f');
    for (int i = 0; i < 200; ++i) client("SET", "filling:" + std::to_string(draw(1'000)), filling);
  }

  void trouble_the_network() {
    ChaosProxy& network = *networks_[draw(2)];
    switch (draw(6)) {
      case 0:
        network.delay(Millis(draw(40)));
        break;
      case 1:
        network.split(draw(2) == 0);
        break;
      case 2:
        network.stall(true);
        pause_for(20, 1'500);
        network.stall(false);
        break;
      case 3:
        for (const auto& link : redis_.tracking_clients()) network.freeze(port_of(link.at("addr")));
        break;
      case 4: {
        const auto open = network.connections();
        if (!open.empty()) network.freeze(open[draw(open.size())]);
        break;
      }
      default: {
        const auto open = network.connections();
        if (!open.empty()) network.reset(open[draw(open.size())]);
        if (draw(4) == 0) network.reset_all();
      }
    }
  }

  RedisServer redis_;
  std::array<std::unique_ptr<ChaosProxy>, 2> networks_;
};

}  // namespace

std::unique_ptr<Disturber> disturb_standalone(Conditions conditions) {
  return std::make_unique<StandaloneDisturber>(conditions);
}

}  // namespace pillion::test
