// Bytes of any origin made fit for one log line. Pure.
#pragma once

#include <string>
#include <string_view>

namespace pillion::logging {

/// Control characters become \n, \r, \t or \xNN: a peer's error text cannot forge a second line
/// or move a terminal's cursor.
void append_text(std::string& out, std::string_view message);

/// The inside of a JSON string; bytes that are not UTF-8 become U+FFFD.
void append_json(std::string& out, std::string_view message);

}  // namespace pillion::logging
