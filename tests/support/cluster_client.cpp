#include "tests/support/cluster_client.hpp"

#include <algorithm>
#include <thread>

namespace pillion::test {
namespace {

constexpr Millis kPauseBeforeAnotherTry{10};

/// Answers of a node that has not executed the command and will, or another will, before long.
bool passes_by(const Value& reply) {
  if (!reply.is_error()) return false;
  for (const std::string_view word :
       {"TRYAGAIN", "CLUSTERDOWN", "LOADING", "READONLY", "MASTERDOWN"}) {
    if (reply.starts_with(word)) return true;
  }
  return false;
}

std::uint16_t port_behind(const std::string& redirection) {
  const std::size_t colon = redirection.rfind(':');
  return static_cast<std::uint16_t>(std::stoi(redirection.substr(colon + 1)));
}

}  // namespace

ClusterClient ClusterClient::of(ClusterServers& cluster) {
  std::vector<std::uint16_t> ports;
  for (std::size_t i = 0; i < cluster.nodes(); ++i) {
    if (cluster.node(i).running()) ports.push_back(cluster.node(i).port());
  }
  return ClusterClient(std::move(ports));
}

RespClient& ClusterClient::line_to(std::uint16_t port) {
  auto& line = lines_[port];
  if (!line) line = std::make_unique<RespClient>(RespClient::tcp(port));
  return *line;
}

/// The next seed that can be connected to; throws what the last of them threw.
std::uint16_t ClusterClient::any_port() {
  for (std::size_t tries = 1;; ++tries) {
    const std::uint16_t port = seeds_[next_seed_];
    try {
      line_to(port);
      return port;
    } catch (const Closed&) {
      forget(port);
      if (tries >= seeds_.size()) throw;
    }
  }
}

void ClusterClient::forget(std::uint16_t port) {
  lines_.erase(port);
  next_seed_ = (next_seed_ + 1) % seeds_.size();
  for (auto entry = owners_.begin(); entry != owners_.end();) {
    entry = entry->second == port ? owners_.erase(entry) : std::next(entry);
  }
}

Value ClusterClient::command(const std::vector<std::string_view>& arguments) {
  return command(arguments.at(1), arguments);
}

Value ClusterClient::command(std::string_view key, const std::vector<std::string_view>& arguments,
                             Millis patience) {
  return together(key, {arguments}, patience).front();
}

std::vector<Value> ClusterClient::together(
    std::string_view key, const std::vector<std::vector<std::string_view>>& commands,
    Millis patience) {
  const Moment deadline = Clock::now() + patience;
  const std::uint32_t slot = slot_of_key(key);
  std::uint16_t asked_by = 0;  // the node an ASK sent us to, for one try
  while (true) {
    const auto known = owners_.find(slot);
    const std::uint16_t port = asked_by != 0            ? asked_by
                               : known != owners_.end() ? known->second
                                                        : any_port();
    std::vector<Value> replies;
    try {
      std::string bytes;
      for (const auto& command : commands) {
        if (asked_by != 0) bytes += encode({"ASKING"});
        bytes += encode(command);
      }
      RespClient& line = line_to(port);
      line.send_raw(bytes, patience);
      for (std::size_t i = 0; i < commands.size(); ++i) {
        if (asked_by != 0) line.read(patience);
        replies.push_back(line.read(patience));
      }
    } catch (...) {
      forget(port);
      throw;
    }
    asked_by = 0;
    const auto redirected = std::find_if(replies.begin(), replies.end(), [](const Value& reply) {
      return reply.is_error() && (reply.starts_with("MOVED ") || reply.starts_with("ASK "));
    });
    const bool wait = std::any_of(replies.begin(), replies.end(), passes_by);
    if ((redirected == replies.end() && !wait) || Clock::now() >= deadline) return replies;
    if (redirected == replies.end()) {
      std::this_thread::sleep_for(kPauseBeforeAnotherTry);
      // Whoever says so may have been replaced.
      owners_.erase(slot);
      next_seed_ = (next_seed_ + 1) % seeds_.size();
    } else if (redirected->starts_with("ASK ")) {
      asked_by = port_behind(redirected->text);
    } else {
      owners_[slot] = port_behind(redirected->text);
    }
  }
}

}  // namespace pillion::test
