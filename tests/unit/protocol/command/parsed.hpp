// Commands for tests, made the way they come into being: encoded and parsed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "protocol/command/table.hpp"
#include "protocol/resp/request_parser.hpp"

namespace pillion::command {

/// A parsed command and its row in the table, subcommand included.
class Parsed {
 public:
  explicit Parsed(const std::vector<std::string>& args) {
    bytes_ = "*" + std::to_string(args.size()) + "\r\n";
    for (const std::string& arg : args) {
      bytes_ += "$" + std::to_string(arg.size()) + "\r\n" + arg + "\r\n";
    }
    ok_ = parser_.parse(bytes_) == resp::RequestParser::Result::kCommand;
  }
  Parsed(const Parsed&) = delete;
  Parsed& operator=(const Parsed&) = delete;

  bool ok() const { return ok_; }
  const resp::Command& command() const { return parser_.command(); }
  const Spec& spec() const { return row_of(command()); }

 private:
  std::string bytes_;
  resp::RequestParser parser_;
  bool ok_ = false;
};

/// "SET a 1" -> {"SET", "a", "1"}; '' stands for the empty argument.
inline std::vector<std::string> words(std::string_view line) {
  std::vector<std::string> out;
  while (!line.empty()) {
    const std::size_t blank = line.find(' ');
    const std::string_view word = line.substr(0, blank);
    out.emplace_back(word == "''" ? std::string_view{} : word);
    line.remove_prefix(blank == std::string_view::npos ? line.size() : blank + 1);
  }
  return out;
}

}  // namespace pillion::command
