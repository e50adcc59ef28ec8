#include "protocol/resp/request_parser.hpp"

#include <cstring>

#include "protocol/resp/inline_request.hpp"
#include "protocol/resp/number.hpp"
#include "protocol/resp/request_grammar.hpp"

namespace pillion::resp {
namespace {

constexpr std::size_t kNotFound = std::string_view::npos;
constexpr std::size_t kCrLf = 2;

// What a session keeps between commands; one huge command must not be remembered forever. Memory
// is given back by swap: assigning an empty string keeps it.
constexpr std::size_t kKeptArgs = 1024;
constexpr std::size_t kKeptInline = 4096;

inline bool equals_folded(std::string_view text, std::string_view lower) {
  for (std::size_t i = 0; i < lower.size(); ++i) {
    const char c = text[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c) != lower[i]) return false;
  }
  return true;
}

// The first line of an HTTP request, or its Host header, makes a browser a Redis client.
inline bool is_cross_protocol(std::string_view name) {
  if (name.size() == 4) return equals_folded(name, "post");
  return name.size() == 5 && equals_folded(name, "host:");
}

}  // namespace

RequestParser::Result RequestParser::parse(std::string_view bytes) {
  if (bytes.empty()) return phase_ == Phase::kDead ? Result::kError : Result::kNeedMore;
  if (phase_ == Phase::kFresh) begin(bytes.front());
  switch (phase_) {
    case Phase::kInline:
      return parse_inline(bytes);
    case Phase::kCount:
      return parse_count(bytes);
    case Phase::kLength:
    case Phase::kBulk:
      return parse_arguments(bytes);
    case Phase::kFresh:
    case Phase::kDead:
      break;
  }
  return Result::kError;
}

void RequestParser::begin(char first_byte) {
  phase_ = first_byte == '*' ? Phase::kCount : Phase::kInline;
  unending_ = false;
  position_ = 0;
  scanned_ = 0;
  consumed_ = 0;
  if (command_.args_.capacity() > kKeptArgs) std::vector<Command::Arg>().swap(command_.args_);
  command_.args_.clear();
}

RequestParser::Result RequestParser::parse_count(std::string_view bytes) {
  const char* const base = bytes.data();
  std::uint32_t count = 0;
  const char* const next = read_short_number(base + 1, base + bytes.size(), count);
  if (next != nullptr && count != 0 && count <= limits_.max_args) {
    args_left_ = count;
    position_ = static_cast<std::size_t>(next - base);
  } else {
    const std::size_t line_end = find_line_end(bytes);
    if (scanned_ > limits_.max_header) return fail(grammar::kTooBigCountLine);
    if (line_end == kNotFound) return need_more(bytes);
    std::int64_t careful_count = 0;
    const std::string_view reason =
        grammar::check_count_line(bytes.substr(0, line_end), limits_, careful_count);
    if (!reason.empty()) return fail(reason);
    if (bytes[line_end + 1] != '\n') return fail(grammar::kInvalidCount);
    position_ = line_end + kCrLf;
    if (careful_count <= 0) {
      consumed_ = position_;
      phase_ = Phase::kFresh;
      return Result::kNothing;
    }
    args_left_ = static_cast<std::uint32_t>(careful_count);
  }
  phase_ = Phase::kLength;
  scanned_ = position_;
  return parse_arguments(bytes);
}

// The hot loop: everything a complete command of ordinary size needs, and nothing else.
RequestParser::Result RequestParser::parse_arguments(std::string_view bytes) {
  const char* const base = bytes.data();
  const char* const end = base + bytes.size();
  for (;;) {
    if (phase_ == Phase::kLength) {
      const char* const line = base + position_;
      std::uint32_t length = 0;
      const char* next = nullptr;
      if (line != end && *line == '$') next = read_short_number(line + 1, end, length);
      if (next != nullptr && length <= limits_.max_bulk) {
        position_ = static_cast<std::size_t>(next - base);
        bulk_length_ = length;
        phase_ = Phase::kBulk;
      } else if (const Result result = parse_length(bytes); phase_ != Phase::kBulk) {
        return result;
      }
      if (!fits(bulk_length_)) return large(base);
    }
    const std::size_t behind = position_ + bulk_length_;
    if (bytes.size() < behind + kCrLf) {
      if (bytes.size() > behind && base[behind] != '\r') return fail(grammar::kInvalidLength);
      return need_more(bytes);
    }
    if (base[behind] != '\r' || base[behind + 1] != '\n') return fail(grammar::kInvalidLength);
    command_.args_.push_back(
        {static_cast<std::uint32_t>(position_), static_cast<std::uint32_t>(bulk_length_)});
    position_ = behind + kCrLf;
    if (--args_left_ == 0) break;
    scanned_ = position_;
    phase_ = Phase::kLength;
  }
  consumed_ = position_;
  return complete(base, position_);
}

