// The queue is spdlog's, with "overrun oldest"; the sink is ours, because spdlog's would block in
// write() on a full pipe, and then so would the join at shut-down. Ours asks poll() first and
// gives up once it is told to stop.
#include "proxy/logging/log.hpp"

#include <poll.h>
#include <spdlog/async.h>
#include <spdlog/async_logger.h>
#include <spdlog/formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <ctime>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "proxy/logging/escape.hpp"

namespace pillion::logging {
namespace {

constexpr std::size_t kQueueLines = 1024;
constexpr std::size_t kMaxMessage = 4096;
constexpr std::size_t kChunk = 4096;  // PIPE_BUF: poll() promises room for as much
constexpr int kPollSliceMs = 50;
constexpr auto kShutDownGrace = std::chrono::milliseconds(500);

constexpr std::array<std::string_view, 6> kLevelNames = {"trace", "debug", "info",
                                                         "warn",  "error", "off"};

std::string_view name_of(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::trace:
      return kLevelNames[0];
    case spdlog::level::debug:
      return kLevelNames[1];
    case spdlog::level::warn:
      return kLevelNames[3];
    case spdlog::level::err:
      return kLevelNames[4];
    default:
      return kLevelNames[2];
  }
}

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::kTrace:
      return spdlog::level::trace;
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarn:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
    case Level::kOff:
      break;
  }
  return spdlog::level::off;
}

/// 2024-05-01T12:00:00.123Z
std::string timestamp(std::chrono::system_clock::time_point when) {
  const auto since = when.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(since - seconds);
  const std::time_t time = seconds.count();
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     millis.count());
}

std::string line_of(Format format, std::chrono::system_clock::time_point when,
                    std::string_view level, std::string_view message) {
  std::string line;
  line.reserve(message.size() + 80);
  if (format == Format::kJson) {
    line += R"({"time":")";
    line += timestamp(when);
    line += R"(","level":")";
    line += level;
    line += R"(","message":")";
    append_json(line, message);
    line += "\"}\n";
  } else {
    line += timestamp(when);
    line += ' ';
    line += level;
    line += ' ';
    append_text(line, message);
    line += '\n';
  }
  return line;
}

class LineFormatter : public spdlog::formatter {
 public:
  explicit LineFormatter(Format format) : format_(format) {}

  void format(const spdlog::details::log_msg& msg, spdlog::memory_buf_t& dest) override {
    const std::string line =
        line_of(format_, msg.time, name_of(msg.level), {msg.payload.data(), msg.payload.size()});
    dest.append(line.data(), line.data() + line.size());
  }

  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<LineFormatter>(format_);
  }

 private:
  Format format_;
};

class PatientSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit PatientSink(Format format) : base_sink(std::make_unique<LineFormatter>(format)) {}

  void give_up() { give_up_.store(true, std::memory_order_relaxed); }
  bool given_up() const { return give_up_.load(std::memory_order_relaxed); }
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 protected:
  void sink_it_(const spdlog::details::log_msg& msg) override {
    spdlog::memory_buf_t line;
    formatter_->format(msg, line);
    if (!write_all({line.data(), line.size()})) dropped_.fetch_add(1, std::memory_order_relaxed);
  }

  void flush_() override {}

 private:
  bool write_all(std::string_view bytes) {
    while (!bytes.empty()) {
      pollfd waiting{STDERR_FILENO, POLLOUT, 0};
      const int ready = ::poll(&waiting, 1, given_up() ? 0 : kPollSliceMs);
      if (ready > 0 && (waiting.revents & POLLOUT) != 0) {
        const ssize_t n = ::write(STDERR_FILENO, bytes.data(), std::min(bytes.size(), kChunk));
        if (n > 0) {
          bytes.remove_prefix(static_cast<std::size_t>(n));
          continue;
        }
      }
      if (ready > 0 && (waiting.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) return false;
      if (given_up()) return false;
    }
    return true;
  }

  std::atomic<bool> give_up_{false};
  std::atomic<std::uint64_t> dropped_{0};
};

struct Pipeline {
  explicit Pipeline(Format format)
      : sink(std::make_shared<PatientSink>(format)),
        pool(std::make_shared<spdlog::details::thread_pool>(kQueueLines, 1)),
        logger(std::make_shared<spdlog::async_logger>(
            "pillion", sink, pool, spdlog::async_overflow_policy::overrun_oldest)) {
    logger->set_level(spdlog::level::trace);  // log() has filtered already
    logger->flush_on(spdlog::level::off);
  }

  std::shared_ptr<PatientSink> sink;
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::async_logger> logger;
};

std::atomic<Level> g_level{Level::kInfo};
std::atomic<Format> g_format{Format::kText};
std::atomic<std::uint64_t> g_dropped_before{0};  // by pipelines that are gone
std::unique_ptr<Pipeline> g_pipeline;            // see the header: changed by main only

void write_directly(Level level, std::string_view message) {
  const std::string line = line_of(g_format.load(), std::chrono::system_clock::now(),
                                   kLevelNames[static_cast<std::size_t>(level)], message);
  pollfd waiting{STDERR_FILENO, POLLOUT, 0};
  if (::poll(&waiting, 1, 0) != 1 || (waiting.revents & POLLOUT) == 0 ||
      ::write(STDERR_FILENO, line.data(), std::min(line.size(), kChunk)) < 0) {
    g_dropped_before.fetch_add(1, std::memory_order_relaxed);
  }
}

}  // namespace

std::optional<Level> level_from(std::string_view name) {
  const auto* const found = std::find(kLevelNames.begin(), kLevelNames.end(), name);
  if (found == kLevelNames.end()) return std::nullopt;
  return static_cast<Level>(found - kLevelNames.begin());
}

std::optional<Format> format_from(std::string_view name) {
  if (name == "text") return Format::kText;
  if (name == "json") return Format::kJson;
  return std::nullopt;
}

void set_up(Level level, Format format) {
  if (g_pipeline) shut_down();
  g_level.store(level);
  g_format.store(format);
  g_pipeline = std::make_unique<Pipeline>(format);
}

void shut_down() {
  if (!g_pipeline) return;
  const auto pipeline = std::exchange(g_pipeline, nullptr);
  const auto deadline = std::chrono::steady_clock::now() + kShutDownGrace;
  while (pipeline->pool->queue_size() > 0 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  // From here the sink drops instead of waiting, so joining its thread cannot hang.
  pipeline->sink->give_up();
  const std::uint64_t overrun = pipeline->pool->overrun_counter();
  pipeline->logger.reset();
  pipeline->pool.reset();
  g_dropped_before.fetch_add(overrun + pipeline->sink->dropped(), std::memory_order_relaxed);
}

bool enabled(Level level) {
  return level != Level::kOff && level >= g_level.load(std::memory_order_relaxed);
}

void log(Level level, std::string_view message) {
  if (!enabled(level)) return;
  message = message.substr(0, kMaxMessage);
  if (g_pipeline) {
    g_pipeline->logger->log(to_spdlog(level),
                            spdlog::string_view_t(message.data(), message.size()));
  } else {
    write_directly(level, message);
  }
}

std::uint64_t dropped() {
  std::uint64_t total = g_dropped_before.load(std::memory_order_relaxed);
  if (g_pipeline) total += g_pipeline->pool->overrun_counter() + g_pipeline->sink->dropped();
  return total;
}

}  // namespace pillion::logging
