// admin.address taken apart. As config's grammar, plus port 0 for "any free port".
#pragma once

#include <string_view>

#include "config/config.hpp"

namespace pillion::control {

/// Throws std::system_error (invalid_argument) naming what is wrong.
config::Address admin_address(std::string_view text);

}  // namespace pillion::control
