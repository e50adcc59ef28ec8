// Oracle: any split gives the same end and the same verdict as the whole, and both equal those of a
// RequestParser that gathers however much it takes.
#include <limits>
#include <string>

#include "protocol/resp/request_parser.hpp"
#include "tests/fuzz/fuzz_input.hpp"

namespace pillion::fuzz {
namespace {

using resp::LargeRequest;
using resp::Limits;
using resp::RequestParser;
using Status = LargeRequest::Status;

struct Verdict {
  Status status = Status::kMore;
  std::size_t consumed = 0;
  std::string error;

  bool operator==(const Verdict&) const = default;
};

Verdict judge(std::string_view bytes, const std::vector<std::size_t>& cuts, const Limits& limits) {
  LargeRequest request(limits);
  Verdict verdict;
  std::size_t start = 0;
  for (const std::size_t cut : cuts) {
    const Block block = block_of(bytes.substr(start, cut - start));
    std::size_t consumed = 0;
    verdict.status = request.feed(view(block), consumed);
    require(consumed <= block.size());
    require(verdict.status != Status::kMore || consumed == block.size());
    verdict.consumed += consumed;
    start = cut;
    if (verdict.status != Status::kMore) break;
  }
  if (verdict.status == Status::kError) verdict.consumed = 0;  // where it was noticed may differ
  verdict.error = request.error_text();
  return verdict;
}

void compare_with_parser(std::string_view bytes, const Verdict& verdict, Limits limits) {
  limits.large_request = std::numeric_limits<std::uint32_t>::max();
  RequestParser parser(limits);
  switch (parser.parse(bytes)) {
    case RequestParser::Result::kNeedMore:
    case RequestParser::Result::kLarge:
      require(verdict.status == Status::kMore);
      break;
    case RequestParser::Result::kError:
      require(verdict.status == Status::kError && verdict.error == parser.error_text());
      break;
    default:
      require(verdict.status == Status::kDone && verdict.consumed == parser.consumed());
  }
}

}  // namespace
}  // namespace pillion::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const pillion::fuzz::Input input(data, size);
  pillion::resp::Limits limits;
  if (input.tight_limits()) limits = {32, 1000, 8, 12, 64, false};
  const auto whole = pillion::fuzz::judge(input.bytes(), {input.bytes().size()}, limits);
  pillion::fuzz::require(whole == pillion::fuzz::judge(input.bytes(), input.cuts(), limits));
  if (!input.bytes().empty() && input.bytes().front() == '*') {
    pillion::fuzz::compare_with_parser(input.bytes(), whole, limits);
  }
  return 0;
}
