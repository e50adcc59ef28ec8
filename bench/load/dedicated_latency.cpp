// pillion_dedicated_latency: how long commands take that need an upstream connection of their own
// (transactions, blocking commands, scripts), straight to Redis and through proxies in front of it.
//
// A closed loop: each client sends one exchange and waits for the whole of its reply, which is
// known to the byte. Targets take turns within a round, each round with another one first; a ratio
// is taken within one round. Prints Markdown. Exit code 0; 1 when a ratio is above --limit; 2 when
// the run broke off.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <iomanip>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "bench/load/latency_histogram.hpp"

namespace {

using pillion::bench::LatencyHistogram;

constexpr int kStallTimeout = 10'000;  // ms without any reply, then the run fails
constexpr std::uint32_t kWarmUp = 50;  // exchanges of each client before its measured ones
const std::string kValue(64, 'v');

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

std::uint64_t nanoseconds() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::nanoseconds(now).count());
}

std::string bulk(std::string_view text) {
  return "$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n";
}

std::string encoded(std::initializer_list<std::string_view> words) {
  std::string out = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string_view word : words) out += bulk(word);
  return out;
}

/// What goes out at once, and all the bytes that must come back before anything else is sent.
struct Part {
  std::string request;
  std::string reply;
};

/// One thing an application does, as client libraries put it on the wire.
struct Exchange {
  const char* name;
  /// For the client of that number.
  std::function<std::vector<Part>(const std::string& key)> parts;
  /// Sent straight to Redis beforehand, so that `times` exchanges find what they need.
  std::function<std::string(const std::string& key, std::uint32_t times)> prepare;
};

std::string set_request(const std::string& key) {
  return encoded({"SET", key, kValue});
}

Part transaction(const std::string& key) {
  return {encoded({"MULTI"}) + set_request(key) + encoded({"EXEC"}),
          "+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n"};
}

std::string put_value(const std::string& key, std::uint32_t) {
  return set_request(key);
}

std::string push_values(const std::string& key, std::uint32_t times) {
  std::string out = encoded({"DEL", key});
  for (std::uint32_t i = 0; i < times; ++i) out += encoded({"RPUSH", key, kValue});
  return out;
}

std::string add_entry(const std::string& key, std::uint32_t) {
  return encoded({"DEL", key}) + encoded({"XADD", key, "1-1", "field", kValue});
}

std::vector<Exchange> all_exchanges() {
  return {
      {"SET (shared connection, to compare)",
       [](const std::string& key) {
         return std::vector<Part>{{set_request(key), "+OK\r\n"}};
       },
       put_value},
      {"MULTI SET EXEC in one write",
       [](const std::string& key) { return std::vector<Part>{transaction(key)}; }, put_value},
      {"WATCH, GET, then MULTI SET EXEC",
       [](const std::string& key) {
         return std::vector<Part>{{encoded({"WATCH", key}), "+OK\r\n"},
                                  {encoded({"GET", key}), bulk(kValue)},
                                  transaction(key)};
       },
       put_value},
      {"BLPOP with an element there",
       [](const std::string& key) {
         return std::vector<Part>{
             {encoded({"BLPOP", key, "5"}), "*2\r\n" + bulk(key) + bulk(kValue)}};
       },
       push_values},
      {"XREAD BLOCK with an entry there",
       [](const std::string& key) {
         return std::vector<Part>{
             {encoded({"XREAD", "COUNT", "1", "BLOCK", "5000", "STREAMS", key, "0-0"}),
              "*1\r\n*2\r\n" + bulk(key) + "*1\r\n*2\r\n" + bulk("1-1") + "*2\r\n" + bulk("field") +
                  bulk(kValue)}};
       },
       add_entry},
      {"EVAL without a key",
       [](const std::string&) {
         return std::vector<Part>{{encoded({"EVAL", "return 1", "0"}), ":1\r\n"}};
       },
       put_value},
      {"EVAL with one key",
       [](const std::string& key) {
         return std::vector<Part>{
             {encoded({"EVAL", "return redis.call('GET', KEYS[1])", "1", key}), bulk(kValue)}};
       },
       put_value},
  };
}

