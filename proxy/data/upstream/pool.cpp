#include "proxy/data/upstream/pool.hpp"

#include <algorithm>
#include <utility>

namespace pillion::data::upstream {
namespace {

constexpr state::Nanos kIdleLife = 30 * state::kSecond;     // of a dedicated connection nobody uses
constexpr state::Nanos kChannelLife = 60 * state::kSecond;  // of a channel without clients
constexpr std::size_t kMaxIdle = 64;                        // dedicated ones kept per channel
constexpr state::Nanos kWarmLife = 10 * state::kSecond;     // for so long after the latest use
constexpr state::Nanos kGrace = 250 * state::kMillisecond;  // for answers of who left
constexpr std::uint32_t kExtraShared = 4;  // opened while others carry a large reply

/// A connection that just ended has nothing outstanding, and is the worst choice for all that.
bool better(const Connection& a, const Connection& b) {
  if (a.accepts_commands() != b.accepts_commands()) return a.accepts_commands();
  return a.outstanding() < b.outstanding();
}

}  // namespace

Channel::~Channel() {
  for (const auto& connection : shared_) connection->close();
  for (const auto& idle : idle_) idle.connection->close();
}

const std::shared_ptr<Connection>& Channel::pick(state::Nanos now) {
  last_used_ = now;
  const std::shared_ptr<Connection>* best = nullptr;
  std::size_t usable = 0;
  for (const auto& connection : shared_) {
    if (connection->streaming()) continue;
    ++usable;
    if (best == nullptr || better(*connection, **best)) best = &connection;
  }
  const bool below_normal = usable < shared_connections_;
  if (below_normal && shared_.size() < shared_connections_ + kExtraShared) {
    // A connection that never worked is no reason to open another beside it.
    const bool hopeless = best != nullptr && (*best)->status() == ConnectionFsm::Status::kBackoff;
    if (!hopeless) {
      shared_.push_back(std::make_shared<Connection>(context_, key_, false));
      shared_.back()->start(now);
      return shared_.back();
    }
  }
  return best != nullptr ? *best : shared_.front();
}

bool Channel::idle() const {
  return std::all_of(shared_.begin(), shared_.end(),
                     [](const auto& connection) { return connection->idle(); });
}

Channel& Pool::channel(const ChannelKey& key, state::Nanos now) {
  Channel*& latest = latest_[key.endpoint];
  if (latest == nullptr || latest->key() != key) {
    auto& place = channels_[key];
    if (!place) place = std::make_unique<Channel>(context_, key, options_.shared_connections);
    latest = place.get();
  }
  latest->last_used_ = now;
  return *latest;
}

std::shared_ptr<Lane> Pool::lease(const ChannelKey& key, state::Nanos now) {
  Channel& channel = this->channel(key, now);
  channel.leased_at_ = now;
  // The latest one given back whose check was answered.
  std::shared_ptr<Connection> connection;
  for (auto it = channel.idle_.rbegin(); it != channel.idle_.rend(); ++it) {
    if (it->connection->status() != ConnectionFsm::Status::kLive || !it->connection->idle())
      continue;
    connection = std::move(it->connection);
    channel.idle_.erase(std::next(it).base());
    break;
  }
  if (!connection) connection = open_dedicated(channel, now);
  if (connection) warm(channel, now);
  return connection;
}

std::shared_ptr<Connection> Pool::open_dedicated(const Channel& channel, state::Nanos now) {
  if (context_.counters.upstream_dedicated.get() >= options_.max_dedicated) return nullptr;
  auto connection = std::make_shared<Connection>(context_, channel.key(), true);
  dedicated_.push_back(connection);
  connection->start(now);
  return connection;
}

/// A blocking command that waits for its connection is overtaken by what others send meanwhile, and
/// a connection costs more than most commands. Never for the last ones under the limit.
void Pool::warm(Channel& channel, state::Nanos now) {
  // One where nobody has wanted any yet.
  const bool leased = now - channel.leased_at_ < kWarmLife && channel.leased_at_ != 0;
  const std::size_t wanted = leased ? options_.warm : std::min<std::size_t>(options_.warm, 1);
  // An upstream that is down gets no more attempts because of this.
  const bool reachable =
      !channel.shared_.empty() && channel.shared_.front()->status() == ConnectionFsm::Status::kLive;
  while (channel.idle_.size() < wanted && reachable &&
         context_.counters.upstream_dedicated.get() + options_.warm < options_.max_dedicated) {
    auto connection = open_dedicated(channel, now);
    if (!connection || !connection->accepts_commands()) return;
    channel.idle_.push_back({std::move(connection), now});
  }
}

void Pool::give_back(const std::shared_ptr<Lane>& lane, LaneCondition condition, state::Nanos now) {
  // Every lane of ours is a connection.
  const auto connection = std::static_pointer_cast<Connection>(lane);
  const bool reusable = condition != LaneCondition::kSpent &&
                        connection->status() == ConnectionFsm::Status::kLive && connection->idle();
  if (reusable) {
    const auto found = channels_.find(connection->key());
    if (found != channels_.end() && found->second->idle_.size() < kMaxIdle) {
      if (condition == LaneCondition::kSuspect) connection->check(now);
      found->second->idle_.push_back({connection, now});
      return;
    }
  }
  connection->close();
}

void Pool::on_tick(state::Nanos now) {
  for (auto it = channels_.begin(); it != channels_.end();) {
    Channel& channel = *it->second;
    // Ticks may fail connections, whose sessions may pick or lease: iterate over a copy.
    const auto shared = channel.shared_;
    for (const auto& connection : shared) connection->on_tick(now);
    // Oldest first: they were given back in order.
    auto& idle = channel.idle_;
    const auto fresh = std::find_if(idle.begin(), idle.end(), [now](const Channel::Idle& item) {
      return now - item.since < kIdleLife && item.connection->accepts_commands();
    });
    for (auto old = idle.begin(); old != fresh; ++old) old->connection->close();
    idle.erase(idle.begin(), fresh);
    if (now - channel.last_used_ < kWarmLife) warm(channel, now);

    auto& all = channel.shared_;
    while (all.size() > channel.shared_connections_) {
      const auto extra =
          std::find_if(all.begin(), all.end(), [](const auto& c) { return c->idle(); });
      if (extra == all.end()) break;
      const auto connection = *extra;
      all.erase(extra);
      connection->close();
    }
    if (channel.idle() && now - channel.last_used_ > kChannelLife) {
      if (latest_[channel.key().endpoint] == &channel) latest_[channel.key().endpoint] = nullptr;
      it = channels_.erase(it);
    } else {
      ++it;
    }
  }
  std::vector<std::shared_ptr<Connection>> alive;
  for (const auto& weak : dedicated_) {
    if (auto connection = weak.lock()) alive.push_back(std::move(connection));
  }
  dedicated_.assign(alive.begin(), alive.end());
  for (const auto& connection : alive) connection->on_tick(now);
}

void Pool::on_topology(const state::TopologySnapshot& snapshot, state::Nanos now) {
  std::array<state::NodeRole, state::kMaxEndpoints> roles{};
  roles[snapshot.primary.id] = state::NodeRole::kPrimary;
  for (const state::Node& node : snapshot.nodes) roles[node.endpoint.id] = node.role;
  const auto ended = [&](const Connection& connection) {
    const state::EndpointId id = connection.key().endpoint;
    const bool was_primary = roles_[id] == state::NodeRole::kPrimary;
    return was_primary ? roles[id] != state::NodeRole::kPrimary
                       : roles_[id] != roles[id] && roles[id] == state::NodeRole::kUnknown;
  };
  for (const auto& [key, channel] : channels_) {
    for (const auto& connection : channel->shared_) {
      if (ended(*connection)) connection->retire(now + kGrace);
    }
  }
  for (const auto& weak : dedicated_) {
    const auto connection = weak.lock();
    if (connection && ended(*connection)) connection->retire(now + kGrace);
  }
  roles_ = roles;
}

void Pool::close_all() {
  latest_.fill(nullptr);
  channels_.clear();
}

}  // namespace pillion::data::upstream
