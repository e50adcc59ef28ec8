// Oracle: any split of a connection's bytes gives the same events as all of them at once; an
// accepted command is its own canonical encoding; LargeRequest agrees on where a command ends and
// on why it is refused.
#include <string>

#include "protocol/resp/request_parser.hpp"
#include "protocol/resp/writer.hpp"
#include "tests/fuzz/fuzz_input.hpp"

namespace pillion::fuzz {
namespace {

using resp::LargeRequest;
using resp::Limits;
using resp::RequestParser;
using Result = RequestParser::Result;

Limits limits_of(const Input& input) {
  Limits limits;
  if (input.tight_limits()) {
    limits = {32, 1000, 8, 12, 64, true};
  }
  return limits;
}

void check_canonical(const resp::Command& command) {
  std::string encoded;
  resp::append_array_header(encoded, command.argc());
  std::size_t name_end = 0;
  for (std::size_t i = 0; i < command.argc(); ++i) {
    resp::append_bulk(encoded, command.arg(i));
    if (i == 0) name_end = encoded.size();
  }
  require(command.raw() == encoded);
  require(command.raw_args() == std::string_view(encoded).substr(name_end));
}

// What a command that will be streamed comes to; `used` is 0 when the connection ends here.
std::string stream(std::string_view rest, const Limits& limits, std::size_t& used) {
  LargeRequest large(limits);
  std::size_t consumed = 0;
  const LargeRequest::Status status = large.feed(rest, consumed);
  used = status == LargeRequest::Status::kDone ? consumed : 0;
  if (status == LargeRequest::Status::kError) return std::string(large.error_text());
  return status == LargeRequest::Status::kDone ? "large " + std::to_string(consumed)
                                               : std::string("large, unfinished");
}

void check_large_agrees(std::string_view rest, const RequestParser& parser, Result result,
                        const Limits& limits) {
  if (rest.empty() || rest.front() != '*') return;
  LargeRequest large(limits);
  std::size_t consumed = 0;
  const LargeRequest::Status status = large.feed(rest, consumed);
  if (result == Result::kError) {
    require(status == LargeRequest::Status::kError && large.error_text() == parser.error_text());
  } else if (result != Result::kNeedMore && result != Result::kLarge) {
    require(status == LargeRequest::Status::kDone && consumed == parser.consumed());
  } else if (result == Result::kNeedMore) {
    require(status == LargeRequest::Status::kMore);
  }
}

std::string play(std::string_view bytes, const std::vector<std::size_t>& cuts,
                 const Limits& limits) {
  RequestParser parser(limits);
  std::string events;
  std::size_t start = 0;
  for (const std::size_t cut : cuts) {
    while (start < cut) {
      const Block block = block_of(bytes.substr(start, cut - start));
      const Result result = parser.parse(view(block));
      check_large_agrees(view(block), parser, result, limits);
      if (result == Result::kNeedMore) break;
      std::size_t used = parser.consumed();
      if (result == Result::kCommand || result == Result::kCrossProtocol) {
        check_canonical(parser.command());
        events += (result == Result::kCommand ? "command " : "cross ") + std::to_string(used) +
                  std::string(parser.command().raw()) + '\n';
        if (result == Result::kCrossProtocol) return events;
      } else if (result == Result::kLarge) {
        events += stream(bytes.substr(start), limits, used) + '\n';
        if (used == 0) return events;
      } else if (result == Result::kError) {
        return events + std::string(parser.error_text()) + '\n';
      }
      require(used > 0 && (result == Result::kLarge || used <= block.size()));
      start += used;
    }
  }
  return events;
}

}  // namespace
}  // namespace pillion::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const pillion::fuzz::Input input(data, size);
  const pillion::resp::Limits limits = pillion::fuzz::limits_of(input);
  const std::string whole = pillion::fuzz::play(input.bytes(), {input.bytes().size()}, limits);
  const std::string pieces = pillion::fuzz::play(input.bytes(), input.cuts(), limits);
  pillion::fuzz::require(whole == pieces);
  return 0;
}
