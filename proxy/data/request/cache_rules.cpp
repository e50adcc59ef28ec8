#include "proxy/data/request/cache_rules.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "protocol/glob.hpp"

namespace pillion::data::request {
namespace {

state::Nanos nanos(config::Millis value) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(value).count();
}

}  // namespace

CacheRules::CacheRules(const config::Cache& cache)
    : value_{nanos(cache.max_age), nanos(cache.negative_max_age)},
      hash_{std::min(nanos(cache.max_age), nanos(cache.hash_max_age)),
            nanos(cache.negative_max_age)} {
  for (const config::CacheRule& rule : cache.rules) {
    Rule compiled{rule.match, rule.cache, value_, hash_};
    if (rule.max_age) {
      compiled.value.value = nanos(*rule.max_age);
      compiled.hash.value = std::min(nanos(*rule.max_age), nanos(cache.hash_max_age));
    }
    rules_.push_back(std::move(compiled));
  }
}

const fill::AgeLimits* CacheRules::match(std::string_view key, bool hash) const {
  for (const Rule& rule : rules_) {
    if (!protocol::glob_match(rule.match, key)) continue;
    if (!rule.cache) return nullptr;
    return hash ? &rule.hash : &rule.value;
  }
  return hash ? &hash_ : &value_;
}

}  // namespace pillion::data::request
