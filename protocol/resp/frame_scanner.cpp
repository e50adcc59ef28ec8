#include "protocol/resp/frame_scanner.hpp"

#include <cstring>

#include "protocol/resp/number.hpp"

namespace pillion::resp {
namespace {

constexpr std::uint64_t kMaxElements = 1ULL << 31;
// Keeps number * 10 + digit and the size of a frame far from overflow.
constexpr std::uint8_t kMaxDigits = 18;

enum class Family : std::uint8_t { kUnknown, kLine, kBulk, kAggregate, kPairs };

constexpr Family family_of(char type) {
  switch (type) {
    case '+':
    case '-':
    case ':':
    case ',':
    case '(':
    case '#':
    case '_':
      return Family::kLine;
    case '$':
    case '=':
    case '!':
      return Family::kBulk;
    case '*':
    case '~':
    case '>':
      return Family::kAggregate;
    case '%':
    case '|':
      return Family::kPairs;
    default:
      return Family::kUnknown;
  }
}

constexpr std::array<Family, 256> make_families() {
  std::array<Family, 256> families{};
  for (int i = 0; i < 128; ++i)
    families[static_cast<std::size_t>(i)] = family_of(static_cast<char>(i));
  return families;
}

constexpr std::array<Family, 256> kFamilies = make_families();

inline Family family(char type) {
  return kFamilies[static_cast<unsigned char>(type)];
}

}  // namespace

FrameScanner::Status FrameScanner::feed(std::string_view bytes, std::size_t& consumed) {
  const char* const begin = bytes.data();
  const char* const end = begin + bytes.size();
  const char* p = begin;
  Outcome outcome = phase_ == Phase::kDead ? Outcome::kError : Outcome::kGoOn;
  while (p != end && outcome == Outcome::kGoOn) {
    switch (phase_) {
      case Phase::kType:
        outcome = begin_node(p, end);
        break;
      case Phase::kLine:
        outcome = resume_line(p, end);
        break;
      case Phase::kNumber:
        outcome = resume_number(p, end);
        break;
      case Phase::kBody:
        outcome = resume_body(p, end);
        break;
      case Phase::kDead:
        break;
    }
  }
  consumed = static_cast<std::size_t>(p - begin);
  if (outcome == Outcome::kFrame) {
    frame_bytes_ = 0;
    return Status::kFrame;
  }
  frame_bytes_ += consumed;
  if (outcome == Outcome::kGoOn) return Status::kMore;
  phase_ = Phase::kDead;
  return Status::kError;
}

std::uint64_t FrameScanner::announced_bytes() const {
  return frame_bytes_ + (phase_ == Phase::kBody ? body_left_ : 0);
}

FrameScanner::Outcome FrameScanner::begin_node(const char*& p, const char* end) {
  node_type_ = *p++;
  if (depth_ == 0 && node_type_ != '|') type_ = node_type_;
  const Family kind = family(node_type_);
  if (kind == Family::kUnknown) return Outcome::kError;
  if (kind == Family::kLine) {
    phase_ = Phase::kLine;
    after_cr_ = false;
    return resume_line(p, end);
  }
  if (node_type_ == '>' && depth_ != 0) return Outcome::kError;
  std::uint32_t number = 0;
  if (const char* const next = read_short_number(p, end, number); next != nullptr) {
    p = next;
    return number_known(p, end, number);
  }
  phase_ = Phase::kNumber;
  after_cr_ = false;
  negative_ = false;
  digits_ = 0;
  number_ = 0;
  return Outcome::kGoOn;
}

// A lone '\r' is part of the line, as it is for hiredis: old servers let scripts send one.
FrameScanner::Outcome FrameScanner::resume_line(const char*& p, const char* end) {
  while (p != end) {
    if (after_cr_) {
      after_cr_ = *p == '\r';
      if (*p++ == '\n') return end_node();
      continue;
    }
    const void* const found = std::memchr(p, '\r', static_cast<std::size_t>(end - p));
    p = found == nullptr ? end : static_cast<const char*>(found) + 1;
    after_cr_ = found != nullptr;
  }
  return Outcome::kGoOn;
}

FrameScanner::Outcome FrameScanner::resume_number(const char*& p, const char* end) {
  while (p != end) {
    const char c = *p++;
    if (after_cr_) {
      if (c != '\n') return Outcome::kError;
      return negative_ ? null_known() : number_known(p, end, number_);
    }
    if (c >= '0' && c <= '9') {
      if (digits_ == kMaxDigits || (digits_ != 0 && number_ == 0)) return Outcome::kError;
      number_ = number_ * 10 + static_cast<std::uint64_t>(c - '0');
      ++digits_;
    } else if (c == '-' && digits_ == 0 && !negative_) {
      negative_ = true;
    } else if (c == '\r' && digits_ != 0) {
      after_cr_ = true;
    } else {
      return Outcome::kError;
    }
  }
  return Outcome::kGoOn;
}

FrameScanner::Outcome FrameScanner::number_known(const char*& p, const char* end,
                                                 std::uint64_t number) {
  const Family kind = family(node_type_);
  if (kind == Family::kBulk) {
    phase_ = Phase::kBody;
    body_left_ = number + 2;
    return resume_body(p, end);
  }
  if (number > kMaxElements) return Outcome::kError;
  phase_ = Phase::kType;
  const bool attribute = node_type_ == '|';
  if (number == 0) return attribute ? Outcome::kGoOn : end_node();
  const Level level{kind == Family::kPairs ? number * 2 : number, attribute};
  // The last element of an aggregate ends it as well, so it may take its place: a reply that is
  // nested by its last elements alone (a script's table that holds itself) has no depth.
  if (depth_ != 0 && !attribute && levels_[depth_ - 1U].left == 1 &&
      !levels_[depth_ - 1U].attribute) {
    levels_[depth_ - 1U] = level;
    return Outcome::kGoOn;
  }
  if (depth_ == levels_.size()) return Outcome::kError;
  levels_[depth_++] = level;
  return Outcome::kGoOn;
}

FrameScanner::Outcome FrameScanner::null_known() {
  const bool has_null = node_type_ == '$' || node_type_ == '*';
  return has_null && number_ == 1 ? end_node() : Outcome::kError;
}

FrameScanner::Outcome FrameScanner::resume_body(const char*& p, const char* end) {
  const auto available = static_cast<std::uint64_t>(end - p);
  if (available >= body_left_ && body_left_ >= 2) {
    p += body_left_;
    return p[-2] == '\r' && p[-1] == '\n' ? end_node() : Outcome::kError;
  }
  while (p != end) {
    if (body_left_ > 2) {
      const std::uint64_t left = static_cast<std::uint64_t>(end - p);
      const std::uint64_t take = left < body_left_ - 2 ? left : body_left_ - 2;
      p += take;
      body_left_ -= take;
    } else {
      if (*p++ != (body_left_ == 2 ? '\r' : '\n')) return Outcome::kError;
      if (--body_left_ == 0) return end_node();
    }
  }
  return Outcome::kGoOn;
}

FrameScanner::Outcome FrameScanner::end_node() {
  phase_ = Phase::kType;
  while (depth_ != 0) {
    Level& level = levels_[depth_ - 1U];
    if (--level.left != 0) return Outcome::kGoOn;
    --depth_;
    if (level.attribute) return Outcome::kGoOn;
  }
  return Outcome::kFrame;
}

}  // namespace pillion::resp
