// Oracle: no bytes upset the readers of replies; a downgraded frame is again exactly one frame, of
// RESP2 types only; a frame that is the same in RESP2 is not changed; a refusal leaves no trace.
#include <string>

#include "protocol/resp/downgrade.hpp"
#include "protocol/resp/frame_scanner.hpp"
#include "protocol/resp/push_parser.hpp"
#include "protocol/resp/reply_cursor.hpp"
#include "tests/fuzz/fuzz_input.hpp"

namespace pillion::fuzz {
namespace {

using resp::FrameScanner;
using resp::Shape;

bool is_one_frame(std::string_view bytes) {
  FrameScanner scanner;
  std::size_t consumed = 0;
  return scanner.feed(bytes, consumed) == FrameScanner::Status::kFrame && consumed == bytes.size();
}

void walk(std::string_view bytes) {
  resp::ReplyCursor cursor(bytes);
  resp::Node node{};
  std::size_t nodes = 0;
  while (cursor.next(node)) ++nodes;
  require(nodes <= bytes.size() / 3);
  resp::ReplyCursor skipping(bytes);
  if (skipping.next(node) && skipping.skip(node)) require(nodes > 0);
  resp::is_missing_reply(bytes);
  resp::Push push(bytes);
  std::string_view key;
  while (push.next_key(key)) require(push.kind() == resp::Push::Kind::kInvalidate);
}

void downgrade(std::string_view bytes, Shape shape) {
  std::string out = "before";
  const bool done = resp::append_downgraded(out, bytes, shape);
  require(out.compare(0, 6, "before") == 0);
  out.erase(0, 6);
  if (!done) {
    require(out.empty());
    return;
  }
  const bool same = resp::same_in_resp2(bytes, shape);
  require(!same || out == bytes);
  if (!is_one_frame(bytes)) return;
  require(is_one_frame(out));
  require(resp::same_in_resp2(out, Shape::kAsIs));
}

}  // namespace
}  // namespace pillion::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const pillion::fuzz::Input input(data, size);
  pillion::fuzz::walk(input.bytes());
  pillion::fuzz::downgrade(input.bytes(), pillion::resp::Shape::kAsIs);
  pillion::fuzz::downgrade(input.bytes(), pillion::resp::Shape::kPairsToFlat);
  return 0;
}
