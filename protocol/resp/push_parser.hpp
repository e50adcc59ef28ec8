// A complete RESP3 push frame -> what it means for the cache.
#pragma once

#include <cstdint>
#include <string_view>

#include "protocol/resp/reply_cursor.hpp"

namespace pillion::resp {

class Push {
 public:
  enum class Kind : std::uint8_t {
    kInvalidate,     // keys of next_key() changed
    kInvalidateAll,  // null: FLUSHALL, FLUSHDB, resync
    kRedirBroken,    // tracking-redir-broken: nothing of this link may be trusted
    kOther,          // message, pmessage, subscribe, monitor, ...
    kMalformed,      // not a push, or an invalidate of unknown shape
  };

  /// `frame` must stay alive while keys are read.
  explicit Push(std::string_view frame);

  Kind kind() const { return kind_; }

  /// Keys of an invalidation, binary safe, in wire order; false when there is none left.
  bool next_key(std::string_view& key);

 private:
  Kind kind_;
  ReplyCursor cursor_;
  std::int64_t keys_left_ = 0;
};

}  // namespace pillion::resp
