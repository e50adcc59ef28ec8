// What this start of pillion was asked to do.
//
//   pillion [redis-url] [--config FILE] [--listen ADDR] [--admin ADDR] [--set key.path=value]...
//           [--check-config | --print-config] [--version] [--help]
//   pillion healthcheck [--admin ADDR] [--config FILE] [--set key.path=value]...
//
// Reads the configuration (config/load.hpp) but prints nothing and never exits. No text it makes
// holds a password, not even one given in an argument that was refused. Throws nothing but
// bad_alloc.
#pragma once

#include <string>
#include <string_view>

#include "config/load.hpp"

namespace pillion {

struct CommandLine {
  enum class Action {
    kRun,          // serve; with problems: refuse to, text lists them
    kCheckConfig,  // text is "configuration ok" or the problems
    kPrintConfig,  // text is the effective YAML, or the problems
    kVersion,
    kHelp,
    kHealthcheck,  // ask /livez at healthcheck_address; with problems: text lists them
    kUsageError,   // the arguments make no sense; text says why
  };

  Action action = Action::kUsageError;
  config::Loaded loaded;  // empty defaults for kVersion, kHelp and kUsageError
  std::string text;       // for the operator, ends in a line end; "" when there is nothing to say
  /// "host:port" to connect to: admin.address, a wildcard host replaced by loopback. "" when the
  /// admin port is off, which text then says, or when admin.address was refused.
  std::string healthcheck_address;

  /// The operator has to change something before this can be done: text belongs on stderr.
  bool failed() const;
};

/// argv[0] is skipped; environment is null-terminated like environ and may be null.
CommandLine parse_command_line(int argc, const char* const* argv, const char* const* environment,
                               std::string_view version);

}  // namespace pillion
