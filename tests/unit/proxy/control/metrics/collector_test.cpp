#include "proxy/control/metrics/collector.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "proxy/control/metrics/catalog.hpp"
#include "proxy/state/reason_names.hpp"
#include "tests/unit/proxy/control/fake_data_plane.hpp"

namespace pillion::control {
namespace {

using state::Counters;
using testing::HasSubstr;

class CollectorTest : public testing::Test {
 protected:
  CollectorTest() {
    state::TopologySnapshot snapshot;
    snapshot.primary.name = "redis:6379";
    snapshot.up = true;
    snapshot.role = "master";
    snapshot.redis_version = "7.0.15";
    snapshot.mode = "standalone";
    snapshot.latency_seconds = 0.0005;
    state::Node primary;
    primary.endpoint = {"redis:6379", "", {"10.0.0.1"}, 6379, 0};
    primary.role = state::NodeRole::kPrimary;
    primary.up = true;
    state::Node replica;
    replica.endpoint = {"replica:6379", "", {"10.0.0.2"}, 6379, 7};
    replica.role = state::NodeRole::kReplica;
    replica.up = replica.in_rotation = true;
    replica.weight = 40;
    replica.lag = 250 * state::kMillisecond;
    replica.latency = 2 * state::kMillisecond;
    replica.ejections = 3;
    snapshot.nodes = {primary, replica};
    snapshot.failovers = 5;
    topology.publish(std::make_shared<const state::TopologySnapshot>(snapshot));
  }

  std::string text() const {
    return Collector({data_plane, topology, traffic, refresh, config, "1.2.3", "abc\"def"}).text();
  }

  /// The value of one sample, as written.
  std::string value(const std::string& sample) const {
    std::istringstream lines(text());
    for (std::string line; std::getline(lines, line);) {
      if (line.rfind(sample + " ", 0) == 0) return line.substr(sample.size() + 1);
    }
    return "missing";
  }

