#include "proxy/data/session/errand.hpp"

#include <algorithm>
#include <string_view>

#include "protocol/command/keys.hpp"
#include "protocol/command/table.hpp"
#include "protocol/resp/request_parser.hpp"

namespace pillion::data::session {

const std::vector<cache::NameHash>& Errand::own_names() const {
  if (own_names_) return *own_names_;
  std::vector<cache::NameHash>& found = own_names_.emplace();
  resp::RequestParser parser;
  if (parser.parse(request) != resp::RequestParser::Result::kCommand) return found;
  std::vector<std::string_view> keys;
  (void)command::keys_of(command::row_of(parser.command()), parser.command(), keys);
  for (const std::string_view key : keys) found.push_back(cache::hash_name(key));
  return found;
}

bool either_writes(const Errand& one, const Errand& other) {
  return one.command_class == CommandClass::kWrite || other.command_class == CommandClass::kWrite;
}

bool share_a_key(const Errand& one, const Errand& other) {
  const auto& keys = one.own_names();
  const auto& others = other.own_names();
  return std::any_of(keys.begin(), keys.end(), [&](cache::NameHash key) {
    return std::find(others.begin(), others.end(), key) != others.end();
  });
}

}  // namespace pillion::data::session
