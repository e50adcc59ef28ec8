// pillion_bare_forwarder LISTEN_PORT SERVER_PORT: copies bytes between loopback connections and
// knows nothing about them. What it adds to a round trip is what any second hop adds, so it is the
// floor beside which a proxy's own share can be seen.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <exception>
#include <iostream>
#include <map>
#include <string>
#include <system_error>

namespace {

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int checked(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

class Forwarder {
 public:
  Forwarder(int listen_port, int server_port)
      : server_(loopback(server_port)),
        poll_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
        listener_(checked(::socket(AF_INET, SOCK_STREAM, 0), "socket")) {
    const sockaddr_in address = loopback(listen_port);
    checked(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
            "bind");
    checked(::listen(listener_, SOMAXCONN), "listen");
    watch(listener_);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 128> ready{};
    for (;;) {
      const int n = ::epoll_wait(poll_, ready.data(), ready.size(), -1);
      for (int i = 0; i < n; ++i) {
        const int fd = ready[static_cast<std::size_t>(i)].data.fd;
        if (fd == listener_) {
          accept();
        } else if (peers_.contains(fd)) {
          copy(fd);
        }
      }
    }
  }

 private:
  void watch(int fd) const {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    checked(::epoll_ctl(poll_, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
  }

  void accept() {
    const int client = checked(::accept(listener_, nullptr, nullptr), "accept");
    const int server = checked(::socket(AF_INET, SOCK_STREAM, 0), "socket");
    checked(::connect(server, reinterpret_cast<const sockaddr*>(&server_), sizeof(server_)),
            "connect");
    peers_[client] = server;
    peers_[server] = client;
    const int on = 1;
    for (const int fd : {client, server}) {
      checked(::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), "setsockopt");
      watch(fd);
    }
  }

  /// Blocks while the other side is full: exchanges in a closed loop are small.
  void copy(int from) {
    const int to = peers_.at(from);
    const ssize_t got = ::recv(from, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got > 0 && ::send(to, buffer_.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL) == got)
      return;
    for (const int fd : {from, to}) {
      peers_.erase(fd);
      ::close(fd);
    }
  }

  const sockaddr_in server_;
  const int poll_;
  const int listener_;
  std::map<int, int> peers_;
  std::array<char, 64 * 1024> buffer_{};
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: pillion_bare_forwarder LISTEN_PORT SERVER_PORT\n";
    return 2;
  }
  try {
    Forwarder(std::stoi(argv[1]), std::stoi(argv[2])).run();
  } catch (const std::exception& error) {
    std::cerr << "pillion_bare_forwarder: " << error.what() << '\n';
    return 2;
  }
}
