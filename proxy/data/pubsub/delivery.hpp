// What the hub sends to one worker: messages, and between them what became of requests.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "proxy/data/pubsub/messages.hpp"

namespace pillion::data::pubsub {

/// Names a request of a worker; never 0.
using Ticket = std::uint64_t;

struct Event {
  enum class Type : std::uint8_t {
    kSettled,  // the request `ticket` ended here in the stream; `error` as in SubscriptionSink
    kRevoked,  // nobody may have `name` any more
  };
  Type type = Type::kSettled;
  std::uint32_t position = 0;  // how many runs of the batch come before it
  Ticket ticket = 0;
  std::string error;
  Kind kind = Kind::kChannel;
  std::string name;
};

struct Delivery {
  std::shared_ptr<const Batch> batch;  // null: no messages
  std::vector<Event> events;           // in stream order
};

}  // namespace pillion::data::pubsub
