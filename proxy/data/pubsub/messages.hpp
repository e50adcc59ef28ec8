// What subscribers are given: message frames as the upstream sent them, once in each protocol's
// form. A batch is built by one link, then immutable and shared by all workers.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace pillion::data::pubsub {

enum class Kind : std::uint8_t { kChannel, kPattern, kShard };  // SUBSCRIBE, PSUBSCRIBE, SSUBSCRIBE

/// Consecutive frames that came because of one subscription. Offsets count bytes and hold for both
/// forms: a frame's RESP2 form differs from its RESP3 form in the first byte alone.
struct Run {
  Kind kind = Kind::kChannel;
  std::uint32_t count = 0;  // frames
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t name_begin = 0;  // of the channel's or pattern's own bytes within the first frame
  std::size_t name_length = 0;
};

/// The messages of what one turn of a link read, in wire order.
struct Batch {
  std::string resp3;
  std::string resp2;
  std::vector<Run> runs;

  std::string_view name(const Run& run) const {
    return std::string_view(resp3).substr(run.name_begin, run.name_length);
  }
};

/// One run, for one member. The views live as long as `owner`, which keeps the whole batch: small
/// pieces are better copied than kept.
struct Messages {
  std::string_view resp3;
  std::string_view resp2;
  std::uint32_t count;
  const std::shared_ptr<const Batch>& owner;
};

}  // namespace pillion::data::pubsub
