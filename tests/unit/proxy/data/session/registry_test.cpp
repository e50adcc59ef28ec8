// Two workers' registries and what goes between them; tasks for another worker run when told to.
#include "proxy/data/session/registry.hpp"

#include <deque>

#include "tests/unit/proxy/data/route/layout.hpp"
#include "tests/unit/proxy/data/session/crowd_fixture.hpp"

namespace pillion::data::session {
namespace {

class RegistryTest : public SessionFixture, public Peers {
 protected:
  RegistryTest() {
    for (std::uint32_t worker = 0; worker < 2; ++worker)
      registries_.push_back(std::make_unique<Registry>(worker, *this, turn_end_));
  }
  ~RegistryTest() override { places_.clear(); }

  std::uint32_t count() const override { return 2; }
  void post(std::uint32_t worker, std::function<void(Registry&)> task) override {
    tasks_.emplace_back(worker, std::move(task));
  }
  void run_tasks() {
    while (!tasks_.empty()) {
      const auto [worker, task] = std::move(tasks_.front());
      tasks_.pop_front();
      task(*registries_[worker]);
    }
  }

  /// A client of that worker, whose id is the number of clients so far.
  Session& join(std::uint32_t worker) {
    const Requester name = registries_[worker]->reserve();
    ClientState state;
    state.id = places_.size() + 1;
    auto session = std::make_unique<Session>(context_, name, state);
    registries_[worker]->add(name, std::make_shared<CrowdMember>(*session));
    places_.push_back({worker, std::move(session)});
    return *places_.back().session;
  }
  void part(Session& session) {
    for (Place& place : places_) {
      if (place.session.get() != &session) continue;
      registries_[place.worker]->remove(session.name());
      place.session = nullptr;
    }
  }
  Registry& registry(std::uint32_t worker) { return *registries_[worker]; }
  /// Ids of all clients, in the order in which they came together.
  Neighbours::Ask ids() {
    return [](Population& population, Gathered& found) {
      for (const auto& client : population.clients())
        found.items.push_back({client->session().state().id, std::to_string(population.worker())});
    };
  }
  static std::string heard_by(Session& session) { return net::drained(session.output()); }

