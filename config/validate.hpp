// What no key can check alone. Pure: a Config in, findings out; values within one key's own bounds
// are keys.hpp's business.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"

namespace pillion::config {

struct Finding {
  std::vector<std::string_view> keys;  // paths it is about, the one to change first; static storage
  std::string message;                 // whole sentence, no secrets
};

/// Everything wrong with the combination, not only the first.
std::vector<Finding> validate(const Config& config);

}  // namespace pillion::config
