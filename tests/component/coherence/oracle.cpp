#include "tests/component/coherence/oracle.hpp"

#include <algorithm>

#include "tests/support/resp_value.hpp"

namespace pillion::coherence {
namespace {

std::string shown(const std::string& bytes) {
  return test::printable(bytes);
}

bool is_error(const std::string& reply) {
  return reply.front() == '-';
}

/// What Pillion itself says when an upstream is lost.
bool is_own_error(const std::string& reply) {
  return reply.rfind("-ERR upstream", 0) == 0;
}

/// The shape of a reply that this command can have.
bool fits(const Call& call) {
  const std::string& name = call.arguments[0];
  const char type = call.reply.front();
  if (name == "DEL" || name == "INCR" || name == "HSET" || name == "LPUSH" || name == "PEXPIRE")
    return type == ':';
  if (name == "EXEC") return type == '*' || type == '_';
  return type == '+';
}

}  // namespace

std::vector<std::size_t> Oracle::events_of(const Call& call) const {
  std::vector<std::size_t> events;
  const auto& history = upstream_->history();
  for (std::size_t i = 1; i < history.size(); ++i) {
    if (history[i].cause.find(call.raw) != std::string::npos) events.push_back(i);
  }
  return events;
}

bool Oracle::changes(std::size_t event, const Call& read) const {
  const auto& history = upstream_->history();
  return read_reply(history[event].state, read.database, read.arguments, read.protocol) !=
         read_reply(history[event - 1].state, read.database, read.arguments, read.protocol);
}

std::string Oracle::judge(const std::vector<Call>& calls, std::size_t index) {
  const Call& call = calls[index];
  const std::string who = "session " + std::to_string(call.session) + " " + shown(call.raw) +
                          " -> " + shown(call.reply);
  if (is_own_error(call.reply)) return {};
  if (call.queued && call.arguments[0] != "EXEC") {
    return call.reply == "+QUEUED\r\n" ? std::string() : who + ": not queued in its transaction";
  }
  if (call.denied && call.arguments[0] != "AUTH") {
    return call.reply.rfind("-NOPERM", 0) == 0 ? std::string()
                                               : who + ": told to a user who may read nothing";
  }
  if (is_read(call.arguments)) {
    const std::string fault = judge_read(calls, index);
    return fault.empty() ? fault : who + ": " + fault;
  }
  if (!is_error(call.reply) && !fits(call)) return who + ": the reply of another command";
  if (is_error(call.reply)) return {};
  // In a transaction the writes are answered by EXEC.
  std::size_t first = index;
  if (call.arguments[0] == "EXEC") {
    while (first > 0 && calls[first].arguments[0] != "MULTI") --first;
  }
  for (std::size_t i = first; i <= index; ++i) {
    if (is_read(calls[i].arguments)) continue;
    for (const std::size_t event : events_of(calls[i])) released_.push_back(event);
  }
  return {};
}

std::string Oracle::judge_read(const std::vector<Call>& calls, std::size_t index) {
  const Call& call = calls[index];
  const auto& history = upstream_->history();
  std::vector<std::size_t> states;
  for (std::size_t i = 0; i < history.size(); ++i) {
    if (read_reply(history[i].state, call.database, call.arguments, call.protocol) == call.reply)
      states.push_back(i);
  }
  if (states.empty()) return "true at no time";
  const std::size_t latest = states.back();

  if (is_error(call.reply) && latest < call.called_after) return "an error from a cache";
  if (call.pinned && latest < call.called_after) return "a read under WATCH from a cache";
  if (latest + 1 < history.size()) {
    const Event& end = history[latest + 1];
    if (end.at < call.called_at - max_staleness_) return "stale for longer than the bound";
    if (end.expiry && call.at_once && end.at < call.called_at)
      return "expired before it was asked for";
  }

  for (std::size_t i = 0; i < call.releases; ++i) {
    if (released_[i] > latest && changes(released_[i], call))
      return "older than a write that was answered before";
  }
  std::size_t least = 0;
  for (std::size_t i = 0; i < index; ++i) {
    // What was said to be of unknown outcome may still happen at any time.
    if (is_read(calls[i].arguments) || calls[i].queued || is_own_error(calls[i].reply)) continue;
    for (const std::size_t event : events_of(calls[i])) {
      if (changes(event, call)) least = std::max(least, event);
    }
  }
  if (latest < least) return "older than the session's own earlier command";
  for (const std::string& key : keys_of(call.arguments)) {
    if (!monotonic_) break;
    for (const Sighting& earlier : seen_) {
      if (earlier.session == call.session && earlier.place == Place{call.database, key}) {
        least = std::max(least, earlier.event);
      }
    }
  }
  if (latest < least) return "older than what the session has read before";
  const std::size_t chosen = *std::lower_bound(states.begin(), states.end(), least);
  for (std::size_t i = index + 1; i < calls.size(); ++i) {
    if (is_read(calls[i].arguments) || calls[i].queued) continue;
    for (const std::size_t event : events_of(calls[i])) {
      if (chosen >= event && changes(event, call))
        return "newer than the session's own later command";
    }
  }
  for (const std::string& key : keys_of(call.arguments)) {
    seen_.push_back({call.session, {call.database, key}, chosen});
  }
  return {};
}

}  // namespace pillion::coherence
