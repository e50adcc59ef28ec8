#include "tests/support/resp_value.hpp"

#include <charconv>
#include <ostream>
#include <stdexcept>

namespace pillion::test {
namespace {

std::int64_t to_integer(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) {
    throw std::runtime_error("not a number: " + printable(text));
  }
  return number;
}

/// Reads depth first; replies that tests provoke are shallow, so recursion is fine here.
class Reader {
 public:
  Reader(std::string_view bytes, Incomplete& need) : bytes_(bytes), need_(need) {}

  bool read(Value& value) {
    std::string_view line;
    if (!read_line(line)) return false;
    if (line.empty()) throw std::runtime_error("an empty line where a reply should begin");
    value = Value{};
    value.type = line[0];
    const std::string_view rest = line.substr(1);
    switch (value.type) {
      case '+':
      case '-':
      case ':':
      case ',':
      case '#':
      case '(':
        value.text = rest;
        return true;
      case '_':
        value.null = true;
        return true;
      case '$':
      case '!':
      case '=':
        return read_bulk(to_integer(rest), value);
      case '*':
      case '~':
      case '>':
        return read_items(to_integer(rest), value);
      case '%':
        return read_items(2 * to_integer(rest), value);
      case '|': {
        // An attribute belongs to the reply behind it.
        Value attribute;
        return read_items(2 * to_integer(rest), attribute) && read(value);
      }
      default:
        throw std::runtime_error("no RESP type: " + printable(line));
    }
  }

  std::size_t consumed() const { return at_; }

 private:
  bool read_line(std::string_view& line) {
    const std::size_t end = bytes_.find("\r\n", at_);
    if (end == std::string_view::npos) {
      need_.at_least = bytes_.size() + 1;
      return false;
    }
    line = bytes_.substr(at_, end - at_);
    at_ = end + 2;
    return true;
  }

  bool read_bulk(std::int64_t length, Value& value) {
    if (length < 0) {
      value.null = true;
      return true;
    }
    const auto size = static_cast<std::size_t>(length);
    if (bytes_.size() - at_ < size + 2) {
      need_.at_least = at_ + size + 2;
      return false;
    }
    value.text = bytes_.substr(at_, size);
    if (bytes_.substr(at_ + size, 2) != "\r\n") throw std::runtime_error("a bulk without its CRLF");
    at_ += size + 2;
    return true;
  }

  bool read_items(std::int64_t count, Value& value) {
    value.null = count < 0;
    for (std::int64_t i = 0; i < count; ++i) {
      value.items.emplace_back();
      if (!read(value.items.back())) return false;
    }
    return true;
  }

  std::string_view bytes_;
  Incomplete& need_;
  std::size_t at_ = 0;
};

}  // namespace

std::int64_t Value::integer() const {
  if (type != ':' && !is_string()) throw std::runtime_error("not an integer: " + printable(text));
  return to_integer(text);
}

const Value& Value::at(std::string_view key) const {
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    if (items[i].text == key) return items[i + 1];
  }
  throw std::runtime_error("no \"" + std::string(key) + "\" in the reply");
}

std::vector<std::string> Value::texts() const {
  std::vector<std::string> result;
  for (const Value& item : items) result.push_back(item.text);
  return result;
}

bool Value::operator==(const Value& other) const {
  return type == other.type && null == other.null && text == other.text && items == other.items;
}

bool operator==(const Value& value, std::string_view text) {
  return value.is_string() && value.text == text;
}

bool operator==(const Value& value, std::int64_t number) {
  return value.is_integer() && value.integer() == number;
}

std::ostream& operator<<(std::ostream& out, const Value& value) {
  if (value.null) return out << value.type << "null";
  switch (value.type) {
    case '*':
    case '~':
    case '>':
    case '%':
    case '|':
      out << value.type << '[';
      for (std::size_t i = 0; i < value.items.size(); ++i) {
        out << (i == 0 ? "" : ", ") << value.items[i];
        if (i == 20) return out << ", ... " << value.items.size() << " items]";
      }
      return out << ']';
    default:
      return out << value.type << '"' << printable(value.text) << '"';
  }
}

std::optional<std::size_t> parse_reply(std::string_view bytes, Value& into, Incomplete& need) {
  Reader reader(bytes, need);
  if (!reader.read(into)) return std::nullopt;
  return reader.consumed();
}

namespace {

template <class Arguments>
void append(std::string& to, const Arguments& arguments) {
  to += '*';
  to += std::to_string(arguments.size());
  to += "\r\n";
  for (const std::string_view argument : arguments) {
    to += '$';
    to += std::to_string(argument.size());
    to += "\r\n";
    to += argument;
    to += "\r\n";
  }
}

}  // namespace

std::string encode(const std::vector<std::string_view>& arguments) {
  std::string bytes;
  append(bytes, arguments);
  return bytes;
}

void append_command(std::string& to, std::initializer_list<std::string_view> arguments) {
  append(to, arguments);
}

std::string printable(std::string_view bytes, std::size_t most) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string result;
  for (const char c : bytes.substr(0, most)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\r') {
      result += "\\r";
    } else if (c == '\n') {
      result += "\\n";
    } else if (byte >= 0x20 && byte < 0x7f) {
      result += c;
    } else {
      result += "\\x";
      result += kDigits[byte >> 4];
      result += kDigits[byte & 15];
    }
  }
  if (bytes.size() > most) result += "... (" + std::to_string(bytes.size()) + " bytes)";
  return result;
}

}  // namespace pillion::test