class Connection {
 public:
  explicit Connection(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (fd_ < 0) fail("socket");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int on = 1;
    const timeval patience{kStallTimeout / 1'000, 0};
    const bool ready =
        ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
        ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0 &&
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0;
    if (ready) return;
    const int error = errno;
    ::close(fd_);
    errno = error;
    fail("connect");
  }
  ~Connection() { ::close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] int fd() const { return fd_; }

  void send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno != EINTR) fail("send");
      if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  /// What has come; waits for the first byte.
  [[nodiscard]] std::string_view receive() {
    ssize_t got = -1;
    do {
      got = ::recv(fd_, buffer_.data(), buffer_.size(), 0);
    } while (got < 0 && errno == EINTR);
    if (got < 0) fail("recv");
    if (got == 0) throw std::runtime_error("the server closed a connection");
    return {buffer_.data(), static_cast<std::size_t>(got)};
  }

 private:
  int fd_;
  std::array<char, 16 * 1024> buffer_{};
};

class Client {
 public:
  Client(std::uint16_t port, std::vector<Part> parts, std::uint32_t exchanges)
      : connection_(port),
        parts_(std::move(parts)),
        left_(kWarmUp + exchanges),
        times_(exchanges) {}

  [[nodiscard]] int fd() const { return connection_.fd(); }

  void begin() {
    part_ = 0;
    began_ = nanoseconds();
    connection_.send(parts_.front().request);
  }

  /// Reads; true when the last exchange is over.
  bool on_readable(LatencyHistogram& latencies) {
    const std::string_view bytes = connection_.receive();
    const std::string& due = parts_[part_].reply;
    if (due.compare(read_, bytes.size(), bytes) != 0)
      throw std::runtime_error("wrong reply: " + std::string(bytes.substr(0, 100)));
    read_ += bytes.size();
    if (read_ < due.size()) return false;
    read_ = 0;
    if (++part_ < parts_.size()) {
      connection_.send(parts_[part_].request);
      return false;
    }
    if (left_-- <= times_) latencies.record(nanoseconds() - began_);
    if (left_ == 0) return true;
    begin();
    return false;
  }

 private:
  Connection connection_;
  const std::vector<Part> parts_;
  std::size_t part_ = 0;
  std::size_t read_ = 0;  // bytes of its reply
  std::uint32_t left_;    // exchanges
  const std::uint32_t times_;
  std::uint64_t began_ = 0;
};

struct Target {
  std::string name;
  std::uint16_t port = 0;
  bool judged = false;  // against the limit
};

struct Options {
  std::vector<Target> targets;  // the first one is Redis itself
  std::uint32_t clients = 1;
  std::uint32_t exchanges = 2'000;  // measured per sample, all clients together
  std::uint32_t rounds = 9;
  double limit = 0;
};

