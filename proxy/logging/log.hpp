// Log lines to standard error, without ever making the caller wait.
//
// Lines go through a bounded queue to one thread that writes them. When standard error is stuck
// the oldest waiting lines are dropped and counted (RELIABILITY fault 29). Messages are bytes of
// any origin: control characters are escaped, so one message is one line in both formats.
//
// set_up() and shut_down() belong to main, before other threads start and after they are joined.
// Everything else may be called from any thread. Lines logged before set_up() or after
// shut_down() are written directly.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace pillion::logging {

enum class Level : std::uint8_t { kTrace, kDebug, kInfo, kWarn, kError, kOff };
enum class Format : std::uint8_t { kText, kJson };

/// "trace" "debug" "info" "warn" "error" "off", as in log.level.
std::optional<Level> level_from(std::string_view name);
/// "text" "json", as in log.format.
std::optional<Format> format_from(std::string_view name);

/// May be called again to change level and format.
void set_up(Level level, Format format);

/// Writes what is waiting as far as standard error takes it within half a second, then stops.
void shut_down();

/// Would a line of this level be written? Ask before building an expensive message.
bool enabled(Level level);

/// Queues one line; beyond 4 KiB a message is cut.
void log(Level level, std::string_view message);

inline void debug(std::string_view message) {
  log(Level::kDebug, message);
}
inline void info(std::string_view message) {
  log(Level::kInfo, message);
}
inline void warn(std::string_view message) {
  log(Level::kWarn, message);
}
inline void error(std::string_view message) {
  log(Level::kError, message);
}

/// Lines dropped because the queue was full or standard error was stuck at shut-down.
std::uint64_t dropped();

}  // namespace pillion::logging
