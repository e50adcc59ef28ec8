// How the hub and the fan-outs of the workers reach each other.
#pragma once

#include <cstdint>
#include <functional>

namespace pillion::data::pubsub {

class Fanout;
class Hub;

/// Any thread. Tasks of one sender for one receiver run in the order they were given, later, on the
/// receiver's thread.
class Couriers {
 public:
  virtual ~Couriers() = default;
  virtual void to_hub(std::function<void(Hub&)> task) = 0;
  virtual void to_worker(std::uint32_t worker, std::function<void(Fanout&)> task) = 0;
  virtual std::uint32_t worker_count() const = 0;
};

}  // namespace pillion::data::pubsub