  struct Place {
    std::uint32_t worker;
    std::unique_ptr<Session> session;
  };
  std::vector<std::unique_ptr<Registry>> registries_;
  std::deque<std::pair<std::uint32_t, std::function<void(Registry&)>>> tasks_;
  std::vector<Place> places_;
};

TEST_F(RegistryTest, AQuestionIsAnsweredWhenEveryWorkerHas) {
  const Session& asker = join(0);
  join(0);
  join(1);
  std::vector<std::uint64_t> found;
  std::uint64_t slot = 0;
  registry(0).gather({asker.name().session, asker.name().generation, 9}, ids(),
                     [&](Session& session, std::uint64_t at, Gathered&& gathered) {
                       EXPECT_EQ(&session, &asker);
                       slot = at;
                       for (const Gathered::Item& item : gathered.items)
                         found.push_back(item.number);
                     });
  EXPECT_TRUE(found.empty()) << "the other worker has not said anything";
  run_tasks();
  EXPECT_EQ(found, (std::vector<std::uint64_t>{1, 2, 3}));
  EXPECT_EQ(slot, 9u);
}

TEST_F(RegistryTest, AQuestionOfWhoLeftIsAnsweredToNobody) {
  Session& asker = join(0);
  bool told = false;
  registry(0).gather(asker.name(), ids(),
                     [&](Session&, std::uint64_t, Gathered&&) { told = true; });
  part(asker);
  Session& next = join(0);
  run_tasks();
  EXPECT_FALSE(told);
  EXPECT_EQ(heard_by(next), "") << "who has the place now did not ask";
}

TEST_F(RegistryTest, QuestionsOfDifferentWorkersDoNotMeet) {
  const Session& first = join(0);
  const Session& second = join(1);
  std::string order;
  registry(0).gather(first.name(), ids(), [&](Session& session, std::uint64_t, Gathered&& found) {
    EXPECT_EQ(&session, &first);
    EXPECT_EQ(found.items.size(), 2u);
    order += '0';
  });
  registry(1).gather(second.name(), ids(), [&](Session& session, std::uint64_t, Gathered&& found) {
    EXPECT_EQ(&session, &second);
    EXPECT_EQ(found.items.size(), 2u);
    order += '1';
  });
  run_tasks();
  EXPECT_EQ(order, "01");
}

TEST_F(RegistryTest, APushIsHandedToItsClientWhereverItLives) {
  Session& here = join(0);
  Session& there = join(1);
  for (Session* session : {&here, &there}) {
    (void)session->process(requests("HELLO 3"), now_);
    (void)heard_by(*session);
  }
  const std::string push = ">2\r\n$10\r\ninvalidate\r\n_\r\n";
  registry(0).deliver_push({0, here.name()}, push);
  EXPECT_EQ(heard_by(here), push);
  registry(0).deliver_push({1, there.name()}, push);
  EXPECT_EQ(heard_by(there), "");
  run_tasks();
  EXPECT_EQ(heard_by(there), push);
  registry(0).deliver_push({1, there.name()}, push);
  part(there);
  Session& next = join(1);
  (void)next.process(requests("HELLO 3"), now_);
  (void)heard_by(next);
  run_tasks();
  EXPECT_EQ(heard_by(next), "") << "a place has another name after its client left";
}

TEST_F(RegistryTest, WhoTracksIsToldThatSlotsHaveOtherOwners) {
  state::TopologySnapshot snapshot = route::cluster_of({{0}, {1}});
  snapshot.redis_version = "7.0.15";
  publish(snapshot);
  Session& tracking = join(0);
  Session& other = join(0);
  for (Session* session : {&tracking, &other}) {
    (void)session->process(requests("HELLO 3"), now_);
    (void)heard_by(*session);
  }
  (void)tracking.process(requests("CLIENT TRACKING ON"), now_);
  // The fixture's lanes speak to one session; the first slot of this one waits for both nodes.
  for (int node = 0; node < 2; ++node) tracking.on_replies(1, {"+OK\r\n"}, now_);
  EXPECT_EQ(heard_by(tracking), "+OK\r\n");
  publish(route::cluster_of({{1}, {0}}));
  registry(0).on_owners_changed();
  EXPECT_EQ(heard_by(tracking), kForgetAll);
  EXPECT_EQ(heard_by(other), "");
}

TEST_F(RegistryTest, RepliesAreWithheldUntilTheOtherServersAreIn) {
  using enum Client::Output;
  publish(route::cluster_of({{0}, {1}}));
  const std::uint32_t worker = 0;
  const Requester name = registry(worker).reserve();
  const auto session = std::make_unique<Session>(context_, name, ClientState{});
  const auto client = std::make_shared<CrowdMember>(*session);
  registry(worker).add(name, client);
  const auto reply = [&](std::uint64_t slot, std::string_view bytes) {
    registry(worker).on_replies({name.session, name.generation, slot}, {bytes}, state::now());
    registry(worker).on_batch_end();
  };
  const auto ask = [&] { (void)session->process(requests("GET b|GET a"), state::now()); };
  const auto served = [&] { return std::exchange(client->served_, {}); };

  ask();
  reply(1, bulk("b"));
  EXPECT_EQ(served(), std::vector{kWithheld});
  reply(2, bulk("a"));
  EXPECT_EQ(served(), std::vector{kWritten}) << "together";
  EXPECT_EQ(heard_by(*session), bulk("b") + bulk("a"));

  ask();
  reply(3, bulk("b"));
  EXPECT_EQ(served(), std::vector{kWithheld});
  io_.restart();
  while (client->served_.empty() && io_.run_one() > 0) continue;
  EXPECT_EQ(served(), std::vector{kWritten}) << "its moment is over";
  EXPECT_EQ(heard_by(*session), bulk("b"));
  client->has_input_ = false;
  reply(4, bulk("a"));
  EXPECT_EQ(served(), std::vector{kWritten});

  ask();
  reply(5, bulk("b"));
  EXPECT_TRUE(served().empty()) << "it has nothing to go on with";
  registry(worker).remove(name);
  io_.restart();
  io_.run();
  EXPECT_TRUE(served().empty()) << "it has left";
}

TEST_F(RegistryTest, AMonitorLineReachesEveryMonitor) {
  Session& near = join(0);
  Session& far = join(1);
  Session& other = join(1);
  for (Session* session : {&near, &far, &other}) {
    (void)session->process(requests("HELLO 3"), now_);
    (void)heard_by(*session);
  }
  // The fixture's lanes answer through it, and not through these registries.
  const auto watch = [&](Session& session, std::uint32_t worker) {
    (void)session.process(requests("MONITOR"), now_);
    session.on_replies(1, {"+OK\r\n"}, now_);
    registry(worker).add_monitor(session.name());
    (void)heard_by(session);
    ASSERT_TRUE(session.activity().monitor);
  };
  watch(near, 0);
  watch(far, 1);
  registry(0).publish_monitor_line("+1.0 [0 u:0] \"ping\"\r\n");
  EXPECT_EQ(heard_by(near), "+1.0 [0 u:0] \"ping\"\r\n");
  run_tasks();
  EXPECT_EQ(heard_by(far), "+1.0 [0 u:0] \"ping\"\r\n");
  EXPECT_EQ(heard_by(other), "");
  part(far);
  registry(0).publish_monitor_line("+2.0 [0 u:0] \"ping\"\r\n");
  run_tasks();
  EXPECT_EQ(heard_by(near), "+2.0 [0 u:0] \"ping\"\r\n");
}

TEST_F(RegistryTest, AFenceIsEveryWorkersThatHasFetchedAnything) {
  cache::LinkTable links;
  registry(0).use_links(nullptr, links, invalidator_);
  const cache::LinkId link = links.acquire(1, cache::LinkSource::kPrimary);
  const cache::Generation generation = links.open(link, 0);
  int passed = 0;
  const auto pass = [&] { ++passed; };
  registry(0).after_fence(pass);
  EXPECT_EQ(passed, 1) << "nothing was filled yet, so there is nothing to prove";
  links.note_fetch(link, generation);
  registry(0).after_fence(pass);
  EXPECT_EQ(passed, 1) << "the other worker's link has not been asked";
  run_tasks();
  EXPECT_EQ(passed, 2);
}

TEST_F(RegistryTest, AFenceWithoutACacheIsNone) {
  bool passed = false;
  registry(0).after_fence([&] { passed = true; });
  EXPECT_TRUE(passed);
}

TEST_F(RegistryTest, ClientsAreThoseThatAreThere) {
  Session& first = join(0);
  join(0);
  EXPECT_EQ(registry(0).clients().size(), 2u);
  EXPECT_EQ(registry(0).size(), 2u);
  part(first);
  EXPECT_EQ(registry(0).clients().size(), 1u);
  EXPECT_EQ(registry(1).clients().size(), 0u);
  registry(0).remove(registry(0).clients().front()->session().name());
  EXPECT_EQ(registry(0).size(), 0u);
}

}  // namespace
}  // namespace pillion::data::session
