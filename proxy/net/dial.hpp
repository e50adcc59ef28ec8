// Connects one socket to the first address of an endpoint that answers.
#pragma once

#include <functional>
#include <vector>

#include "proxy/net/socket.hpp"

namespace pillion::net {

/// Tries the addresses in order; calls back once, with no error or with that of the last address.
/// The socket is then open, non-blocking and tuned. `socket` outlives the attempt: the callback
/// should own whoever owns it. Closing the socket ends the attempt with operation_aborted.
void dial(Socket& socket, std::vector<SocketEndpoint> addresses,
          std::function<void(ErrorCode)> done);

}  // namespace pillion::net
