// A started control plane over a fake data plane, and the questions tests ask it.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <memory>
#include <string>

#include "proxy/control/control_plane.hpp"
#include "proxy/state/learned_commands.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/socket.hpp"
#include "tests/unit/proxy/control/fake_data_plane.hpp"

namespace pillion::test {

using namespace std::chrono_literals;

class ControlPlaneTest : public testing::Test {
 protected:
  ControlPlaneTest() {
    options.config.admin.address = "127.0.0.1:0";
    options.config.upstream.health_interval = 100ms;
    options.config.upstream.connect_timeout = 300ms;
    options.config.upstream.command_timeout = 300ms;
    options.version = "1.2.3";
    options.revision = "test";
  }

  void upstream_at(const std::string& host, std::uint16_t port) {
    options.upstream.host = host;
    options.upstream.port = port;
    options.upstream.display = host + ":" + std::to_string(port);
  }

  void start() {
    plane =
        std::make_unique<control::ControlPlane>(options, data_plane, topology, traffic, refresh);
    plane->start();
  }

  /// The server of that name as the latest snapshot has it; a default one while there is none.
  state::Node node(const std::string& name) const {
    for (const state::Node& each : snapshot()->nodes) {
      if (each.endpoint.name == name) return each;
    }
    return {};
  }
  testing::AssertionResult serves(const std::string& replica) const {
    if (eventually([&] { return node(replica).in_rotation; })) return testing::AssertionSuccess();
    return testing::AssertionFailure() << replica << " is out: '" << node(replica).error << "'";
  }

  std::shared_ptr<const state::TopologySnapshot> snapshot() const { return topology.load(); }

  /// Waits until the snapshot is as wanted; the last one seen is in the failure's text.
  testing::AssertionResult becomes(
      const std::function<bool(const state::TopologySnapshot&)>& wanted) const {
    if (eventually([&] { return wanted(*snapshot()); })) return testing::AssertionSuccess();
    const auto last = snapshot();
    return testing::AssertionFailure()
           << "up=" << last->up << " error='" << last->error << "' resolve_error='"
           << last->resolve_error << "' role='" << last->role << "'";
  }
  testing::AssertionResult becomes_up() const {
    return becomes([](const auto& s) { return s.up; });
  }
  testing::AssertionResult becomes_down() const {
    return becomes([](const auto& s) { return !s.up; });
  }

  Socket dial() const { return Socket::connect_tcp(plane->admin_port()); }

  /// Everything the admin port sends until it closes, or until nothing came for a while.
  static std::string receive_all(const Socket& socket, Millis patience = 2000ms) {
    std::string all;
    std::array<char, 4096> chunk{};
    while (socket.readable_within(patience)) {
      const std::size_t n = socket.receive(chunk.data(), chunk.size(), patience);
      if (n == 0) break;
      all.append(chunk.data(), n);
    }
    return all;
  }

  /// The other side ends the connection without a word.
  static bool is_closed(const Socket& socket) {
    char byte = 0;
    return socket.readable_within(2000ms) && socket.receive(&byte, 1, 2000ms) == 0;
  }

  /// One exchange on a connection of its own.
  std::string exchange(const std::string& bytes) const {
    const Socket socket = dial();
    socket.send_all(bytes);
    return receive_all(socket);
  }

  std::string get(const std::string& path) const {
    return exchange("GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  }

  std::string admin_address() const { return "127.0.0.1:" + std::to_string(plane->admin_port()); }

  FakeDataPlane data_plane;
  state::Published<state::TopologySnapshot> topology;
  state::EndpointTraffic traffic;
  state::RefreshRequests refresh;
  control::ControlPlaneOptions options;
  state::Published<state::LearnedCommands> learned;  // where a test has commands learnt
  std::unique_ptr<control::ControlPlane> plane;      // last: it refers to the others
};

}  // namespace pillion::test
