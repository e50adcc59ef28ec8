#include <algorithm>

#include "protocol/resp/request_grammar.hpp"
#include "protocol/resp/request_parser.hpp"

namespace pillion::resp {
namespace {

// Longer than any valid number line, so cutting a line here cannot make it valid.
constexpr std::size_t kKeptLine = 32;

}  // namespace

LargeRequest::Status LargeRequest::feed(std::string_view bytes, std::size_t& consumed) {
  consumed = 0;
  if (phase_ == Phase::kDone) return Status::kDone;
  if (phase_ == Phase::kDead) return Status::kError;
  Status status = Status::kMore;
  while (status == Status::kMore && consumed != bytes.size()) {
    const std::string_view rest = bytes.substr(consumed);
    std::size_t used = 0;
    if (phase_ == Phase::kBulk) {
      status = read_bulk(rest, used);
    } else if (phase_ == Phase::kLineFeed) {
      used = 1;
      status = end_line(rest.front());
    } else {
      status = read_line(rest, used);
    }
    consumed += used;
  }
  return status;
}

LargeRequest::Status LargeRequest::read_line(std::string_view bytes, std::size_t& used) {
  const bool length = phase_ == Phase::kLength;
  // An inline command is never large; whoever feeds one would wait for an end that never comes.
  if (!length && line_size_ == 0 && bytes.front() != '*') return fail(grammar::kTooBigInline);
  const std::size_t line_end = bytes.find('\r');
  used = line_end == std::string_view::npos ? bytes.size() : line_end;
  line_size_ += used;
  line_.append(bytes.substr(0, std::min(used, kKeptLine - std::min(kKeptLine, line_.size()))));
  if (line_size_ > limits_.max_header) {
    return fail(length ? grammar::kTooBigLengthLine : grammar::kTooBigCountLine);
  }
  if (line_end != std::string_view::npos) {
    ++used;
    in_length_ = length;
    phase_ = Phase::kLineFeed;
  }
  return Status::kMore;
}

LargeRequest::Status LargeRequest::end_line(char line_feed) {
  std::int64_t number = 0;
  if (in_length_ && (line_.empty() || line_.front() != '$')) {
    phase_ = Phase::kDead;
    error_text_ = grammar::expected_dollar_line(line_.empty() ? '\r' : line_.front());
    return Status::kError;
  }
  const std::string_view reason = in_length_ ? grammar::check_length_line(line_, limits_, number)
                                             : grammar::check_count_line(line_, limits_, number);
  if (!reason.empty()) return fail(reason);
  if (line_feed != '\n') return fail(in_length_ ? grammar::kInvalidLength : grammar::kInvalidCount);
  line_.clear();
  line_size_ = 0;
  if (in_length_) {
    bulk_left_ = static_cast<std::uint64_t>(number) + 2;
    phase_ = Phase::kBulk;
    return Status::kMore;
  }
  phase_ = number > 0 ? Phase::kLength : Phase::kDone;
  args_left_ = number > 0 ? static_cast<std::uint32_t>(number) : 0;
  return number > 0 ? Status::kMore : Status::kDone;
}

LargeRequest::Status LargeRequest::read_bulk(std::string_view bytes, std::size_t& used) {
  if (bulk_left_ > 2) {
    used = static_cast<std::size_t>(std::min<std::uint64_t>(bulk_left_ - 2, bytes.size()));
    bulk_left_ -= used;
    return Status::kMore;
  }
  used = 1;
  if (bytes.front() != (bulk_left_ == 2 ? '\r' : '\n')) return fail(grammar::kInvalidLength);
  if (--bulk_left_ != 0) return Status::kMore;
  phase_ = --args_left_ == 0 ? Phase::kDone : Phase::kLength;
  return phase_ == Phase::kDone ? Status::kDone : Status::kMore;
}

LargeRequest::Status LargeRequest::fail(std::string_view reason) {
  phase_ = Phase::kDead;
  error_text_ = grammar::error_line(reason);
  return Status::kError;
}

}  // namespace pillion::resp
