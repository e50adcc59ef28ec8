// What Redis and Sentinel answer, for scripted servers to say.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/component/control/scripted_server.hpp"

namespace pillion::test {

inline std::string bulk(const std::string& text) {
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}
inline std::string number(std::int64_t value) {
  return ":" + std::to_string(value) + "\r\n";
}
inline std::string array(const std::vector<std::string>& elements) {
  std::string text = "*" + std::to_string(elements.size()) + "\r\n";
  for (const std::string& element : elements) text += element;
  return text;
}

inline std::string local_name(const ScriptedServer& server) {
  return "127.0.0.1:" + std::to_string(server.port());
}

inline void answer_probes(ScriptedServer& server, const std::string& run_id) {
  server.answer("AUTH", "+OK\r\n");
  server.answer("PING", "+PONG\r\n");
  server.answer("INFO",
                bulk("redis_version:7.0.15\r\nredis_mode:standalone\r\nrun_id:" + run_id + "\r\n"));
}

inline void be_primary(ScriptedServer& server, std::int64_t offset = 100) {
  server.answer("ROLE", array({bulk("master"), number(offset), "*0\r\n"}));
}
inline void be_replica(ScriptedServer& server, const ScriptedServer& primary,
                       std::int64_t offset = 100, const std::string& link = "connected") {
  server.answer("ROLE", array({bulk("slave"), bulk("127.0.0.1"), number(primary.port()), bulk(link),
                               number(offset)}));
}

/// What a sentinel lists of a server.
inline std::string peer(const ScriptedServer& server, const std::string& id) {
  return array({bulk("name"), bulk(local_name(server)), bulk("ip"), bulk("127.0.0.1"), bulk("port"),
                bulk(std::to_string(server.port())), bulk("runid"), bulk(id)});
}

}  // namespace pillion::test
