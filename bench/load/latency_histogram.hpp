// Latencies in logarithmic buckets with 64 linear steps each: any quantile is within 1.6 % of the
// truth, recording is a shift and an increment, and memory is fixed whatever the run's length.
#pragma once

#include <array>
#include <cstdint>

namespace pillion::bench {

class LatencyHistogram {
 public:
  /// One observation, in nanoseconds.
  void record(std::uint64_t nanoseconds);

  /// The upper edge of the bucket that holds the given share (0..1) of observations, in
  /// nanoseconds; 0 when empty.
  [[nodiscard]] std::uint64_t quantile(double share) const;

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t max() const { return max_; }

 private:
  static constexpr unsigned kStepBits = 6;
  static constexpr std::size_t kSteps = 1U << kStepBits;
  static constexpr std::size_t kBuckets = (64 - kStepBits + 1) * kSteps;

  [[nodiscard]] static std::size_t bucket_of(std::uint64_t value);
  [[nodiscard]] static std::uint64_t upper_edge(std::size_t bucket);

  std::array<std::uint64_t, kBuckets> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace pillion::bench
