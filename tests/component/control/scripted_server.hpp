// A server that gives the answers a test tells it to, by the first two words of a request or the
// first: for what no real one says on demand, such as the commands of a module or a failover.
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

  /// From now on. `word`: "PING", or "SENTINEL REPLICAS" where that differs from other subcommands.
  void answer(const std::string& word, const std::string& bytes) {
    const std::lock_guard lock(mutex_);
    answers_[word] = bytes;
  }
  int asked(const std::string& word) const {
    const std::lock_guard lock(mutex_);
    const auto found = asked_.find(word);
    return found == asked_.end() ? 0 : found->second;
  }
  /// The second word of the latest request that begins so.
  std::string argument_of(const std::string& word) const {
    const std::lock_guard lock(mutex_);
    const auto found = arguments_.find(word);
    return found == arguments_.end() ? "" : found->second;
  }
  /// To every connection that has sent SUBSCRIBE.
  void push(const std::string& bytes) {
    const std::lock_guard lock(mutex_);
    pushed_.push_back(bytes);
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
    bool subscribed = false;
    std::size_t pushed = 0;
    while (!ending_ && epoch_ == epoch) {
      if (subscribed) pushed = push_from(socket, pushed);
      if (!socket.readable_within(std::chrono::milliseconds(20))) continue;
      const std::size_t n = socket.receive(chunk.data(), chunk.size(), std::chrono::seconds(1));
      if (n == 0) return;
      // The control plane sends one small request at a time: it arrives whole.
      const std::string request(chunk.data(), n);
      std::size_t end = 0;
      const std::string word = next_word(request, end);
      const std::string second = next_word(request, end);
      std::string reply;
      {
        const std::lock_guard lock(mutex_);
        ++asked_[word];
        ++asked_[word + " " + second];
        arguments_[word] = second;
        auto found = answers_.find(word + " " + second);
        if (found == answers_.end()) found = answers_.find(word);
        reply = found == answers_.end() ? "-ERR unknown command\r\n" : found->second;
        if (word == "SUBSCRIBE" && !subscribed) {
          subscribed = true;
          pushed = pushed_.size();
        }
      }
      socket.send_all(reply);
    }
  }

  /// The bulk string after `end`, which is moved behind it; "" when there is none.
  static std::string next_word(const std::string& request, std::size_t& end) {
    const std::size_t header = request.find('$', end);
    if (header == std::string::npos) return {};
    const std::size_t begin = request.find('\n', header) + 1;
    end = request.find('\r', begin);
    return request.substr(begin, end - begin);
  }

  std::size_t push_from(const Socket& socket, std::size_t pushed) {
    std::string bytes;
    {
      const std::lock_guard lock(mutex_);
      while (pushed < pushed_.size()) bytes += pushed_[pushed++];
    }
    if (!bytes.empty()) socket.send_all(bytes);
    return pushed;
  }

  const int listener_;
  std::uint16_t port_ = 0;
  std::atomic<bool> ending_{false};
  std::atomic<int> epoch_{0};
  mutable std::mutex mutex_;
  std::map<std::string, std::string> answers_;
  std::map<std::string, int> asked_;
  std::map<std::string, std::string> arguments_;
  std::vector<std::string> pushed_;
  std::vector<std::thread> connections_;
  std::thread thread_;
};

}  // namespace pillion::test
