// A Config as YAML for people, and the table of keys as documentation. Pure; secrets never leave.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "config/config.hpp"

namespace pillion::config {

/// The effective configuration as YAML that load() reads back. A password, wherever it came from,
/// is
/// "***" (and has to be given again); the URL is shown without it.
std::string print_config(const Config& config);

/// The same as pairs of key path and plain value (no quotes, rules on one line), in the order of
/// keys(); a password is "***" or empty.
std::vector<std::pair<std::string, std::string>> effective_values(const Config& config);

/// The text of REFERENCE.md.
std::string print_reference();

}  // namespace pillion::config
