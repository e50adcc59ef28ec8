// Proves that an L1 hit allocates nothing: counts every malloc of the process while a session
// answers a million GETs from the cache, through the parser, the command table, the reader, the
// cache and the client's socket. Exits 1 when there was one.
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "protocol/command/table.hpp"
#include "protocol/resp/writer.hpp"
#include "proxy/data/session/session.hpp"

extern "C" void* __libc_malloc(std::size_t size);
extern "C" void* __libc_calloc(std::size_t count, std::size_t size);
extern "C" void* __libc_realloc(void* memory, std::size_t size);

namespace {
std::atomic<std::uint64_t> allocations{0};
}

// Every way to the heap, operator new included, ends in one of these.
extern "C" void* malloc(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(size);
}
extern "C" void* calloc(std::size_t count, std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_calloc(count, size);
}
extern "C" void* realloc(void* memory, std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_realloc(memory, size);
}

namespace pillion::data {
namespace {

constexpr std::size_t kKeys = 1'000;
constexpr std::size_t kPipeline = 16;
constexpr std::size_t kHits = 1'000'000;

/// A hit needs no lane.
class NoLanes : public upstream::LaneProvider {
 public:
  std::shared_ptr<upstream::Lane> pick(const upstream::ChannelKey&, state::Nanos) override {
    throw std::logic_error("a hit went upstream");
  }
  std::shared_ptr<upstream::Lane> lease(const upstream::ChannelKey&, state::Nanos) override {
    throw std::logic_error("a hit went upstream");
  }
  void give_back(const std::shared_ptr<upstream::Lane>&, upstream::LaneCondition,
                 state::Nanos) override {}
};

class NoFences : public session::FenceService {
 public:
  void start_fence(const Requester&, cache::LinkId) override {}
};

class Nobody : public session::Neighbours,
               public pubsub::Couriers,
               public pubsub::SubscriptionSink {
 public:
  void gather(const Requester&, Ask, Done) override {}
  void deliver_push(const session::ClientPlace&, std::string) override {}
  void forget_redirect(const session::ClientPlace&, const session::ClientPlace&) override {}
  void tell_target_left(const session::ClientPlace&, const Requester&) override {}
  void publish_monitor_line(std::string) override {}
  void want_ticks(const Requester&) override {}
  void add_monitor(const Requester&) override {}
  void to_hub(std::function<void(pubsub::Hub&)>) override {}
  void to_worker(std::uint32_t, std::function<void(pubsub::Fanout&)>) override {}
  std::uint32_t worker_count() const override { return 1; }
  void on_subscription_settled(const Requester&, std::string_view) override {}
  void on_messages(const Requester&, const pubsub::Messages&) override {}
  void on_subscription_revoked(const Requester&) override {}
  void on_batch_end() override {}
};

std::string get_command(std::size_t key) {
  std::string text;
  resp::append_request(text, {"GET", "key:" + std::to_string(key)});
  return text;
}

void fill(cache::Cache& cache, cache::Generation generation, state::Nanos now) {
  const command::Spec& get = command::find("GET");
  for (std::size_t i = 0; i < kKeys; ++i) {
    const std::string key = "key:" + std::to_string(i);
    std::string arguments;
    resp::append_bulk(arguments, key);
    std::string reply;
    resp::append_bulk(reply, std::string(64, 'x'));
    const cache::NameHash name = cache::hash_name(key);
    const cache::CacheKey cache_key{name, cache::hash_variant(name, 0, get.id, arguments, true), 0,
                                    get.id, arguments};
    cache::Fill stored;
    stored.store = true;
    stored.kind = cache::EntryKind::kPlain;
    stored.reply = reply;
    stored.deadline = now + 3600 * state::kSecond;
    stored.generation = generation;
    cache.store(cache_key, stored, cache.erase_count(name));
  }
}

int run() {
  cache::LinkTable links;
  const state::Nanos now = state::now();
  const cache::Generation generation = links.open(0, now);
  cache::CacheLimits limits;
  limits.max_staleness = 3600 * state::kSecond;
  cache::Cache cache(limits, links);
  fill(cache, generation, now);

  config::Cache configuration;
  const request::CacheRules rules(configuration);
  state::Counters counters;
  request::Reader reader(cache, rules, counters);
  request::Director director({});
  fill::WriteTokens tokens(true);
  fill::Invalidator invalidator(cache, links, tokens);
  NoLanes lanes;
  NoFences fences;
  state::Published<state::TopologySnapshot> topology;
  Nobody nobody;
  session::AllClients all_clients;
  pubsub::Census census;
  pubsub::Fanout fanout({}, nobody, nobody, census, counters);
  request::ScriptStore scripts;
// Members that are not named keep their defaults.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
  session::SessionContext context{.lanes = lanes,
                                  .director = director,
                                  .reader = reader,
                                  .invalidator = invalidator,
                                  .fences = fences,
                                  .neighbours = nobody,
                                  .all_clients = all_clients,
                                  .fanout = fanout,
                                  .census = census,
                                  .scripts = scripts,
                                  .counters = counters,
                                  .topology = topology,
                                  .identity = {},
                                  .upstream_name = "nowhere"};
#pragma GCC diagnostic pop
  session::Session session(context, Requester{}, session::ClientState{});

  std::array<int, 2> sockets{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets.data()) != 0) return 1;
  std::vector<std::string> batches;
  for (std::size_t first = 0; first + kPipeline <= kKeys; first += kPipeline) {
    std::string& batch = batches.emplace_back();
    for (std::size_t i = 0; i < kPipeline; ++i) batch += get_command(first + i);
  }
  std::array<char, 64 * 1024> drained{};

  const auto serve = [&](const std::string& batch) {
    if (session.process(batch, state::now()) != batch.size())
      throw std::logic_error("a batch was not taken whole");
    net::ErrorCode ec;
    session.output().write_some(sockets[0], ec);
    while (::read(sockets[1], drained.data(), drained.size()) > 0) {
    }
  };
  for (const std::string& batch : batches) serve(batch);  // warm: buffers have their size now

  const std::uint64_t hits_before = counters.cache_hits.get();
  const std::uint64_t allocations_before = allocations.load();
  for (std::size_t done = 0; done < kHits; done += kPipeline)
    serve(batches[done / kPipeline % batches.size()]);
  const std::uint64_t allocated = allocations.load() - allocations_before;
  const std::uint64_t hits = counters.cache_hits.get() - hits_before;
  ::close(sockets[0]);
  ::close(sockets[1]);
  std::printf("%llu L1 hits, %llu heap allocations\n", static_cast<unsigned long long>(hits),
              static_cast<unsigned long long>(allocated));
  return hits >= kHits && allocated == 0 ? 0 : 1;
}

}  // namespace
}  // namespace pillion::data

int main() {
  return pillion::data::run();
}
