// What a client has told us of itself: everything that makes two clients differ.
#pragma once

#include <cstdint>
#include <string>

#include "protocol/command/spec.hpp"
#include "proxy/data/upstream/identity.hpp"
#include "proxy/state/clock.hpp"

namespace pillion::data::session {

enum class ReplyMode : std::uint8_t { kOn, kOff, kSkipNext };

struct ClientState {
  std::uint64_t id = 0;
  int protocol = 2;
  std::uint32_t database = 0;
  upstream::Identity identity;  // Pillion's own until the client authenticates
  bool authenticated = false;   // by its own AUTH
  ReplyMode reply_mode = ReplyMode::kOn;
  bool no_evict = false;
  bool no_touch = false;
  std::string name;
  std::string library_name;
  std::string library_version;
  std::string peer;
  std::string local;
  int descriptor = -1;
  state::Nanos connected_at = 0;
  state::Nanos last_command_at = 0;
  const command::Spec* last_command = nullptr;  // null before the first
};

}  // namespace pillion::data::session
