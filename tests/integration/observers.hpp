// What several tests look at: rows of CLIENT LIST, connections of Pillion as Redis sees them.
#pragma once

#include <sstream>
#include <string>
#include <vector>

#include "tests/integration/fixture.hpp"

namespace pillion::test {

using Texts = std::vector<std::string>;

/// The rows of a CLIENT LIST or CLIENT INFO reply.
inline std::vector<ClientRow> client_rows(const Value& reply) {
  std::istringstream lines(reply.text);
  std::vector<ClientRow> rows;
  for (std::string line; std::getline(lines, line);) {
    if (line == "txt:" || line.empty()) continue;
    std::istringstream fields(line.rfind("txt:", 0) == 0 ? line.substr(4) : line);
    ClientRow row;
    for (std::string field; fields >> field;) {
      const std::size_t equals = field.find('=');
      row[field.substr(0, equals)] = field.substr(equals + 1);
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

/// The row of one client, empty when it is not among them.
inline ClientRow row_of(RespClient& asker, const std::string& id) {
  for (auto& row : client_rows(asker("CLIENT", "LIST"))) {
    if (row["id"] == id) return row;
  }
  return {};
}

inline std::string id_of(RespClient& client) {
  return std::to_string(client("CLIENT", "ID").integer());
}

/// Waits until this many connections are blocked at Redis.
inline bool blocked_at(RedisServer& redis, std::uint64_t count) {
  return eventually([&] { return redis.info_number("clients", "blocked_clients") == count; });
}

/// What `channel` has as subscribers at a server: PUBSUB NUMSUB.
template <class Asker>
std::int64_t subscribers(Asker& asker, const std::string& channel) {
  return asker("PUBSUB", "NUMSUB", channel).items.at(1).integer();
}

/// Two worker threads: clients land on either, so that a crowd of them is on both.
class ThroughTwoWorkers : public ThroughPillion {
 protected:
  explicit ThroughTwoWorkers(Settings settings = {}, std::vector<std::string> redis_arguments = {})
      : ThroughPillion(with_workers(std::move(settings)), std::move(redis_arguments)) {}

 private:
  static Settings with_workers(Settings settings) {
    settings.emplace_back("workers=2");
    return settings;
  }
};

}  // namespace pillion::test