  test::FakeDataPlane data_plane;
  state::Published<state::TopologySnapshot> topology;
  state::EndpointTraffic traffic;
  state::RefreshRequests refresh;
  config::Config config;
};

TEST_F(CollectorTest, EveryRowOfTheCatalogHasSamplesFromTheFirstScrape) {
  const std::string page = text();
  for (const MetricSpec& row : catalog()) {
    const std::string name(row.name);
    EXPECT_THAT(page, HasSubstr("# HELP " + name + " "));
    EXPECT_THAT(page, HasSubstr("# TYPE " + name + " "));
    const bool histogram = row.type == MetricType::kHistogram;
    const std::string sample = "\n" + name + (histogram ? "_bucket" : "");
    EXPECT_THAT(
        page,
        HasSubstr(sample + (row.labels[0].empty() ? " " : "{" + std::string(row.labels[0]) + "=")));
  }
}

TEST_F(CollectorTest, LabelValuesExistBeforeAnythingHappened) {
  EXPECT_EQ(value("pillion_requests_total{source=\"l1\"}"), "0");
  EXPECT_EQ(value("pillion_requests_total{source=\"failed\"}"), "0");
  for (std::size_t i = 0; i < static_cast<std::size_t>(state::BypassReason::kCount); ++i) {
    const std::string reason(name_of(static_cast<state::BypassReason>(i)));
    EXPECT_EQ(value("pillion_cache_bypass_total{reason=\"" + reason + "\"}"), "0");
  }
  EXPECT_EQ(value("pillion_cache_flushes_total{reason=\"link_lost\"}"), "0");
  EXPECT_EQ(value("pillion_upstream_errors_total{kind=\"handshake\"}"), "0");
  EXPECT_EQ(value("pillion_request_duration_seconds_bucket{source=\"upstream\",le=\"+Inf\"}"), "0");
}

TEST_F(CollectorTest, CountersAreSummedOverWorkers) {
  data_plane.worker(0).requests_l1.add(3);
  data_plane.worker(1).requests_l1.add(4);
  data_plane.worker(0).cache_misses[static_cast<std::size_t>(state::MissReason::kLease)].add(2);
  data_plane.worker(1).cache_misses[static_cast<std::size_t>(state::MissReason::kLease)].add(5);
  data_plane.worker(1).invalidations_own.add(9);
  EXPECT_EQ(value("pillion_requests_total{source=\"l1\"}"), "7");
  EXPECT_EQ(value("pillion_cache_misses_total{reason=\"lease\"}"), "7");
  EXPECT_EQ(value("pillion_cache_invalidations_total{origin=\"own\"}"), "9");
}

TEST_F(CollectorTest, SubscriptionsAreSummedOverWorkers) {
  data_plane.worker(0).pubsub_messages_in.add(5);
  data_plane.worker(0).pubsub_messages_out.add(7);
  data_plane.worker(1).pubsub_messages_out.add(8);
  data_plane.worker(0).pubsub_names.add(2);
  data_plane.worker(1).pubsub_members.add(3);
  data_plane.worker(0).pubsub_reconnects.add();
  EXPECT_EQ(value("pillion_pubsub_messages_received_total"), "5");
  EXPECT_EQ(value("pillion_pubsub_messages_delivered_total"), "15");
  EXPECT_EQ(value("pillion_pubsub_upstream_subscriptions"), "2");
  EXPECT_EQ(value("pillion_pubsub_subscriptions"), "3");
  EXPECT_EQ(value("pillion_pubsub_reconnects_total"), "1");
}

TEST_F(CollectorTest, ScriptsThatWereShownAgainAreCounted) {
  data_plane.worker(1).scripts_healed.add(3);
  EXPECT_EQ(value("pillion_scripts_healed_total"), "3");
}

TEST_F(CollectorTest, HistogramIsCumulativeAndInSeconds) {
  data_plane.worker(0).latency_l1.observe(60 * state::kMicrosecond, 2);
  data_plane.worker(1).latency_l1.observe(2 * state::kSecond);
  data_plane.worker(1).latency_l1.observe(60 * state::kSecond);
  const auto bucket = [this](const std::string& le) {
    return value("pillion_request_duration_seconds_bucket{source=\"l1\",le=\"" + le + "\"}");
  };
  EXPECT_EQ(bucket("0.0001"), "2");
  EXPECT_EQ(bucket("1"), "2");
  EXPECT_EQ(bucket("5"), "3");
  EXPECT_EQ(bucket("+Inf"), "4");
  EXPECT_EQ(value("pillion_request_duration_seconds_count{source=\"l1\"}"), "4");
  EXPECT_NEAR(std::stod(value("pillion_request_duration_seconds_sum{source=\"l1\"}")), 62.00012,
              1e-6);
}

TEST_F(CollectorTest, StateOfTheDataPlaneAndTheUpstream) {
  data_plane.cache = {true, 10, 2000, 64 << 20, 7, 8, 3};
  data_plane.is_draining = true;
  EXPECT_EQ(value("pillion_cache_enabled"), "1");
  EXPECT_EQ(value("pillion_cache_entries"), "10");
  EXPECT_EQ(value("pillion_cache_bytes"), "2000");
  EXPECT_EQ(value("pillion_cache_max_bytes"), "67108864");
  EXPECT_EQ(value("pillion_cache_evictions_total"), "7");
  EXPECT_EQ(value("pillion_cache_expirations_total"), "8");
  EXPECT_EQ(value("pillion_cache_flights"), "3");
  const auto link = [this](const std::string& name, const std::string& labels) {
    return value("pillion_fill_link_" + name + "{" + labels + "}");
  };
  const std::string primary = ",endpoint=\"redis:6379\",role=\"primary\"";
  const std::string replica = ",endpoint=\"replica:6379\",role=\"replica\"";
  EXPECT_EQ(link("up", "worker=\"0\"" + primary), "1");
  EXPECT_EQ(link("up", "worker=\"1\"" + primary), "0");
  EXPECT_EQ(link("lease_age_seconds", "worker=\"0\"" + primary), "0.25");
  EXPECT_EQ(link("lease_age_seconds", "worker=\"0\"" + replica), "0.5");
  EXPECT_EQ(value("pillion_upstream_up{endpoint=\"redis:6379\",role=\"master\"}"), "1");
  EXPECT_EQ(value("pillion_upstream_info{version=\"7.0.15\",mode=\"standalone\"}"), "1");
  EXPECT_EQ(value("pillion_upstream_probe_latency_seconds"), "0.0005");
  EXPECT_EQ(value("pillion_draining"), "1");
  EXPECT_EQ(value("pillion_build_info{version=\"1.2.3\",revision=\"abc\\\"def\"}"), "1");
}

TEST_F(CollectorTest, EachServerOfTheUpstream) {
  traffic.of(7).requests = 100;
  traffic.of(7).failures = 9;
  traffic.of(7).timeouts = 4;
  EXPECT_EQ(value("pillion_endpoint_up{endpoint=\"redis:6379\",role=\"primary\"}"), "1");
  EXPECT_EQ(value("pillion_endpoint_up{endpoint=\"replica:6379\",role=\"replica\"}"), "1");
  const auto of = [this](const std::string& name) {
    return value("pillion_endpoint_" + name + "{endpoint=\"replica:6379\"}");
  };
  EXPECT_EQ(of("in_rotation"), "1");
  EXPECT_EQ(of("weight_percent"), "40");
  EXPECT_EQ(of("lag_seconds"), "0.25");
  EXPECT_EQ(of("probe_latency_seconds"), "0.002");
  EXPECT_EQ(of("ejections_total"), "3");
  EXPECT_EQ(of("requests_total"), "100");
  EXPECT_EQ(of("failures_total"), "9");
  EXPECT_EQ(of("timeouts_total"), "4");
  EXPECT_EQ(value("pillion_endpoint_in_rotation{endpoint=\"redis:6379\"}"), "0");
}

TEST_F(CollectorTest, TheLayoutsAgeAndWhatPutItInDoubt) {
  EXPECT_EQ(value("pillion_topology_age_seconds"), "+Inf");
  EXPECT_EQ(value("pillion_topology_failovers_total"), "5");
  EXPECT_EQ(value("pillion_topology_refresh_requests_total{reason=\"moved\"}"), "0");
  refresh.ask(state::RefreshReason::kMoved);
  refresh.ask(state::RefreshReason::kMoved);
  refresh.ask(state::RefreshReason::kUnreachable);
  EXPECT_EQ(value("pillion_topology_refresh_requests_total{reason=\"moved\"}"), "2");
  EXPECT_EQ(value("pillion_topology_refresh_requests_total{reason=\"unreachable\"}"), "1");
  state::TopologySnapshot snapshot;
  snapshot.confirmed_at = state::now() - 3 * state::kSecond;
  topology.publish(std::make_shared<const state::TopologySnapshot>(snapshot));
  EXPECT_NEAR(std::stod(value("pillion_topology_age_seconds")), 3, 0.5);
}

TEST_F(CollectorTest, LimitsAreExported) {
  config.listen.max_clients = 123;
  config.upstream.max_dedicated = 50;
  EXPECT_EQ(value("pillion_clients_max"), "123");
  EXPECT_EQ(value("pillion_upstream_dedicated_connections_max"), "100");  // 50 for each worker
  EXPECT_EQ(value("pillion_cache_max_staleness_seconds"), "1");
}

TEST_F(CollectorTest, NothingSecretIsExported) {
  config.upstream.url = "redis://user:hunter2@redis:6379";
  config.upstream.password = "hunter2";
  EXPECT_THAT(text(), testing::Not(HasSubstr("hunter2")));
}

TEST_F(CollectorTest, NoSeriesIsExportedTwice) {
  std::istringstream lines(text());
  std::set<std::string> seen;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#') continue;
    const std::string series = line.substr(0, line.rfind(' '));
    EXPECT_TRUE(seen.insert(series).second) << series;
  }
  EXPECT_GT(seen.size(), catalog().size() / 2);
}

TEST_F(CollectorTest, StaysWithinTheSeriesBudgetOfASidecar) {
  std::istringstream lines(text());
  int series = 0;
  for (std::string line; std::getline(lines, line);)
    series += line.empty() || line[0] == '#' ? 0 : 1;
  EXPECT_LE(series, 400);
}

TEST_F(CollectorTest, PromtoolFindsNothingToSay) {
  if (std::system("command -v promtool >/dev/null 2>&1") != 0) GTEST_SKIP() << "no promtool here";
  const std::string file = testing::TempDir() + "pillion-metrics-" + std::to_string(::getpid());
  std::ofstream(file) << text();
  FILE* check = ::popen(("promtool check metrics < " + file + " 2>&1").c_str(), "r");
  ASSERT_NE(check, nullptr);
  std::string said;
  for (int c = 0; (c = std::fgetc(check)) != EOF;) said += static_cast<char>(c);
  const int status = ::pclose(check);
  std::remove(file.c_str());
  EXPECT_EQ(WEXITSTATUS(status), 0) << said;
  EXPECT_EQ(said, "");
}

}  // namespace
}  // namespace pillion::control
