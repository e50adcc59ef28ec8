#include "tests/support/resp_client.hpp"

#include <algorithm>

namespace pillion::test {
namespace {

constexpr std::size_t kReadSize = 64 << 10;

Millis until(Moment deadline) {
  return std::max(Millis{0}, std::chrono::ceil<Millis>(deadline - Clock::now()));
}

}  // namespace

Value RespClient::command(const std::vector<std::string_view>& arguments) {
  send_raw(encode(arguments));
  return read();
}

void RespClient::send_raw(std::string_view bytes, Millis patience) {
  last_sent_.assign(bytes.substr(0, 100));
  socket_.send_all(bytes, patience);
}

/// Appends what the socket has; false at the end of the stream.
bool RespClient::receive_more(Moment deadline, Millis patience, std::size_t at_least) {
  if (begin_ > 0 && begin_ == buffer_.size()) {
    buffer_.clear();
    begin_ = 0;
  }
  const std::size_t old_size = buffer_.size();
  const std::size_t missing = at_least > unread().size() ? at_least - unread().size() : 0;
  buffer_.resize(old_size + std::max(kReadSize, std::min<std::size_t>(missing, 16 << 20)));
  std::size_t got = 0;
  try {
    got = socket_.receive(buffer_.data() + old_size, buffer_.size() - old_size, until(deadline));
  } catch (const TimedOut&) {
    buffer_.resize(old_size);
    throw TimedOut("no whole reply within " + std::to_string(patience.count()) +
                   " ms; sent last: \"" + printable(last_sent_) + "\"; unread so far: \"" +
                   printable(unread()) + "\"");
  }
  buffer_.resize(old_size + got);
  return got > 0;
}

void RespClient::consume(std::size_t bytes) {
  begin_ += bytes;
  if (begin_ >= (1U << 20) && begin_ * 2 > buffer_.size()) {
    buffer_.erase(0, begin_);
    begin_ = 0;
  }
}

std::size_t RespClient::read_frame(Value& value, Millis patience) {
  const Moment deadline = Clock::now() + patience;
  Incomplete need;
  while (true) {
    if (!unread().empty()) {
      if (const auto length = parse_reply(unread(), value, need)) return *length;
    }
    const std::size_t least = std::max(need.at_least, unread().size() + 1);
    // A large reply of many parts is looked at again only when it has grown by a half or nothing
    // more is on the way: else it would be parsed once per packet.
    const std::size_t wanted =
        std::max(least, unread().size() > (1U << 20) ? unread().size() / 2 * 3 : 0);
    while (unread().size() < wanted) {
      if (unread().size() >= least && !socket_.readable_within(Millis{0})) break;
      if (receive_more(deadline, patience, wanted)) continue;
      if (unread().empty())
        throw Closed("the connection was closed instead of a reply; sent last: \"" +
                     printable(last_sent_) + "\"");
      if (const auto length = parse_reply(unread(), value, need)) return *length;
      throw Closed("the connection was closed within a reply: \"" + printable(unread()) + "\"");
    }
  }
}

Value RespClient::read(Millis patience) {
  Value value;
  consume(read_frame(value, patience));
  return value;
}

std::vector<Value> RespClient::read_many(std::size_t count, Millis patience) {
  std::vector<Value> values;
  values.reserve(count);
  for (std::size_t i = 0; i < count; ++i) values.push_back(read(patience));
  return values;
}

std::optional<Value> RespClient::try_read(Millis patience) {
  try {
    return read(patience);
  } catch (const TimedOut&) {
    return std::nullopt;
  }
}

std::string RespClient::read_raw(Millis patience) {
  Value value;
  const std::size_t length = read_frame(value, patience);
  std::string bytes(unread().substr(0, length));
  consume(length);
  return bytes;
}

std::string RespClient::raw(const std::vector<std::string_view>& arguments) {
  send_raw(encode(arguments));
  return read_raw();
}

std::vector<Value> RespClient::pipeline(
    const std::vector<std::vector<std::string_view>>& commands) {
  std::string bytes;
  for (const auto& command : commands) bytes += encode(command);
  send_raw(bytes);
  return read_many(commands.size());
}

std::string RespClient::read_to_end(Millis patience) {
  const Moment deadline = Clock::now() + patience;
  while (receive_more(deadline, patience, 0)) {
  }
  std::string rest(unread());
  consume(rest.size());
  return rest;
}

bool RespClient::closed_by_peer(Millis patience) {
  try {
    return read_to_end(patience).empty();
  } catch (const TimedOut&) {
    return false;
  }
}

void RespClient::stream(std::size_t count, const std::function<void(std::string_view)>& take,
                        Millis patience) {
  const Moment deadline = Clock::now() + patience;
  while (count > 0) {
    if (unread().empty() && !receive_more(deadline, patience, 0)) {
      throw Closed("the connection was closed with " + std::to_string(count) + " bytes to come");
    }
    const std::string_view piece = unread().substr(0, count);
    take(piece);
    count -= piece.size();
    begin_ += piece.size();
  }
}

RespClient& RespClient::hello3() {
  const Value reply = (*this)("HELLO", "3");
  if (reply.is_error()) throw std::runtime_error("HELLO 3: " + reply.text);
  return *this;
}

}  // namespace pillion::test