// Leaves kBulk behind when the line is complete and valid; else the result is final for this call.
RequestParser::Result RequestParser::parse_length(std::string_view bytes) {
  const std::size_t line_end = find_line_end(bytes);
  if (scanned_ - position_ > limits_.max_header) return fail(grammar::kTooBigLengthLine);
  if (line_end == kNotFound) return need_more(bytes);
  if (bytes[position_] != '$') {
    phase_ = Phase::kDead;
    error_text_ = grammar::expected_dollar_line(bytes[position_]);
    return Result::kError;
  }
  std::int64_t length = 0;
  const std::string_view line = bytes.substr(position_, line_end - position_);
  const std::string_view reason = grammar::check_length_line(line, limits_, length);
  if (!reason.empty()) return fail(reason);
  if (bytes[line_end + 1] != '\n') return fail(grammar::kInvalidLength);
  position_ = line_end + kCrLf;
  bulk_length_ = static_cast<std::size_t>(length);
  phase_ = Phase::kBulk;
  return Result::kCommand;
}

RequestParser::Result RequestParser::parse_inline(std::string_view bytes) {
  const void* const found =
      unending_ ? nullptr : std::memchr(bytes.data() + scanned_, '\n', bytes.size() - scanned_);
  std::size_t line_end =
      found == nullptr ? bytes.size()
                       : static_cast<std::size_t>(static_cast<const char*>(found) - bytes.data());
  // Redis reads a line as a C string, so one with a NUL in it never ends and runs into the limit.
  if (std::memchr(bytes.data() + scanned_, '\0', line_end - scanned_) != nullptr) {
    unending_ = true;
    line_end = bytes.size();
  }
  scanned_ = line_end;
  const std::size_t carriage_return = line_end != 0 && bytes[line_end - 1] == '\r' ? 1 : 0;
  const std::string_view line = bytes.substr(0, line_end - carriage_return);
  if (line.size() > limits_.max_inline) return fail(grammar::kTooBigInline);
  if (line_end == bytes.size()) return Result::kNeedMore;

  if (inline_.capacity() > kKeptInline) std::string().swap(inline_);
  std::vector<InlineWord> words;
  if (!encode_inline(line, inline_, words)) return fail(grammar::kUnbalancedQuotes);
  consumed_ = line_end + 1;
  if (words.empty()) {
    phase_ = Phase::kFresh;
    return Result::kNothing;
  }
  for (const InlineWord& word : words) command_.args_.push_back({word.offset, word.length});
  return complete(inline_.data(), inline_.size());
}

RequestParser::Result RequestParser::complete(const char* base, std::size_t length) {
  phase_ = Phase::kFresh;
  command_.base_ = base;
  command_.raw_length_ = length;
  const Command::Arg& name = command_.args_.front();
  command_.args_offset_ = name.offset + name.length + kCrLf;
  return is_cross_protocol(command_.name()) ? Result::kCrossProtocol : Result::kCommand;
}

RequestParser::Result RequestParser::large(const char* base) {
  phase_ = Phase::kFresh;
  command_.base_ = base;
  command_.raw_length_ = 0;
  command_.args_offset_ = 0;
  if (!command_.args_.empty()) {
    const Command::Arg& name = command_.args_.front();
    const Command::Arg& last = command_.args_.back();
    command_.args_offset_ = name.offset + name.length + kCrLf;
    command_.raw_length_ = last.offset + last.length + kCrLf;
  }
  return Result::kLarge;
}

RequestParser::Result RequestParser::need_more(std::string_view bytes) {
  return bytes.size() > limits_.large_request ? large(bytes.data()) : Result::kNeedMore;
}

RequestParser::Result RequestParser::fail(std::string_view reason) {
  phase_ = Phase::kDead;
  error_text_ = grammar::error_line(reason);
  return Result::kError;
}

// Position of the current line's '\r', once the byte behind it is there too. Either way scanned_
// is how far the line reaches as known so far.
std::size_t RequestParser::find_line_end(std::string_view bytes) {
  const void* const found = std::memchr(bytes.data() + scanned_, '\r', bytes.size() - scanned_);
  if (found == nullptr) {
    scanned_ = bytes.size();
    return kNotFound;
  }
  scanned_ = static_cast<std::size_t>(static_cast<const char*>(found) - bytes.data());
  return scanned_ + 1 < bytes.size() ? scanned_ : kNotFound;
}

// Whether the command can still end within limits.large_request, given the bulk at position_.
bool RequestParser::fits(std::size_t bulk_length) const {
  return position_ + bulk_length + kCrLf <= limits_.large_request;
}

}  // namespace pillion::resp
