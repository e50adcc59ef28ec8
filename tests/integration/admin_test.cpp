// The admin port, as Prometheus, Kubernetes and people with curl use it.
#include "tests/integration/fixture.hpp"

namespace pillion::test {
namespace {

class Admin : public ThroughPillion {};

TEST_F(Admin, MetricsAreInOrderByPrometheussOwnTool) {
  RespClient client = pillion.client();
  client("SET", "k", "v");
  client("GET", "k");
  client("GET", "k");
  const HttpReply metrics = pillion.http_get("/metrics");
  EXPECT_EQ(metrics.status, 200);
  EXPECT_NE(metrics.headers.find("text/plain"), std::string::npos);
  const Finished check = run_to_end({"promtool", "check", "metrics"}, metrics.body);
  EXPECT_EQ(check.exit_code, 0) << check.output;
  EXPECT_EQ(check.output, "");
}

TEST_F(Admin, MetricsCountWhatHappened) {
  RespClient client = pillion.client();
  redis("SET", "k", "v");
  const double hits = pillion.metric("pillion_cache_hits_total");
  const double misses = pillion.metric("pillion_cache_misses_total");
  for (int i = 0; i < 10; ++i) client("GET", "k");
  EXPECT_EQ(pillion.metric("pillion_cache_hits_total") - hits, 9);
  EXPECT_EQ(pillion.metric("pillion_cache_misses_total") - misses, 1);
  EXPECT_EQ(pillion.metric("pillion_clients_connected"), 1);
  EXPECT_EQ(pillion.metric("pillion_upstream_up"), 1);
  // The workers publish what is in the cache from time to time.
  EXPECT_TRUE(eventually([&] { return pillion.metric("pillion_cache_entries") >= 1; }, 3s));
  const double invalidations = pillion.metric("pillion_cache_invalidations_total");
  redis("SET", "k", "w");
  EXPECT_TRUE(eventually(
      [&] { return pillion.metric("pillion_cache_invalidations_total") > invalidations; }));
}

TEST_F(Admin, Probes) {
  EXPECT_EQ(pillion.http_get("/livez").status, 200);
  EXPECT_TRUE(eventually([&] { return pillion.http_get("/readyz").status == 200; }));
  EXPECT_EQ(pillion.http_get("/no-such-page").status, 404);
}

TEST_F(Admin, CacheStatsAreJson) {
  const HttpReply stats = pillion.http_get("/cache/stats");
  EXPECT_EQ(stats.status, 200);
  const Finished check = run_to_end({"python3", "-m", "json.tool"}, stats.body);
  EXPECT_EQ(check.exit_code, 0) << check.output << stats.body;
  EXPECT_NE(stats.body.find("entries"), std::string::npos);
}

TEST_F(Admin, RedisClientsOnTheAdminPortGetNothing) {
  RespClient lost = RespClient::tcp(pillion.admin_port());
  lost.send("SET", "k", "v");
  const std::string answer = lost.read_to_end();
  EXPECT_TRUE(answer.empty() || answer.rfind("HTTP/1.1 400", 0) == 0) << printable(answer);
  EXPECT_EQ(redis("EXISTS", "k"), 0);
}

TEST_F(Admin, HealthcheckSubcommand) {
  const std::string admin = "127.0.0.1:" + std::to_string(pillion.admin_port());
  EXPECT_EQ(run_to_end({pillion_binary(), "healthcheck", "--admin", admin}).exit_code, 0);
  pillion.stop();
  EXPECT_NE(run_to_end({pillion_binary(), "healthcheck", "--admin", admin}).exit_code, 0);
}

}  // namespace
}  // namespace pillion::test
