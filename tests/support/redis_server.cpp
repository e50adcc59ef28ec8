#include "tests/support/redis_server.hpp"

#include <signal.h>

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

}  // namespace

RedisServer::RedisServer(std::vector<std::string> arguments)
    : RedisServer(NotStarted{}, std::move(arguments)) {
  start();
}

RedisServer::RedisServer(NotStarted, std::vector<std::string> arguments)
    : arguments_(std::move(arguments)),
      directory_(std::make_unique<TempDir>()),
      port_(free_port()) {}

RedisServer RedisServer::not_yet_started(std::vector<std::string> arguments) {
  return RedisServer(NotStarted{}, std::move(arguments));
}

/// False when it ended at once, as it does when somebody took the port.
bool RedisServer::launch() {
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
  return eventually(
      [&] {
        if (!process_.running()) throw std::runtime_error("ended");
        try {
          return client()("PING").type != '\0';
        } catch (const Closed&) {
          return false;
        }
      },
      kPatience, 2ms);
}

void RedisServer::start() {
  admin_.reset();
  for (int attempt = 1;; ++attempt) {
    try {
      if (launch()) return;
    } catch (const std::runtime_error&) {
      // Falls through: another port, unless it keeps happening.
    }
    if (attempt == kPortAttempts) {
      throw std::runtime_error("redis-server does not start: " + process_.output());
    }
    port_ = free_port();
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
  admin_.reset();
  if (!launch()) throw TimedOut("redis-server does not come back");
}

RespClient& RedisServer::admin() {
  if (!admin_) {
    admin_ = std::make_unique<RespClient>(client());
    if (!login_.empty()) (*admin_)("AUTH", login_[0], login_[1]);
  }
  return *admin_;
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
