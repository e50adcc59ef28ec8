// A Config as YAML for people, and the table of keys as documentation. Pure; secrets never leave.
#pragma once

#include <string>

#include "config/config.hpp"

namespace pillion::config {

/// The effective configuration as YAML that load() reads back. A password, wherever it came from,
/// is
/// "***" (and has to be given again); the URL is shown without it.
std::string print_config(const Config& config);

/// The text of REFERENCE.md.
std::string print_reference();

}  // namespace pillion::config
