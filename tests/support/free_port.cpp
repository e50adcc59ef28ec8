#include "tests/support/free_port.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <random>
#include <stdexcept>
#include <string>

namespace pillion::test {
namespace {

bool can_bind(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool free = bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return free;
}

/// False when another test has it, also one whose server is down just now and will come back: a
/// stranger on its port would be taken for it, by Sentinels for example, and be given other data.
/// The claim is a name in the abstract namespace of UNIX sockets, and ends with this process.
bool claim(std::uint16_t port) {
  const std::string name = "pillion-test-port-" + std::to_string(port);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), length) == 0) return true;
  close(fd);
  return false;
}

template <class Suits>
std::uint16_t any_port(int first, int last, Suits&& suits) {
  static thread_local std::mt19937 random{std::random_device{}()};
  std::uniform_int_distribution<int> any(first, last);
  for (int attempt = 0; attempt < 1'000; ++attempt) {
    const auto port = static_cast<std::uint16_t>(any(random));
    if (suits(port)) return port;
  }
  throw std::runtime_error("no free port on 127.0.0.1");
}

constexpr int kFirst = 12'000;
constexpr int kLast = 31'999;
constexpr int kBusDistance = 10'000;

}  // namespace

std::uint16_t free_port() {
  return any_port(kFirst, kLast, [](std::uint16_t port) { return can_bind(port) && claim(port); });
}

std::uint16_t free_port_with_bus() {
  return any_port(kFirst, kLast - kBusDistance, [](std::uint16_t port) {
    const auto bus = static_cast<std::uint16_t>(port + kBusDistance);
    return can_bind(port) && can_bind(bus) && claim(port) && claim(bus);
  });
}

}  // namespace pillion::test
