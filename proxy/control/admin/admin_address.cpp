#include "proxy/control/admin/admin_address.hpp"

#include <string>
#include <system_error>
#include <variant>

#include "config/address.hpp"

namespace pillion::control {

config::Address admin_address(std::string_view text) {
  const bool any_port = text == "0" || text.ends_with(":0");
  std::string written(text);
  if (any_port) written.back() = '1';
  const auto parsed = config::parse_address(written);
  if (const auto* refusal = std::get_if<config::Refusal>(&parsed)) {
    throw std::system_error(std::make_error_code(std::errc::invalid_argument),
                            "admin.address: " + refusal->reason);
  }
  auto address = std::get<config::Address>(parsed);
  if (any_port) address.port = 0;
  return address;
}

}  // namespace pillion::control
