// The admin port over real sockets.
#include <gmock/gmock.h>

#include <system_error>
#include <vector>

#include "tests/component/control/control_plane_fixture.hpp"
#include "tests/support/free_port.hpp"

namespace pillion::test {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class AdminPort : public ControlPlaneTest {
 protected:
  void SetUp() override {
    upstream_at("127.0.0.1", free_port());  // nobody listens there
    start();
  }
};

TEST_F(AdminPort, ServesItsPages) {
  EXPECT_THAT(get("/livez"), StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(get("/livez"), HasSubstr("\r\n\r\nalive\n"));
  const std::string metrics = get("/metrics");
  EXPECT_THAT(metrics, HasSubstr("Content-Type: text/plain; version=0.0.4"));
  EXPECT_THAT(metrics, HasSubstr("pillion_build_info{version=\"1.2.3\",revision=\"test\"} 1\n"));
  EXPECT_THAT(get("/cache/stats"), HasSubstr("\"hit_ratio\":null"));
  EXPECT_THAT(get("/topology"), HasSubstr("\"up\":false"));
}

TEST_F(AdminPort, HeadSendsTheLengthAndNoBody) {
  const std::string reply =
      exchange("HEAD /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(reply, HasSubstr("Content-Length: 6\r\n"));
  EXPECT_TRUE(reply.ends_with("\r\n\r\n"));
}

TEST_F(AdminPort, KeepsConnectionsAliveAndTakesPipelines) {
  const Socket socket = dial();
  const std::string request = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
  socket.send_all(request + request);
  std::string all = receive_all(socket, 300ms);
  socket.send_all(request);
  all += receive_all(socket, 300ms);
  std::size_t replies = 0;
  for (std::size_t at = 0; (at = all.find("alive\n", at)) != std::string::npos; ++at) ++replies;
  EXPECT_EQ(replies, 3U);
}

TEST_F(AdminPort, RespGetsHttp400AndTheConnectionCloses) {
  for (const char* bytes :
       {"*1\r\n$4\r\nPING\r\n", "PING\r\n\r\n", "*3\r\n$3\r\nSET\r\n$1\r\na\r\n"}) {
    EXPECT_THAT(exchange(bytes), StartsWith("HTTP/1.1 400 ")) << bytes;
  }
}

TEST_F(AdminPort, MutatingMethodsAreRefused) {
  const std::string reply = exchange(
      "POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: "
      "close\r\n\r\n");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(reply, HasSubstr("Allow: GET, HEAD\r\n"));
}

TEST_F(AdminPort, ForeignOrAmbiguousHostsAreRefused) {
  const auto status_with = [this](const std::string& headers) {
    return exchange("GET /metrics HTTP/1.1\r\n" + headers + "Connection: close\r\n\r\n")
        .substr(9, 3);
  };
  EXPECT_EQ(status_with("Host: attacker.example\r\n"), "403");
  EXPECT_EQ(status_with(""), "400");
  EXPECT_EQ(status_with("Host: localhost\r\nHost: attacker.example\r\n"), "400");
  EXPECT_EQ(status_with("Host: 127.0.0.1:9380\r\n"), "200");
}

TEST_F(AdminPort, HeadersAndBodiesAreBounded) {
  const std::string head = "GET /livez HTTP/1.1\r\nHost: localhost\r\n";
  EXPECT_THAT(exchange(head + "X: " + std::string(9000, 'x') + "\r\n\r\n"),
              StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(exchange(head + "Content-Length: 2000\r\n\r\n"), StartsWith("HTTP/1.1 413 "));
}

TEST_F(AdminPort, ForgottenConnectionsDoNotLockTheProbeOut) {
  std::vector<Socket> idle;
  for (int i = 0; i < 100; ++i) idle.push_back(dial());
  EXPECT_THAT(get("/livez"), StartsWith("HTTP/1.1 200 "));
  // The first ones had to make room, the last ones had not.
  EXPECT_TRUE(is_closed(idle.front()));
  idle.back().send_all("GET /livez HTTP/1.0\r\n\r\n");
  EXPECT_THAT(receive_all(idle.back()), HasSubstr("alive"));
}

TEST_F(AdminPort, AHungScraperDoesNotHoldUpOthers) {
  const Socket hung = dial();
  hung.shrink_buffers(1024);
  std::string many;
  for (int i = 0; i < 50; ++i) many += "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
  hung.send_all(many);
  for (int i = 0; i < 5; ++i) EXPECT_THAT(get("/livez"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(AdminPort, ReadinessFollowsUpstreamAndDrain) {
  const std::string reply = get("/readyz?verbose");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(reply, HasSubstr("[+] listening: ok"));
  EXPECT_THAT(reply, HasSubstr("[-] upstream 127.0.0.1:"));
}

TEST_F(AdminPort, Healthcheck) {
  EXPECT_EQ(control::run_healthcheck(admin_address()), 0);
  EXPECT_EQ(control::run_healthcheck("0.0.0.0:" + std::to_string(plane->admin_port())), 0);
  const std::string address = admin_address();
  plane->stop();
  testing::internal::CaptureStderr();
  EXPECT_EQ(control::run_healthcheck(address), 1);
  EXPECT_EQ(control::run_healthcheck(""), 1);
  EXPECT_EQ(control::run_healthcheck("nonsense"), 1);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("refused"));
}

TEST_F(AdminPort, ATakenPortIsAnErrorThatNamesIt) {
  auto again = options;
  again.config.admin.address = admin_address();
  control::ControlPlane second(again, data_plane, topology, traffic, refresh);
  try {
    second.start();
    FAIL() << "bound twice";
  } catch (const std::system_error& taken) {
    EXPECT_EQ(taken.code(), std::errc::address_in_use);
    EXPECT_THAT(taken.what(), HasSubstr(admin_address()));
  }
}

TEST_F(AdminPort, StopsAtOnceWithConnectionsOpen) {
  const Socket idle = dial();
  get("/livez");
  const Moment start = Clock::now();
  plane->stop();
  plane->stop();
  EXPECT_LT(Clock::now() - start, 500ms);
  EXPECT_TRUE(is_closed(idle));
}

TEST_F(ControlPlaneTest, AnEmptyAdminAddressIsOff) {
  upstream_at("127.0.0.1", free_port());
  options.config.admin.address = "";
  start();
  EXPECT_EQ(plane->admin_port(), 0);
}

}  // namespace
}  // namespace pillion::test
