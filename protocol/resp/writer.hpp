// Appends requests and our own replies to a buffer. The one encoder of the house.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace pillion::resp {

/// "*<argc>\r\n" and one bulk string; a request is a header and argc bulks.
void append_array_header(std::string& out, std::size_t count);
void append_map_header(std::string& out, std::size_t pairs,
                       int protocol);  // RESP2: an array of twice as many
void append_bulk(std::string& out, std::string_view value);
void append_simple(std::string& out, std::string_view text);
void append_integer(std::string& out, std::int64_t value);
void append_null(std::string& out, int protocol);  // RESP2 "$-1", RESP3 "_"
/// Appends an error line: "-" + text, with CR and LF replaced by blanks, as Redis does. `text`
/// starts with its code ("ERR ...", "NOAUTH ..."). Client bytes inside must already be truncated.
void append_error(std::string& out, std::string_view text);
void append_request(std::string& out, std::initializer_list<std::string_view> args);

}  // namespace pillion::resp
