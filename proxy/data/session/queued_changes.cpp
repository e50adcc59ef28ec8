#include "proxy/data/session/queued_changes.hpp"

#include "protocol/resp/frame_scanner.hpp"

namespace pillion::data::session {

std::string apply_changes(const QueuedChanges& changes, std::string_view exec_reply,
                          const ApplyChange& apply) {
  const std::size_t line = exec_reply.find("\r\n");
  if (!exec_reply.starts_with('*') || exec_reply.starts_with("*-1") ||
      line == std::string_view::npos) {
    return std::string(exec_reply);
  }
  std::string out(exec_reply.substr(0, line + 2));
  std::string_view rest = exec_reply.substr(line + 2);
  auto change = changes.begin();
  for (std::uint32_t position = 0; !rest.empty(); ++position) {
    resp::FrameScanner scanner;
    std::size_t size = 0;
    if (scanner.feed(rest, size) != resp::FrameScanner::Status::kFrame) break;
    const std::string_view element = rest.substr(0, size);
    rest.remove_prefix(size);
    resp::RequestParser parser;
    std::string own;
    if (change != changes.end() && change->position == position) {
      if (parser.parse(change->request) == resp::RequestParser::Result::kCommand)
        own = apply(parser.command(), element);
      ++change;
    }
    out.append(own.empty() ? element : own);
  }
  return out;
}

}  // namespace pillion::data::session
