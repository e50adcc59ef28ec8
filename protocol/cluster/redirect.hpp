// The errors by which a server refuses a command without having executed it, because of where it
// was sent or when: another node has the slot, or the server is not ready. Redis checks all of them
// before a command runs, so any command, a write too, may be sent again.
//
//   -MOVED <slot> <host>:<port>   the slot has another owner
//   -ASK <slot> <host>:<port>     this command alone goes there, behind ASKING
//   -TRYAGAIN ...                 keys of a slot that is being moved are on both nodes
//   -CLUSTERDOWN ...              the slot has no owner, or the node sees no majority
//   -LOADING ...                  the data set is being read from disk or from a primary
//   -MASTERDOWN ...               a replica that serves nothing without its primary
//   -READONLY ...                 a write came to a replica
//
// A script may raise READONLY from inside; as the server it runs on is a replica, it has written
// nothing. A script that makes up such an error with redis.error_reply() cannot be told apart.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace pillion::cluster {

enum class RedirectKind : std::uint8_t {
  kMoved,
  kAsk,
  kTryAgain,
  kClusterDown,
  kLoading,
  kMasterDown,
  kReadonly
};

struct Redirect {
  RedirectKind kind;
  // The rest of kMoved and kAsk only.
  std::uint16_t slot = 0;
  std::string_view host = {};  // a view into the frame. "" means the host that answered (an
                               // endpoint that does not know its own); "?" one that has no name
                               // yet; an IPv6 address stands without brackets
  std::uint16_t port = 0;
};

/// False for nearly every reply, by its first bytes: a complete frame, or at least its beginning.
/// True promises nothing.
inline bool may_redirect(std::string_view frame) {
  if (frame.size() < 3 || frame[0] != '-') return false;
  switch (frame[1]) {
    case 'M':
      return frame[2] == 'O' || frame[2] == 'A';
    case 'A':
      return frame[2] == 'S';
    case 'T':
    case 'R':
      return frame[2] == (frame[1] == 'T' ? 'R' : 'E');
    case 'C':
      return frame[2] == 'L';
    case 'L':
      return frame[2] == 'O';
    default:
      return false;
  }
}

/// What a complete error frame ("-...\r\n") asks for; nullopt for every other reply, and for a
/// MOVED or ASK whose slot or address cannot be understood.
std::optional<Redirect> parse_redirect(std::string_view frame);

}  // namespace pillion::cluster
