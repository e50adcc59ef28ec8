#include "proxy/control/metrics/catalog.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "proxy/state/reason_names.hpp"

namespace pillion::control {
namespace {

TEST(Catalog, NamesFollowTheRules) {
  std::set<std::string_view> names;
  for (const MetricSpec& row : catalog()) {
    SCOPED_TRACE(row.name);
    EXPECT_TRUE(names.insert(row.name).second);
    EXPECT_TRUE(row.name.starts_with("pillion_") || row.name.starts_with("process_"));
    EXPECT_EQ(row.name.ends_with("_total"), row.type == MetricType::kCounter);
    EXPECT_EQ(row.name.find("milli"), std::string_view::npos);
    EXPECT_TRUE(row.help.ends_with('.'));
  }
}

TEST(Catalog, FindsARowByItsId) {
  EXPECT_EQ(spec(Metric::kCacheHits).name, "pillion_cache_hits_total");
  EXPECT_EQ(spec(Metric::kProcessStart).name, "process_start_time_seconds");
}

template <class Reason>
void expect_distinct() {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < static_cast<std::size_t>(Reason::kCount); ++i) {
    EXPECT_TRUE(names.insert(name_of(static_cast<Reason>(i))).second);
  }
}

TEST(Catalog, LabelValuesAreDistinct) {
  expect_distinct<state::MissReason>();
  expect_distinct<state::BypassReason>();
  expect_distinct<state::DisconnectReason>();
  expect_distinct<state::UpstreamError>();
  EXPECT_EQ(name_of(state::BypassReason::kMultiKey), "multi_key");
  EXPECT_EQ(name_of(state::DisconnectReason::kUpstreamLost), "upstream_lost");
}

}  // namespace
}  // namespace pillion::control
