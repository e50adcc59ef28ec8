// cache.rules: which keys may be cached and for how long; first match wins.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "proxy/data/fill/fetch.hpp"

namespace pillion::data::request {

/// Redis's glob: * ? [a-z] [^a] \x. Linear in pattern times text at worst, without recursion
/// (CVE-2024-31228).
bool glob_match(std::string_view pattern, std::string_view text);

class CacheRules {
 public:
  explicit CacheRules(const config::Cache& cache);

  /// Age limits for a key, or nothing when it must not be cached. `hash`: the command reads a hash,
  /// whose fields may expire without a word (COHERENCE section 7.5).
  std::optional<fill::AgeLimits> ages(std::string_view key, bool hash) const;

 private:
  struct Rule {
    std::string match;
    bool cache;
    std::optional<state::Nanos> max_age;
  };
  fill::AgeLimits value_;
  fill::AgeLimits hash_;
  std::vector<Rule> rules_;
};

}  // namespace pillion::data::request
