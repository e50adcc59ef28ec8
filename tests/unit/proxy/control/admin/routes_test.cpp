#include "proxy/control/admin/routes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/proxy/control/fake_data_plane.hpp"

namespace pillion::control {
namespace {

using testing::HasSubstr;
using testing::Not;

class RoutesTest : public testing::Test {
 protected:
  RoutesTest() { publish(true, ""); }

  void publish(bool up, const std::string& error, const std::string& resolve_error = "") {
    state::TopologySnapshot snapshot;
    snapshot.primary.name = "redis:6379";
    snapshot.up = up;
    snapshot.error = error;
    snapshot.resolve_error = resolve_error;
    topology.publish(std::make_shared<const state::TopologySnapshot>(snapshot));
  }

  AdminResponse get(const std::string& target) const {
    return routes.answer({"GET", target, "localhost:9380"});
  }

  test::FakeDataPlane data_plane;
  state::Published<state::TopologySnapshot> topology;
  state::EndpointTraffic traffic;
  Routes routes{
      {data_plane, topology, traffic, [] { return std::string("a_metric 1\n"); }, "10.1.2.3"}};
};

TEST_F(RoutesTest, IndexNamesEveryPage) {
  const AdminResponse index = get("/");
  EXPECT_EQ(index.status, 200U);
  for (const char* page : {"/metrics", "/livez", "/readyz", "/cache/stats", "/topology"}) {
    EXPECT_THAT(index.body, HasSubstr(page));
    EXPECT_EQ(get(page).status, 200U) << page;
  }
}

TEST_F(RoutesTest, MetricsInPrometheusText) {
  const AdminResponse metrics = get("/metrics");
  EXPECT_EQ(metrics.content_type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(metrics.body, "a_metric 1\n");
}

TEST_F(RoutesTest, JsonPagesSaySo) {
  EXPECT_EQ(get("/cache/stats").content_type, "application/json");
  EXPECT_EQ(get("/topology").content_type, "application/json");
}

TEST_F(RoutesTest, AliveWhateverTheUpstreamDoes) {
  publish(false, "Connection refused");
  data_plane.is_draining = true;
  EXPECT_EQ(get("/livez").status, 200U);
}

TEST_F(RoutesTest, ReadyWhenEverythingHolds) {
  EXPECT_EQ(get("/readyz").status, 200U);
  EXPECT_EQ(get("/readyz").body, "ready\n");
}

TEST_F(RoutesTest, AClusterIsReadyOnceItsSlotsAreKnown) {
  state::TopologySnapshot snapshot;
  snapshot.kind = state::TopologyKind::kCluster;
  snapshot.up = true;
  topology.publish(std::make_shared<const state::TopologySnapshot>(snapshot));
  EXPECT_EQ(get("/readyz").status, 503U);
  EXPECT_THAT(get("/readyz").body, HasSubstr("[-] slots: "));
  snapshot.slots = std::make_shared<const state::SlotMap>();
  topology.publish(std::make_shared<const state::TopologySnapshot>(snapshot));
  EXPECT_EQ(get("/readyz").status, 200U);
}

TEST_F(RoutesTest, NotReadySaysWhy) {
  publish(false, "Connection refused");
  AdminResponse ready = get("/readyz");
  EXPECT_EQ(ready.status, 503U);
  EXPECT_EQ(ready.body, "[-] upstream redis:6379: Connection refused\nnot ready\n");

  publish(false, "no address to connect to", "cannot resolve 'redis': Host not found");
  EXPECT_THAT(get("/readyz").body, HasSubstr("cannot resolve 'redis'"));

  publish(true, "");
  data_plane.is_draining = true;
  ready = get("/readyz");
  EXPECT_EQ(ready.status, 503U);
  EXPECT_THAT(ready.body, HasSubstr("shutting down"));

  data_plane.is_draining = false;
  data_plane.is_ready = false;
  ready = get("/readyz");
  EXPECT_EQ(ready.status, 503U);
  EXPECT_THAT(ready.body, HasSubstr("not listening"));
}

TEST_F(RoutesTest, VerboseListsWhatHoldsToo) {
  publish(false, "Connection refused");
  for (const char* target : {"/readyz?verbose", "/readyz?verbose=1", "/readyz?a=b&verbose"}) {
    const std::string body = get(target).body;
    EXPECT_THAT(body, HasSubstr("[+] listening: ok\n")) << target;
    EXPECT_THAT(body, HasSubstr("[-] upstream redis:6379: Connection refused\n")) << target;
  }
  EXPECT_THAT(get("/readyz?verbosely").body, Not(HasSubstr("[+]")));
}

TEST_F(RoutesTest, NoPageNoAnswer) {
  EXPECT_EQ(get("/config").status, 404U);
  EXPECT_EQ(get("/metrics/").status, 404U);
  EXPECT_EQ(get("http://evil.example/metrics").status, 404U);
  EXPECT_EQ(get("").status, 404U);
}

TEST_F(RoutesTest, ReadOnly) {
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "PATCH"}) {
    const AdminResponse refused = routes.answer({method, "/metrics", "localhost"});
    EXPECT_EQ(refused.status, 405U) << method;
    EXPECT_EQ(refused.allow, "GET, HEAD") << method;
    EXPECT_THAT(refused.body, Not(HasSubstr("a_metric")));
  }
  EXPECT_EQ(routes.answer({"HEAD", "/metrics", "localhost"}).status, 200U);
  EXPECT_EQ(routes.answer({"POST", "/nothing", "localhost"}).status, 404U);
}

TEST_F(RoutesTest, DnsRebindingIsRefused) {
  const AdminResponse refused = routes.answer({"GET", "/metrics", "attacker.example:9380"});
  EXPECT_EQ(refused.status, 403U);
  EXPECT_THAT(refused.body, Not(HasSubstr("a_metric")));
}

TEST(HostIsTrusted, LocalNumericAndConfiguredNamesPass) {
  for (const char* host :
       {"", "localhost", "LOCALHOST:9380", "127.0.0.1", "127.0.0.1:9380", "[::1]:9380", "[::1]",
        "::1", "192.168.7.9:80", "pillion:9380", "localhost.:9380"}) {
    EXPECT_TRUE(host_is_trusted(host, "")) << host;
  }
  EXPECT_TRUE(host_is_trusted("Admin.Example:9380", "admin.example"));
}

TEST(HostIsTrusted, DottedNamesDoNot) {
  for (const char* host :
       {"attacker.example", "attacker.example:9380", "attacker.example.",
        "127.0.0.1.attacker.example", "localhost.attacker.example:80", "0x7f.1", "a.b:c:d"}) {
    EXPECT_FALSE(host_is_trusted(host, "admin.example")) << host;
  }
}

}  // namespace
}  // namespace pillion::control
