// Oracle: whatever asks for a redirection passed the check of its first bytes, stands for the frame
// it came from, and no byte outside the frame is read; a frame cut short never is one.
#include <string>

#include "protocol/cluster/redirect.hpp"
#include "protocol/cluster/slot.hpp"
#include "tests/fuzz/fuzz_input.hpp"

namespace pillion::fuzz {
namespace {

void check(std::string_view frame) {
  const auto redirect = cluster::parse_redirect(frame);
  if (!redirect) return;
  require(cluster::may_redirect(frame) && frame.front() == '-' && frame.ends_with("\r\n"));
  const bool moved = redirect->kind == cluster::RedirectKind::kMoved;
  if (!moved && redirect->kind != cluster::RedirectKind::kAsk) {
    require(redirect->host.empty() && redirect->port == 0);
    return;
  }
  require(redirect->slot < cluster::kSlotCount && redirect->port != 0);
  // Said again, it means the same.
  const std::string host(redirect->host);
  const std::string again = (moved ? "-MOVED " : "-ASK ") + std::to_string(redirect->slot) + " " +
                            host + ":" + std::to_string(redirect->port) + "\r\n";
  const auto repeated = cluster::parse_redirect(again);
  require(repeated && repeated->kind == redirect->kind && repeated->slot == redirect->slot &&
          repeated->port == redirect->port);
}

}  // namespace
}  // namespace pillion::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const pillion::fuzz::Input input(data, size);
  for (const std::size_t cut : input.cuts()) {
    const pillion::fuzz::Block block = pillion::fuzz::block_of(input.bytes().substr(0, cut));
    pillion::fuzz::check(pillion::fuzz::view(block));
  }
  return 0;
}
