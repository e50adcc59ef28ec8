#include "proxy/data/session/tracking_state.hpp"

#include <algorithm>

#include "protocol/resp/number.hpp"
#include "protocol/resp/writer.hpp"
#include "proxy/data/session/local_commands.hpp"

namespace pillion::data::session {

TrackedNode* TrackingState::find(state::EndpointId endpoint) {
  const auto found = std::find_if(nodes.begin(), nodes.end(), [endpoint](const TrackedNode& node) {
    return node.endpoint == endpoint;
  });
  return found == nodes.end() ? nullptr : &*found;
}

bool TrackingState::uses(const std::shared_ptr<upstream::Lane>& lane) const {
  return std::any_of(nodes.begin(), nodes.end(),
                     [&lane](const TrackedNode& node) { return node.lane == lane; });
}

TrackingRequest parse_tracking(const resp::Command& command) {
  TrackingRequest request;
  request.on = equals_ignoring_case(command.arg(2), "ON");
  request.off = equals_ignoring_case(command.arg(2), "OFF");
  for (std::size_t i = 3; i < command.argc(); ++i) {
    if (equals_ignoring_case(command.arg(i), "BCAST")) {
      request.broadcast = true;
    } else if (equals_ignoring_case(command.arg(i), "OPTIN")) {
      request.opt_in = true;
    } else if (equals_ignoring_case(command.arg(i), "OPTOUT")) {
      request.opt_out = true;
    } else if (equals_ignoring_case(command.arg(i), "PREFIX")) {
      ++i;
    } else if (equals_ignoring_case(command.arg(i), "REDIRECT") && i + 1 < command.argc()) {
      std::int64_t id = 0;
      if (resp::parse_integer(command.arg(++i), id) && id > 0)
        request.redirect = static_cast<std::uint64_t>(id);
    }
  }
  return request;
}

std::string with_redirect(const resp::Command& command, std::uint64_t upstream_id) {
  std::string request;
  resp::append_array_header(request, command.argc());
  for (std::size_t i = 0; i < command.argc(); ++i) {
    resp::append_bulk(request, command.arg(i));
    const bool names_target = i >= 3 && i + 1 < command.argc() &&
                              equals_ignoring_case(command.arg(i), "REDIRECT") &&
                              !equals_ignoring_case(command.arg(i - 1), "PREFIX");
    if (!names_target) continue;
    ++i;
    resp::append_bulk(request, std::to_string(upstream_id));
  }
  return request;
}

std::string invalidation_message(std::string_view frame) {
  constexpr std::string_view kPush = ">2\r\n$10\r\ninvalidate\r\n";
  if (!frame.starts_with(kPush)) return {};
  const std::string_view keys = frame.substr(kPush.size());
  std::string message = "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n";
  message += keys.starts_with('_') ? "$-1\r\n" : keys;
  return message;
}

}  // namespace pillion::data::session
