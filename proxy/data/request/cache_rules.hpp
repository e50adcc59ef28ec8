// cache.rules: which keys may be cached and for how long; first match wins.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "proxy/data/fill/fetch.hpp"

namespace pillion::data::request {

class CacheRules {
 public:
  explicit CacheRules(const config::Cache& cache);

  /// Age limits for a key, or null when it must not be cached. `hash`: the command reads a hash,
  /// whose fields may expire without a word (COHERENCE section 7.5). Lives as long as the rules.
  const fill::AgeLimits* ages(std::string_view key, bool hash) const {
    if (rules_.empty()) return hash ? &hash_ : &value_;
    return match(key, hash);
  }

 private:
  struct Rule {
    std::string match;
    bool cache;
    fill::AgeLimits value;
    fill::AgeLimits hash;
  };

  const fill::AgeLimits* match(std::string_view key, bool hash) const;

  fill::AgeLimits value_;
  fill::AgeLimits hash_;
  std::vector<Rule> rules_;
};

}  // namespace pillion::data::request
