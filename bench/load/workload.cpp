#include "bench/load/workload.hpp"

#include <array>
#include <cstring>

namespace pillion::bench {
namespace {

std::string bulk(const std::string& body) {
  return "$" + std::to_string(body.size()) + "\r\n" + body + "\r\n";
}

}  // namespace

Workload::Workload(Operation operation, Order order, std::uint32_t keys, std::size_t value_size)
    : operation_(operation), order_(order), keys_(keys) {
  const std::string key = "key:" + std::string(kDigits, '0');
  std::string value = key;
  value.resize(value_size, 'x');
  const bool identified = value_size >= key.size();

  if (operation == Operation::kGet) {
    command_ = "*2\r\n" + bulk("GET") + bulk(key);
    reply_ = bulk(value);
    if (identified) reply_digits_ = reply_.find(key) + key.size() - kDigits;
  } else {
    const std::string head = "*3\r\n" + bulk("SET") + bulk(key);
    command_ = head + bulk(value);
    reply_ = "+OK\r\n";
    if (identified) value_digits_ = command_.find(key, head.size()) + key.size() - kDigits;
  }
  key_digits_ = command_.find(key) + key.size() - kDigits;
}

void Workload::write_digits(char* at, std::uint32_t key) {
  for (std::size_t i = kDigits; key != 0; key /= 10) at[--i] = static_cast<char>('0' + key % 10);
}

void Workload::patch(char* command, std::uint32_t key) const {
  // Only the digits that may still be there from the last batch have to be cleared; clearing all is
  // as cheap.
  std::memset(command + key_digits_, '0', kDigits);
  write_digits(command + key_digits_, key);
  if (value_digits_ == 0) return;
  std::memcpy(command + value_digits_, command + key_digits_, kDigits);
}

std::uint32_t Workload::next_key(std::uint64_t& random) {
  if (order_ == Order::kSequential) {
    const std::uint32_t key = next_;
    next_ = next_ + 1 == keys_ ? 0 : next_ + 1;
    return key;
  }
  random ^= random << 13;
  random ^= random >> 7;
  random ^= random << 17;
  // Multiply-shift instead of a division; the bias at 32 bits is far below what a bench can see.
  return static_cast<std::uint32_t>(((random >> 32) * keys_) >> 32);
}

Workload::Judged Workload::judge(std::string_view bytes, std::uint32_t key) const {
  if (bytes.empty()) return {Verdict::kIncomplete, 0};
  const char type = bytes.front();
  if (type == reply_.front() && bytes.size() >= reply_.size()) {
    const char* const data = bytes.data();
    if (reply_digits_ == 0) {
      if (bytes.substr(0, reply_.size()) == reply_) return {Verdict::kRight, reply_.size()};
    } else {
      std::array<char, kDigits> digits;
      digits.fill('0');
      write_digits(digits.data(), key);
      const std::size_t rest = reply_digits_ + kDigits;
      if (std::memcmp(data, reply_.data(), reply_digits_) == 0 &&
          std::memcmp(data + reply_digits_, digits.data(), kDigits) == 0 &&
          std::memcmp(data + rest, reply_.data() + rest, reply_.size() - rest) == 0) {
        return {Verdict::kRight, reply_.size()};
      }
    }
  }
  if (type == '-') {
    const std::size_t end = bytes.find("\r\n");
    if (end == std::string_view::npos) return {Verdict::kIncomplete, 0};
    return {Verdict::kError, end + 2};
  }
  constexpr std::string_view kNil = "$-1\r\n";
  if (operation_ == Operation::kGet && bytes.substr(0, kNil.size()) == kNil) {
    return {Verdict::kMiss, kNil.size()};
  }
  // A prefix of either answer may grow into it; anything else would only be waited for in vain.
  const std::string_view fixed = std::string_view(reply_).substr(0, reply_.find('\n') + 1);
  const bool right_so_far = bytes.substr(0, fixed.size()) == fixed.substr(0, bytes.size());
  const bool nil_so_far = operation_ == Operation::kGet && bytes == kNil.substr(0, bytes.size());
  if (bytes.size() < reply_.size() && (right_so_far || nil_so_far)) {
    return {Verdict::kIncomplete, 0};
  }
  return {Verdict::kWrong, 0};
}

}  // namespace pillion::bench
