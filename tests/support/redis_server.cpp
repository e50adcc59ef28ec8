#include "tests/support/redis_server.hpp"

#include <signal.h>

#include <algorithm>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "tests/support/eventually.hpp"
#include "tests/support/free_port.hpp"

namespace pillion::test {
namespace {

constexpr int kPortAttempts = 5;

/// The number behind `name` in "name<separator>123...", searched line by line.
std::uint64_t number_behind(const std::string& text, const std::string& name) {
  const std::size_t at = text.find("\n" + name);
  if (at == std::string::npos) return 0;
  return std::strtoull(text.c_str() + at + 1 + name.size(), nullptr, 10);
}

/// A node of a cluster needs a second port, which is derived from the first.
std::uint16_t port_for(const std::vector<std::string>& arguments) {
  const bool cluster =
      std::find(arguments.begin(), arguments.end(), "--cluster-enabled") != arguments.end();
  return cluster ? free_port_with_bus() : free_port();
}

}  // namespace

RedisServer::RedisServer(std::vector<std::string> arguments)
    : RedisServer(NotStarted{}, std::move(arguments)) {
  start();
}

RedisServer::RedisServer(NotStarted, std::vector<std::string> arguments)
    : arguments_(std::move(arguments)),
      directory_(std::make_unique<TempDir>()),
      port_(port_for(arguments_)) {}

RedisServer RedisServer::not_yet_started(std::vector<std::string> arguments) {
  return RedisServer(NotStarted{}, std::move(arguments));
}

void RedisServer::spawn() {
  admin_.reset();
  std::vector<std::string> argv = {"redis-server",
                                   "--port",
                                   std::to_string(port_),
                                   "--bind",
                                   "127.0.0.1",
                                   "--dir",
                                   directory_->path(),
                                   "--unixsocket",
                                   unix_path(),
                                   "--save",
                                   "",
                                   "--appendonly",
                                   "no",
                                   "--maxclients",
                                   "15000",
                                   "--enable-debug-command",
                                   "yes",
                                   "--enable-protected-configs",
                                   "yes"};
  argv.insert(argv.end(), arguments_.begin(), arguments_.end());
  process_ = ChildProcess(argv, {}, directory_->file("redis.log"));
}

/// Waits for its PONG. False when it ended, as it does when somebody took the port.
bool RedisServer::answers() {
  const bool told =
      eventually([&] { return !process_.running() || ask({"PING"}).has_value(); }, kPatience, 2ms);
  if (!told) throw TimedOut("redis-server does not answer: " + process_.output());
  return process_.running();
}

void RedisServer::start() {
  start_all({this});
}

void RedisServer::start_all(const std::vector<RedisServer*>& servers) {
  for (RedisServer* server : servers) server->spawn();
  for (RedisServer* server : servers) {
    for (int attempt = 1; !server->answers(); ++attempt) {
      if (attempt == kPortAttempts) {
        throw std::runtime_error("redis-server does not start: " + server->process_.output());
      }
      server->port_ = port_for(server->arguments_);
      server->spawn();
    }
  }
}

void RedisServer::stop() {
  process_.send_signal(SIGTERM);
  if (!process_.wait(kPatience)) throw TimedOut("redis-server does not stop");
}

void RedisServer::pause() {
  process_.send_signal(SIGSTOP);
}

void RedisServer::resume() {
  process_.send_signal(SIGCONT);
}

void RedisServer::restart() {
  process_.kill9();
  spawn();
  if (!answers()) throw TimedOut("redis-server does not come back: " + process_.output());
}

void RedisServer::configure(const std::vector<std::string>& arguments) {
  arguments_.insert(arguments_.end(), arguments.begin(), arguments.end());
}

RespClient& RedisServer::admin() {
  // Whoever makes a primary of a replica closes its connections: nothing is owed on this one, so
  // what can be read is its end.
  if (admin_ && admin_->socket().readable_within(Millis{0})) admin_.reset();
  if (!admin_) {
    admin_ = std::make_unique<RespClient>(client());
    if (!login_.empty()) (*admin_)("AUTH", login_[0], login_[1]);
  }
  return *admin_;
}

std::optional<Value> RedisServer::ask(const std::vector<std::string_view>& command,
                                      Millis patience) {
  try {
    RespClient once(Socket::connect_tcp(port_, patience));
    if (!login_.empty()) {
      once.send("AUTH", login_[0], login_[1]);
      once.read(patience);
    }
    once.send_raw(encode(command), patience);
    return once.read(patience);
  } catch (const TimedOut&) {
    return std::nullopt;
  } catch (const Closed&) {
    return std::nullopt;
  }
}

void RedisServer::login(std::string user, std::string password) {
  login_ = {std::move(user), std::move(password)};
  admin_.reset();
}

std::uint64_t RedisServer::calls(const std::string& command) {
  return number_behind((*this)("INFO", "commandstats").text, "cmdstat_" + command + ":calls=");
}

std::uint64_t RedisServer::info_number(const std::string& section, const std::string& field) {
  return number_behind((*this)("INFO", section).text, field + ":");
}

std::vector<ClientRow> RedisServer::client_list() {
  std::istringstream lines((*this)("CLIENT", "LIST").text);
  std::vector<ClientRow> rows;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    ClientRow row;
    for (std::string field; fields >> field;) {
      const std::size_t equals = field.find('=');
      row[field.substr(0, equals)] = field.substr(equals + 1);
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<ClientRow> RedisServer::tracking_clients() {
  std::vector<ClientRow> tracking;
  for (auto& row : client_list()) {
    if (row["flags"].find('t') != std::string::npos) tracking.push_back(std::move(row));
  }
  return tracking;
}

void RedisServer::kill_clients(const std::vector<ClientRow>& clients) {
  for (const auto& row : clients) (*this)("CLIENT", "KILL", "ID", row.at("id"));
}

}  // namespace pillion::test
