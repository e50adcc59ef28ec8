// Client bytes -> commands, without copying an argument.
//
// The caller keeps the bytes of the command being parsed contiguous and hands them over from the
// command's first byte on every call; the parser remembers how far it got, so no byte of a
// multibulk command is looked at twice. Strings are views into the caller's bytes through offsets,
// so the caller may move its buffer between calls.
//
// The parser is as strict as Redis's string2ll (no '+', blanks, leading zeros or overflow), hence
// the bytes of an accepted multibulk command *are* its canonical encoding and may be passed on as
// they are; inline commands must be re-encoded (RELIABILITY INV-8).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/resp/limits.hpp"

namespace pillion::resp {

/// One parsed command. Valid until the next call to RequestParser::parse or until the caller's
/// bytes move, whichever is first.
class Command {
 public:
  std::size_t argc() const { return args_.size(); }
  std::string_view arg(std::size_t i) const {
    return {base_ + args_[i].offset, args_[i].length};
  }
  std::string_view name() const { return arg(0); }

  /// The canonical multibulk encoding of the whole command.
  std::string_view raw() const { return {base_, raw_length_}; }

  /// The canonical encoding of everything behind the command's name: "$1\r\nk\r\n" for GET k.
  /// Two commands of one name have equal arguments exactly when these bytes are equal.
  std::string_view raw_args() const { return {base_ + args_offset_, raw_length_ - args_offset_}; }

 private:
  friend class RequestParser;
  struct Arg {
    std::uint32_t offset;
    std::uint32_t length;
  };
  const char* base_ = nullptr;  // the caller's bytes, or the parser's re-encoding of an inline line
  std::size_t raw_length_ = 0;
  std::size_t args_offset_ = 0;
  std::vector<Arg> args_;
};

class RequestParser {
 public:
  enum class Result : std::uint8_t {
    kCommand,   // command() is complete; consumed() bytes belong to it
    kNothing,   // an empty command ("\r\n", "*0\r\n", "*-1\r\n"): drop consumed() bytes, go on
    kNeedMore,  // hand over more bytes behind the ones already given
    kLarge,     // the command exceeds limits.large_request: large_*() below; stream it from its first byte
    kError,     // protocol error: error_text() is what Redis answers before it closes
    kCrossProtocol,  // "POST" or "Host:": close without a word (RELIABILITY INV-12)
  };

  explicit RequestParser(const Limits& limits = {}) : limits_(limits) {}

  /// Limits change when a client authenticates; only between commands.
  void set_limits(const Limits& limits) { limits_ = limits; }

  /// `bytes` starts at the first byte of the command being parsed.
  Result parse(std::string_view bytes);

  const Command& command() const { return command_; }
  std::size_t consumed() const { return consumed_; }

  /// The complete error line, e.g. "-ERR Protocol error: invalid bulk length\r\n".
  std::string_view error_text() const { return error_text_; }

 private:
  // ... to be completed by the implementation
  Limits limits_;
  Command command_;
  std::size_t consumed_ = 0;
  std::string error_text_;
};

/// Follows a command too large to be gathered while its bytes are passed on.
///
/// Fed from the first byte of the command. Knows where the command ends and validates the same
/// grammar and limits as RequestParser.
class LargeRequest {
 public:
  enum class Status : std::uint8_t { kMore, kDone, kError };

  explicit LargeRequest(const Limits& limits = {}) : limits_(limits) {}

  /// Consumes up to the end of the command. `consumed` is how many of `bytes` belong to it.
  Status feed(std::string_view bytes, std::size_t& consumed);

  std::string_view error_text() const { return error_text_; }

 private:
  Limits limits_;
  std::string error_text_;
};

}  // namespace pillion::resp
