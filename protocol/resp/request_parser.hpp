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
#include <utility>
#include <vector>

#include "protocol/resp/limits.hpp"

namespace pillion::resp {

/// One parsed command. Valid until the next call to RequestParser::parse or until the caller's
/// bytes move, whichever is first.
class Command {
 public:
  std::size_t argc() const { return args_.size(); }
  std::string_view arg(std::size_t i) const { return {base_ + args_[i].offset, args_[i].length}; }
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
    kLarge,     // the command exceeds limits.large_request: stream it from its first byte through
                // LargeRequest. command() has the arguments complete so far, perhaps none
    kError,     // protocol error, final: error_text() is what Redis answers before it closes
    kCrossProtocol,  // "POST" or "Host:": close without a word (RELIABILITY INV-12)
  };

  explicit RequestParser(const Limits& limits = {}) : limits_(limits) {}

  /// Limits change when a client authenticates; only between commands.
  void set_limits(const Limits& limits) { limits_ = limits; }

  /// `bytes` starts at the first byte of the command being parsed.
  /// After kCommand, kNothing and kLarge the next call begins a new command.
  Result parse(std::string_view bytes);

  /// The arguments of the last kCommand or kLarge; after kLarge raw() ends with the last of them.
  const Command& command() const { return command_; }
  std::size_t consumed() const { return consumed_; }

  /// After kCommand: gives the command away in exchange for one whose memory is used next, so that
  /// several commands can be held at once. An inline command's bytes stay the parser's.
  void swap_command(Command& other) { std::swap(command_, other); }

  /// Forgets the command being parsed; the next call begins at its first byte again. Also after an
  /// error.
  void restart() { phase_ = Phase::kFresh; }

  /// The complete error line, e.g. "-ERR Protocol error: invalid bulk length\r\n".
  std::string_view error_text() const { return error_text_; }

 private:
  enum class Phase : std::uint8_t {
    kFresh,   // between commands; the next byte decides
    kInline,  // inside a line; scanned_ bytes of it hold no '\n'
    kCount,   // inside "*<n>\r\n"; scanned_ bytes of it hold no '\r'
    kLength,  // inside "$<n>\r\n" at position_; no '\r' before scanned_
    kBulk,    // inside the argument at position_, bulk_length_ bytes and CR LF
    kDead,    // after an error
  };

  void begin(char first_byte);
  Result parse_inline(std::string_view bytes);
  Result parse_count(std::string_view bytes);
  Result parse_length(std::string_view bytes);
  Result parse_arguments(std::string_view bytes);
  Result need_more(std::string_view bytes);
  Result complete(const char* base, std::size_t length);
  Result large(const char* base);
  Result fail(std::string_view reason);
  std::size_t find_line_end(std::string_view bytes);
  bool fits(std::size_t bulk_length) const;

  Limits limits_;
  Command command_;
  std::size_t consumed_ = 0;
  std::string error_text_;

  Phase phase_ = Phase::kFresh;
  bool unending_ = false;  // the inline line holds a NUL: to Redis it never ends
  std::uint32_t args_left_ = 0;
  std::size_t position_ = 0;  // first byte of the item being read, from the command's first byte
  std::size_t scanned_ = 0;   // where the search for the current line's end goes on
  std::size_t bulk_length_ = 0;
  std::string inline_;  // canonical encoding of the last inline command
};

/// Follows a multibulk command too large to be gathered while its bytes are passed on.
///
/// Fed from the first byte of the command, in any splits. Knows where the command ends and
/// validates the same grammar and limits as RequestParser, except limits.large_request.
class LargeRequest {
 public:
  enum class Status : std::uint8_t { kMore, kDone, kError };

  explicit LargeRequest(const Limits& limits = {}) : limits_(limits) {}

  /// Consumes up to the end of the command. `consumed` is how many of `bytes` belong to it.
  /// kDone and kError are final: further bytes are not consumed.
  Status feed(std::string_view bytes, std::size_t& consumed);

  /// The complete error line, as RequestParser::error_text().
  std::string_view error_text() const { return error_text_; }

 private:
  enum class Phase : std::uint8_t {
    kCount,     // inside "*<n>"
    kLength,    // inside "$<n>"
    kLineFeed,  // behind the '\r' of either
    kBulk,      // bulk_left_ bytes of an argument to come, its CR LF included
    kDone,
    kDead,
  };

  Status read_line(std::string_view bytes, std::size_t& used);
  Status end_line(char line_feed);
  Status read_bulk(std::string_view bytes, std::size_t& used);
  Status fail(std::string_view reason);

  Limits limits_;
  std::string error_text_;
  Phase phase_ = Phase::kCount;
  bool in_length_ = false;       // the line being read is a "$<n>"
  std::uint64_t line_size_ = 0;  // bytes of the line so far; line_ keeps what a number needs
  std::string line_;
  std::uint32_t args_left_ = 0;
  std::uint64_t bulk_left_ = 0;
};

}  // namespace pillion::resp
