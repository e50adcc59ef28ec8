// What a RESP3 push of a subscription link says.
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/data/pubsub/messages.hpp"

namespace pillion::data::pubsub {

struct Push {
  enum class Type : std::uint8_t {
    kMessage,       // message, pmessage, smessage
    kSubscribed,    // subscribe, psubscribe, ssubscribe
    kUnsubscribed,  // unsubscribe, punsubscribe, sunsubscribe
    kOther,         // anything else; not for us
    kMalformed,
  };
  Type type = Type::kMalformed;
  Kind kind = Kind::kChannel;
  std::string_view name;  // the channel, or the pattern; within the frame
};

/// `frame` is one complete push.
Push parse_push(std::string_view frame);

/// "SUBSCRIBE", "PUNSUBSCRIBE" ...
std::string_view verb(Kind kind, bool subscribe);

}  // namespace pillion::data::pubsub
