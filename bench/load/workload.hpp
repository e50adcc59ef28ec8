// What the clients ask for, and what a right answer looks like. Every value starts with its key, so
// a reply that belongs to somebody else's command is noticed at the price of one short comparison.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pillion::bench {

enum class Operation { kGet, kSet };
enum class Order {
  kRandom,      // uniform over the keys
  kSequential,  // each key in turn, shared by all clients: fills or touches a whole keyspace
                // exactly once
};

/// The encoded form of one command and of its expected reply. Keys are fixed in width, so a batch
/// is encoded once and only digits change from then on.
class Workload {
 public:
  /// value_size in bytes; a value shorter than a key holds the key's last bytes only.
  Workload(Operation operation, Order order, std::uint32_t keys, std::size_t value_size);

  /// Encoded command with zeroed digits. All commands of a workload have this length.
  [[nodiscard]] const std::string& command() const { return command_; }

  /// Writes the number of `key` into an encoded command.
  void patch(char* command, std::uint32_t key) const;

  /// The key to ask for next; `random` is the caller's generator state (xorshift, never 0).
  [[nodiscard]] std::uint32_t next_key(std::uint64_t& random);

  enum class Verdict {
    kIncomplete,  // more bytes are needed
    kRight,       // the reply this command must have
    kMiss,        // a nil to GET
    kError,       // an error reply
    kWrong,       // any other type, length or content
  };
  struct Judged {
    Verdict verdict;
    std::size_t size;  // bytes the reply takes; 0 when incomplete or wrong
  };

  /// Judges the reply at the front of `bytes` to the command that asked for `key`.
  [[nodiscard]] Judged judge(std::string_view bytes, std::uint32_t key) const;

  /// Upper bound of a right reply, in bytes.
  [[nodiscard]] std::size_t reply_size() const { return reply_.size(); }

 private:
  static constexpr std::size_t kDigits = 12;
  static void write_digits(char* at, std::uint32_t key);

  Operation operation_;
  Order order_;
  std::uint32_t keys_;
  std::uint32_t next_ = 0;
  std::string command_;
  std::size_t key_digits_ = 0;    // offset of the key's digits in command_
  std::size_t value_digits_ = 0;  // offset of the value's digits in command_; 0 = none
  std::string reply_;             // with zeroed digits
  std::size_t reply_digits_ = 0;  // offset of the digits in reply_; 0 = none
};

}  // namespace pillion::bench
