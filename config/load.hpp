// From what the operator wrote to a Config, or to every problem with it at once.
//
// Later sources win: defaults (config.hpp), the YAML file, PILLION_* variables, settings (flags).
// Nothing throws past load(); it reads the file and the two password files and touches nothing
// else. Call it from any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config.hpp"

namespace pillion::config {

/// One thing the operator has to change. Never contains a secret.
struct Problem {
  std::string where;    // "pillion.yaml:3:5", "environment PILLION_WORKERS", "--set workers"
  std::string message;  // names the key and what would be right
};

/// A value given on the command line.
struct Setting {
  std::string path;    // "cache.max_bytes"
  std::string value;   // cache.rules: as YAML, "[{match: a*, cache: false}]"
  std::string origin;  // becomes Problem::where
};

struct Sources {
  std::optional<std::string> file;  // none: the path in PILLION_CONFIG, else no file
  /// The whole environment will do; only names that begin with PILLION_ count. An unknown one is a
  /// problem, except those Kubernetes makes for a Service called pillion (PILLION_SERVICE_HOST
  /// ...).
  std::vector<std::pair<std::string, std::string>> environment;
  std::vector<Setting> settings;  // in order; the last of one path wins
};

struct Loaded {
  Config config;  // complete and checked only if there are no problems
  std::vector<Problem> problems;
};

Loaded load(const Sources& sources);

/// The same for a file's text that is already in memory; name stands for it in Problem::where.
Loaded load_text(std::string_view text, const std::string& name);

/// "where: message", one per line.
std::string print_problems(const std::vector<Problem>& problems);

}  // namespace pillion::config
