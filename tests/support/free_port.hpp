// Loopback ports nobody listens on.
#pragma once

#include <cstdint>

namespace pillion::test {

/// A TCP port on 127.0.0.1 that was free a moment ago. It lies below the range the kernel gives to
/// outgoing connections: a server that is restarted on its port must not find it taken by
/// somebody's connection, and a client that dials a dead port must not connect to itself. No other
/// test gets it before this process ends. A stranger may still be quicker, so whoever binds it
/// retries with the next one.
std::uint16_t free_port();

/// One whose cluster bus port, 10,000 above, was free as well and lies in the same range.
std::uint16_t free_port_with_bus();

}  // namespace pillion::test
