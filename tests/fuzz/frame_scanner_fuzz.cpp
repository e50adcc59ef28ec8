// Oracle: any split of an upstream's bytes gives the same frames, the same error and the same rest
// as all of them at once.
#include <string>

#include "protocol/resp/frame_scanner.hpp"
#include "tests/fuzz/fuzz_input.hpp"

namespace pillion::fuzz {
namespace {

using resp::FrameScanner;
using Status = FrameScanner::Status;

std::string scan(std::string_view bytes, const std::vector<std::size_t>& cuts) {
  FrameScanner scanner;
  std::string events;
  std::size_t position = 0;
  for (const std::size_t cut : cuts) {
    while (position < cut) {
      const Block block = block_of(bytes.substr(position, cut - position));
      std::size_t consumed = 0;
      const Status status = scanner.feed(view(block), consumed);
      require(consumed > 0 && consumed <= block.size());
      position += consumed;
      if (status == Status::kError) return events + "error";
      require(scanner.announced_bytes() >= scanner.frame_bytes());
      if (status == Status::kMore) {
        require(position == cut);
        break;
      }
      events += std::to_string(position) + scanner.type() + '\n';
    }
  }
  return events + std::to_string(scanner.frame_bytes());
}

}  // namespace
}  // namespace pillion::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const pillion::fuzz::Input input(data, size);
  const std::string whole = pillion::fuzz::scan(input.bytes(), {input.bytes().size()});
  pillion::fuzz::require(whole == pillion::fuzz::scan(input.bytes(), input.cuts()));
  return 0;
}
