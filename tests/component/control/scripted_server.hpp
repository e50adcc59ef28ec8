// A server that gives the answers a test tells it to, by the first word of a request: for what no
// real one says on demand, such as the commands of a module.
#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <exception>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/socket.hpp"

namespace pillion::test {

/// A thread per connection; every request is answered at once.
class ScriptedServer {
 public:
  ScriptedServer() : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* generic = static_cast<sockaddr*>(static_cast<void*>(&address));
    socklen_t length = sizeof address;
    ::bind(listener_, generic, length);
    ::listen(listener_, 16);
    ::getsockname(listener_, generic, &length);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { accept_all(); });
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;
  ~ScriptedServer() {
    ending_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    for (std::thread& each : connections_) each.join();
    ::close(listener_);
  }

  std::uint16_t port() const { return port_; }

  /// From now on.
  void answer(const std::string& word, const std::string& bytes) {
    const std::lock_guard lock(mutex_);
    answers_[word] = bytes;
  }
  int asked(const std::string& word) const {
    const std::lock_guard lock(mutex_);
    const auto found = asked_.find(word);
    return found == asked_.end() ? 0 : found->second;
  }
  /// Ends every connection there is.
  void drop_connections() { ++epoch_; }

 private:
  void accept_all() {
    for (;;) {
      const int descriptor = ::accept(listener_, nullptr, nullptr);
      if (descriptor < 0) return;
      connections_.emplace_back([this, descriptor, epoch = epoch_.load()] {
        const Socket socket(descriptor);
        try {
          serve(socket, epoch);
        } catch (const std::exception& peer_left) {
          return;
        }
      });
    }
  }

  void serve(const Socket& socket, int epoch) {
    std::array<char, 4096> chunk{};
    while (!ending_ && epoch_ == epoch) {
      if (!socket.readable_within(std::chrono::milliseconds(20))) continue;
      const std::size_t n = socket.receive(chunk.data(), chunk.size(), std::chrono::seconds(1));
      if (n == 0) return;
      // The control plane sends one small request at a time: it arrives whole.
      const std::string request(chunk.data(), n);
      const std::size_t begin = request.find('\n', request.find('$')) + 1;
      const std::string word = request.substr(begin, request.find('\r', begin) - begin);
      std::string reply;
      {
        const std::lock_guard lock(mutex_);
        ++asked_[word];
        const auto found = answers_.find(word);
        reply = found == answers_.end() ? "-ERR unknown command\r\n" : found->second;
      }
      socket.send_all(reply);
    }
  }

  const int listener_;
  std::uint16_t port_ = 0;
  std::atomic<bool> ending_{false};
  std::atomic<int> epoch_{0};
  mutable std::mutex mutex_;
  std::map<std::string, std::string> answers_;
  std::map<std::string, int> asked_;
  std::vector<std::thread> connections_;
  std::thread thread_;
};

}  // namespace pillion::test