std::string key_of(std::uint32_t client) {
  return "dedicated:" + std::to_string(10'000 + client);
}

void prepare(const Options& options, const Exchange& exchange, std::uint32_t times) {
  Connection redis(options.targets.front().port);
  for (std::uint32_t i = 0; i < options.clients; ++i)
    redis.send(exchange.prepare(key_of(i), times));
  const std::string end = "everything is there";
  redis.send(encoded({"ECHO", end}));
  std::string last;
  while (!last.ends_with(bulk(end))) {
    last += redis.receive();
    if (last.size() > 256) last.erase(0, last.size() - 256);
  }
}

/// Has a proxy's cache hold something: an empty one needs no care when a script has written.
void warm(const Target& target) {
  Connection connection(target.port);
  connection.send(encoded({"GET", "dedicated:warm"}));
  (void)connection.receive();
}

LatencyHistogram measure(const Options& options, const Exchange& exchange, const Target& target) {
  const std::uint32_t each = std::max(1U, options.exchanges / options.clients);
  prepare(options, exchange, kWarmUp + each);
  warm(target);
  const int poll = ::epoll_create1(EPOLL_CLOEXEC);
  if (poll < 0) fail("epoll_create1");
  const std::shared_ptr<const void> closer(nullptr, [poll](const void*) { ::close(poll); });
  std::vector<std::unique_ptr<Client>> clients;
  for (std::uint32_t i = 0; i < options.clients; ++i) {
    clients.push_back(std::make_unique<Client>(target.port, exchange.parts(key_of(i)), each));
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = clients.back().get();
    if (::epoll_ctl(poll, EPOLL_CTL_ADD, clients.back()->fd(), &event) != 0) fail("epoll_ctl");
  }
  LatencyHistogram latencies;
  for (const auto& client : clients) client->begin();
  std::array<epoll_event, 64> ready{};
  for (std::uint32_t running = options.clients; running > 0;) {
    const int n = ::epoll_wait(poll, ready.data(), ready.size(), kStallTimeout);
    if (n < 0 && errno != EINTR) fail("epoll_wait");
    if (n == 0) throw std::runtime_error("no reply from " + target.name);
    for (int i = 0; i < n; ++i) {
      auto* client = static_cast<Client*>(ready[static_cast<std::size_t>(i)].data.ptr);
      if (client->on_readable(latencies)) --running;
    }
  }
  return latencies;
}

struct Sample {
  double p50 = 0;  // us
  double p99 = 0;
  double ratio = 0;  // of the p50 to that of the first target in the same round
};

double median_of(const std::vector<Sample>& samples, double Sample::*field) {
  std::vector<double> values;
  for (const Sample& sample : samples) values.push_back(sample.*field);
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// Prints the rows of one exchange; true when all its ratios are within the limit.
bool report(const Options& options, const Exchange& exchange,
            const std::vector<std::vector<Sample>>& samples) {
  bool within = true;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const auto [low, high] =
        std::minmax_element(samples[i].begin(), samples[i].end(),
                            [](const Sample& a, const Sample& b) { return a.ratio < b.ratio; });
    const double ratio = median_of(samples[i], &Sample::ratio);
    std::cout << std::fixed << std::setprecision(1) << "| " << exchange.name << " | "
              << options.targets[i].name << " | " << median_of(samples[i], &Sample::p50) << " | "
              << median_of(samples[i], &Sample::p99) << " | " << std::setprecision(2);
    if (i == 0) {
      std::cout << "1 |";
    } else {
      std::cout << ratio << " (" << low->ratio << " to " << high->ratio << ") |";
    }
    if (options.limit > 0) {
      const bool judged = options.targets[i].judged;
      const bool good = !judged || ratio <= options.limit;
      within = within && good;
      std::cout << (!judged ? "" : good ? " PASS" : " above") << " |";
    }
    std::cout << '\n';
  }
  return within;
}

bool run(const Options& options, const std::string& only) {
  std::cout << "| exchange, " << options.clients << (options.clients == 1 ? " client" : " clients")
            << " | through | p50 µs | p99 µs | ratio of p50 (lowest to highest) |"
            << (options.limit > 0 ? " |\n" : "\n") << "|---|---|---:|---:|---|"
            << (options.limit > 0 ? "---|\n" : "\n");
  bool within = true;
  for (const Exchange& exchange : all_exchanges()) {
    if (std::string_view(exchange.name).find(only) == std::string_view::npos) continue;
    std::vector<std::vector<Sample>> samples(options.targets.size());
    for (std::uint32_t round = 0; round < options.rounds; ++round) {
      for (std::size_t turn = 0; turn < options.targets.size(); ++turn) {
        const std::size_t which = (turn + round) % options.targets.size();
        const LatencyHistogram latencies = measure(options, exchange, options.targets[which]);
        samples[which].push_back({static_cast<double>(latencies.quantile(0.5)) / 1'000,
                                  static_cast<double>(latencies.quantile(0.99)) / 1'000, 0});
      }
      for (auto& of_target : samples)
        of_target.back().ratio = of_target.back().p50 / samples.front().back().p50;
    }
    within = report(options, exchange, samples) && within;
  }
  return within;
}

Target parse_target(const std::string& text, bool judged) {
  const std::size_t sign = text.rfind('=');
  if (sign == std::string::npos) throw std::runtime_error("a proxy is name=port");
  return {text.substr(0, sign), static_cast<std::uint16_t>(std::stoul(text.substr(sign + 1))),
          judged};
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  std::uint16_t redis = 6379;
  std::vector<std::string> proxies;
  std::vector<std::string> references;
  std::string only;
  CLI::App app{
      "Latency of commands that need a connection of their own, direct and through proxies"};
  app.add_option("--redis", redis, "port of the redis-server on this machine")
      ->capture_default_str();
  app.add_option("--proxy", proxies, "name=port of a proxy in front of it; repeatable")->required();
  app.add_option("--reference", references, "the same, but not held to the limit");
  app.add_option("--clients", options.clients, "at once")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--exchanges", options.exchanges, "measured per sample, all clients together")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--rounds", options.rounds, "samples per row; the median counts")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--only", only, "exchanges whose name contains this");
  app.add_option("--limit", options.limit, "exit 1 when a ratio is above");
  CLI11_PARSE(app, argc, argv);
  try {
    options.targets.push_back({"redis-server direct", redis, false});
    for (const std::string& each : references) options.targets.push_back(parse_target(each, false));
    for (const std::string& each : proxies) options.targets.push_back(parse_target(each, true));
    return run(options, only) ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << "pillion_dedicated_latency: " << error.what() << '\n';
    return 2;
  }
}
