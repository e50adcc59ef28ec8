#include "tests/component/coherence/fake_redis.hpp"

#include <cstdlib>
#include <iterator>
#include <sstream>
#include <stdexcept>

#include "protocol/resp/request_parser.hpp"
#include "protocol/resp/writer.hpp"

namespace pillion::coherence {
namespace {

constexpr const char* kWrongType =
    "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";

std::string bulk(const std::string& text) {
  std::string out;
  resp::append_bulk(out, text);
  return out;
}

std::string null(int protocol) {
  std::string out;
  resp::append_null(out, protocol);
  return out;
}

std::string integer(std::int64_t value) {
  return ":" + std::to_string(value) + "\r\n";
}

std::string canonical(const Arguments& arguments) {
  std::string out;
  resp::append_array_header(out, arguments.size());
  for (const std::string& argument : arguments) resp::append_bulk(out, argument);
  return out;
}

Arguments words(const std::string& text) {
  std::istringstream in(text);
  Arguments result;
  for (std::string word; in >> word;) result.push_back(word);
  return result;
}

const Content* find(const State& state, std::uint32_t database, const std::string& key) {
  const auto at = state.find({database, key});
  return at == state.end() ? nullptr : &at->second;
}

// Every command the fill link asks about is a plain read here.
std::string command_info(const Arguments& arguments) {
  std::string out;
  resp::append_array_header(out, arguments.size() - 2);
  for (std::size_t i = 2; i < arguments.size(); ++i) {
    out += "*3\r\n" + bulk(arguments[i]) + ":2\r\n*1\r\n+readonly\r\n";
  }
  return out;
}

}  // namespace

bool is_read(const Arguments& arguments) {
  static const std::set<std::string> kReads = {"GET",    "MGET",   "HGET", "HGETALL",
                                               "EXISTS", "STRLEN", "PTTL"};
  return kReads.count(arguments[0]) != 0;
}

std::vector<std::string> keys_of(const Arguments& arguments) {
  const std::string& name = arguments[0];
  if (name == "MGET" || name == "DEL") return {arguments.begin() + 1, arguments.end()};
  if (name == "MSET") {
    std::vector<std::string> keys;
    for (std::size_t i = 1; i < arguments.size(); i += 2) keys.push_back(arguments[i]);
    return keys;
  }
  static const std::set<std::string> kOneKey = {"GET",    "HGET",    "HGETALL", "EXISTS",
                                                "STRLEN", "PTTL",    "SET",     "INCR",
                                                "HSET",   "PEXPIRE", "LPUSH"};
  if (kOneKey.count(name) != 0) return {arguments[1]};
  return {};
}

std::string read_reply(const State& state, std::uint32_t database, const Arguments& arguments,
                       int protocol) {
  const std::string& name = arguments[0];
  if (name == "MGET") {
    std::string out;
    resp::append_array_header(out, arguments.size() - 1);
    for (std::size_t i = 1; i < arguments.size(); ++i) {
      const Content* const content = find(state, database, arguments[i]);
      out += content != nullptr && content->type == 's' ? bulk(content->text) : null(protocol);
    }
    return out;
  }
  const Content* const content = find(state, database, arguments[1]);
  if (name == "EXISTS") return integer(content != nullptr ? 1 : 0);
  if (name == "GET" || name == "STRLEN") {
    if (content != nullptr && content->type != 's') return kWrongType;
    if (name == "STRLEN")
      return integer(content != nullptr ? static_cast<std::int64_t>(content->text.size()) : 0);
    return content != nullptr ? bulk(content->text) : null(protocol);
  }
  if (content != nullptr && content->type != 'h') return kWrongType;
  if (name == "HGET") {
    if (content == nullptr) return null(protocol);
    const auto field = content->fields.find(arguments[2]);
    return field == content->fields.end() ? null(protocol) : bulk(field->second);
  }
  std::string out;
  resp::append_map_header(out, content == nullptr ? 0 : content->fields.size(), protocol);
  if (content != nullptr) {
    for (const auto& [field, value] : content->fields) out += bulk(field) + bulk(value);
  }
  return out;
}

FakeRedis::Handle FakeRedis::connect(std::uint32_t database, int protocol, std::string user) {
  auto connection = std::make_shared<Connection>();
  connection->database = database;
  connection->protocol = protocol;
  connection->user = std::move(user);
  connections_.insert(connection);
  return connection;
}

void FakeRedis::disconnect(const Handle& connection) {
  connection->open = false;
  connection->output.clear();
  connection->tracking = false;
  for (auto& [key, readers] : tracked_) readers.erase(connection.get());
}

void FakeRedis::push(const std::set<Connection*>& to, const std::string& frame) {
  for (Connection* const reader : to) {
    if (reader == current_) {
      own_pushes_.push_back(frame);
    } else {
      reader->output.push_back(frame);
    }
  }
}

void FakeRedis::touch(const Place& place) {
  for (const Handle& connection : connections_) {
    if (connection->watched.count(place) != 0) connection->watch_broken = true;
  }
  touched_.push_back(place.second);
  const auto readers = tracked_.find(place.second);
  if (readers == tracked_.end() || !owns(place.second)) return;
  push(readers->second, ">2\r\n$10\r\ninvalidate\r\n*1\r\n" + bulk(place.second));
  tracked_.erase(readers);
}

void FakeRedis::announce_expired(std::uint32_t database, const Arguments& arguments) {
  for (const std::string& key : keys_of(arguments)) {
    if (unannounced_.erase({database, key}) != 0) touch({database, key});
  }
}

void FakeRedis::flush() {
  flushed_ = true;
  state_.clear();
  unannounced_.clear();
  tracked_.clear();
  std::set<Connection*> everybody;
  for (const Handle& connection : connections_) {
    if (connection->tracking) everybody.insert(connection.get());
    if (!connection->watched.empty()) connection->watch_broken = true;
  }
  push(everybody, ">2\r\n$10\r\ninvalidate\r\n_\r\n");
}

std::string FakeRedis::write(Connection& connection, const Arguments& arguments) {
  const std::string& name = arguments[0];
  const std::uint32_t database = connection.database;
  if (name == "FLUSHALL") {
    flush();
    return "+OK\r\n";
  }
  if (name == "SWAPDB") {
    const auto a = static_cast<std::uint32_t>(std::stoul(arguments[1]));
    const auto b = static_cast<std::uint32_t>(std::stoul(arguments[2]));
    State swapped;
    for (const auto& [place, content] : state_) {
      swapped[{place.first == a ? b : place.first == b ? a : place.first, place.second}] = content;
    }
    state_ = std::move(swapped);
    return "+OK\r\n";
  }
  if (name == "EVAL") {
    // The script is one command in plain words; its keys are nobody's business.
    write(connection, words(arguments[1]));
    return "+OK\r\n";
  }
  if (name == "MSET") {
    for (std::size_t i = 1; i + 1 < arguments.size(); i += 2) {
      Content content;
      content.text = arguments[i + 1];
      state_[{database, arguments[i]}] = content;
      touch({database, arguments[i]});
    }
    return "+OK\r\n";
  }
  if (name == "DEL") {
    std::int64_t removed = 0;
    for (std::size_t i = 1; i < arguments.size(); ++i) {
      if (state_.erase({database, arguments[i]}) == 0) continue;
      ++removed;
      touch({database, arguments[i]});
    }
    return integer(removed);
  }
  const Place place{database, arguments[1]};
  if (name == "SET") {
    Content content;
    content.text = arguments[2];
    if (arguments.size() == 5)
      content.expires_at = clock_ + std::stoll(arguments[4]) * state::kMillisecond;
    state_[place] = content;
    touch(place);
    return "+OK\r\n";
  }
  if (name == "PEXPIRE") {
    const auto at = state_.find(place);
    if (at == state_.end()) return integer(0);
    at->second.expires_at = clock_ + std::stoll(arguments[2]) * state::kMillisecond;
    touch(place);
    return integer(1);
  }
  Content& content = state_[place];
  const bool fresh = content == Content{};
  if (name == "INCR") {
    if (content.type != 's') return kWrongType;
    content.text = std::to_string(std::atoll(content.text.c_str()) + 1);
    touch(place);
    return integer(std::atoll(content.text.c_str()));
  }
  if (name == "HSET") {
    if (fresh) content.type = 'h';
    if (content.type != 'h') return kWrongType;
    const bool added = content.fields.emplace(arguments[2], "").second;
    content.fields[arguments[2]] = arguments[3];
    touch(place);
    return integer(added ? 1 : 0);
  }
  if (name == "LPUSH") {
    if (fresh) content.type = 'l';
    if (content.type != 'l') return kWrongType;
    content.text += arguments[2];
    touch(place);
    return integer(1);
  }
  throw std::logic_error("FakeRedis does not know " + name);
}

std::string FakeRedis::execute_data(Connection& connection, const Arguments& arguments) {
  if (connection.user != "default") return "-NOPERM this user may touch no key\r\n";
  if (const std::string refused = refusal(connection, arguments); !refused.empty()) return refused;
  announce_expired(connection.database, arguments);
  if (!is_read(arguments)) {
    cause_ = canonical(arguments);
    return write(connection, arguments);
  }
  std::string reply;
  if (arguments[0] == "PTTL") {
    const Content* const content = find(state_, connection.database, arguments[1]);
    if (content == nullptr) {
      reply = integer(-2);
    } else if (content->expires_at == 0) {
      reply = integer(-1);
    } else {
      reply = integer((content->expires_at - clock_) / state::kMillisecond);
    }
  } else {
    reply = read_reply(state_, connection.database, arguments, connection.protocol);
  }
  if (connection.tracking) {
    for (const std::string& key : keys_of(arguments)) tracked_[key].insert(&connection);
  }
  return reply;
}

std::string FakeRedis::execute_transaction(Connection& connection) {
  const std::vector<Arguments> queued = std::exchange(connection.queued, {});
  const bool broken = connection.watch_broken;
  connection.multi = false;
  connection.watch_broken = false;
  connection.watched.clear();
  if (broken) return connection.protocol == 3 ? "_\r\n" : "*-1\r\n";
  std::string out;
  std::string causes;
  resp::append_array_header(out, queued.size());
  for (const Arguments& arguments : queued) {
    out += execute_data(connection, arguments);
    causes += std::exchange(cause_, {});
  }
  cause_ = causes;
  return out;
}

std::string FakeRedis::execute(Connection& connection, const Arguments& arguments) {
  const std::string& name = arguments[0];
  if (name == "EXEC")
    return connection.multi ? execute_transaction(connection) : "-ERR EXEC without MULTI\r\n";
  if (name == "DISCARD") {
    connection.multi = false;
    connection.watch_broken = false;
    connection.queued.clear();
    connection.watched.clear();
    return "+OK\r\n";
  }
  if (connection.multi) {
    connection.queued.push_back(arguments);
    return "+QUEUED\r\n";
  }
  if (name == "MULTI") {
    connection.multi = true;
    return "+OK\r\n";
  }
  if (name == "WATCH") {
    for (std::size_t i = 1; i < arguments.size(); ++i)
      connection.watched.insert({connection.database, arguments[i]});
    return "+OK\r\n";
  }
  if (name == "UNWATCH") {
    connection.watched.clear();
    connection.watch_broken = false;
    return "+OK\r\n";
  }
  if (name == "PING") return arguments.size() > 1 ? bulk(arguments[1]) : "+PONG\r\n";
  if (name == "ROLE") return "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n";
  if (name == "INFO") return replication();
  if (name == "CLUSTER") return cluster(arguments);
  if (name == "SELECT") {
    connection.database = static_cast<std::uint32_t>(std::stoul(arguments[1]));
    return "+OK\r\n";
  }
  if (name == "HELLO") {
    connection.protocol = 3;
    return "%1\r\n$6\r\nserver\r\n$5\r\nredis\r\n";
  }
  if (name == "AUTH") {
    connection.user = arguments.size() > 2 ? arguments[1] : "default";
    return "+OK\r\n";
  }
  if (name == "COMMAND") return command_info(arguments);
  if (name == "CLIENT") {
    connection.tracking = true;
    return "+OK\r\n";
  }
  return execute_data(connection, arguments);
}

void FakeRedis::execute_next(const Handle& connection) {
  resp::RequestParser parser;
  if (parser.parse(connection->input) != resp::RequestParser::Result::kCommand) {
    throw std::logic_error("half a command reached the upstream");
  }
  Arguments arguments;
  for (std::size_t i = 0; i < parser.command().argc(); ++i)
    arguments.emplace_back(parser.command().arg(i));
  connection->input.erase(0, parser.consumed());
  state_ = history_.back().state;
  // A replica drops what is over only when its primary does, and shows it to nobody.
  for (auto it = state_.begin(); primary_ != nullptr && it != state_.end();) {
    const state::Nanos end = it->second.expires_at;
    it = end != 0 && end < clock_ ? state_.erase(it) : std::next(it);
  }
  cause_.clear();
  touched_.clear();
  flushed_ = false;
  current_ = connection.get();
  std::string reply = execute(*connection, arguments);
  current_ = nullptr;
  if (!cause_.empty()) note();
  if (connection->open) {
    connection->output.push_back(std::move(reply));
    for (std::string& frame : own_pushes_) connection->output.push_back(std::move(frame));
  }
  own_pushes_.clear();
}

void FakeRedis::execute_foreign(const Arguments& arguments) {
  Connection stranger;
  state_ = history_.back().state;
  if (arguments[0] == "FORGET") return touch({0, arguments[1]});
  cause_.clear();
  touched_.clear();
  flushed_ = false;
  execute(stranger, arguments);
  if (!cause_.empty()) note();
}

void FakeRedis::note() {
  history_.push_back({clock_, cause_, false, state_, touched_, flushed_});
}

void FakeRedis::replicate() {
  const Event& next = primary_->history_[history_.size()];
  state_ = next.state;
  if (next.flushed) {
    flush();
    state_ = next.state;
  }
  const std::vector<std::string> keys = next.touched;
  for (const std::string& key : keys) touch({0, key});
  history_.push_back(next);
}

void FakeRedis::resync() {
  connected_ = true;
  flush();
  history_ = primary_->history_;
}

std::string FakeRedis::replication() const {
  // Events are the bytes of its stream; a replica that was promoted has the same history still.
  const std::string offset = std::to_string(history_.size());
  std::string text = "# Replication\r\n";
  if (primary_ == nullptr) {
    text += "role:master\r\nmaster_replid:abc\r\nmaster_repl_offset:" + offset + "\r\n";
  } else {
    text += std::string("role:slave\r\nmaster_link_status:") + (connected_ ? "up" : "down") +
            "\r\nmaster_replid:abc\r\nslave_repl_offset:" + offset + "\r\n";
  }
  return bulk(text);
}

std::string FakeRedis::cluster(const Arguments& arguments) const {
  if (arguments[1] == "MYID") return bulk("me");
  if (arguments[1] == "INFO")
    return bulk(std::string("cluster_state:") + (down_ ? "fail" : "ok") + "\r\n");
  std::string out;
  resp::append_array_header(out, 'z' - 'a' + 1);
  for (char slot = 'a'; slot <= 'z'; ++slot) {
    const std::string owner = lost_.count(slot) == 0 ? "me" : "other";
    out += "*3\r\n" + integer(slot) + integer(slot) + "*3\r\n" + bulk("10.0.0.1") + integer(7000) +
           bulk(owner);
  }
  return out;
}

/// What a fill link is told instead of an answer.
std::string FakeRedis::refusal(const Connection& connection, const Arguments& arguments) const {
  if (!cluster_ || !connection.tracking) return {};
  if (down_) return "-CLUSTERDOWN The cluster is down\r\n";
  for (const std::string& key : keys_of(arguments)) {
    if (!owns(key)) return "-MOVED " + std::to_string(key[0]) + " 10.0.0.2:7001\r\n";
  }
  return {};
}

void FakeRedis::expire() {
  for (;;) {
    const Place* first = nullptr;
    state::Nanos at = clock_;
    for (const auto& [place, content] : history_.back().state) {
      // Redis: gone when now is past it.
      if (content.expires_at == 0 || content.expires_at >= at) continue;
      at = content.expires_at;
      first = &place;
    }
    if (first == nullptr) return;
    Event event{at, {}, true, history_.back().state, {}, false};
    unannounced_.insert(*first);
    event.state.erase(*first);
    history_.push_back(std::move(event));
  }
}

}  // namespace pillion::coherence
