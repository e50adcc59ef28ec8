// Arguments, configuration, exit code.
#include <csignal>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>

#include "proxy/app.hpp"
#include "proxy/command_line/command_line.hpp"
#include "proxy/control/control_plane.hpp"
#include "proxy/data/session/pillion_command.hpp"
#include "proxy/logging/log.hpp"

extern char** environ;

namespace {

constexpr int kFailed = 1;
constexpr int kBadConfiguration = 2;

/// What the configuration cannot judge by itself, as it knows no commands.
std::optional<std::string> complaint_about_names(const pillion::CommandLine& line) {
  using Action = pillion::CommandLine::Action;
  if (line.action != Action::kRun && line.action != Action::kCheckConfig) return std::nullopt;
  if (line.failed()) return std::nullopt;
  return pillion::data::session::pillion_name_complaint(line.loaded.config.pillion_command.name);
}

int serve(pillion::config::Config config) {
  using namespace pillion;
  std::signal(SIGPIPE, SIG_IGN);
  logging::set_up(logging::level_from(config.log.level).value_or(logging::Level::kInfo),
                  logging::format_from(config.log.format).value_or(logging::Format::kText));
  int code = kFailed;
  try {
    App app({std::move(config), PILLION_VERSION, PILLION_REVISION});
    code = app.run();
  } catch (const std::exception& problem) {
    logging::error(problem.what());
  }
  logging::shut_down();
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  using Action = pillion::CommandLine::Action;
  pillion::CommandLine line =
      pillion::parse_command_line(argc, argv, environ, PILLION_VERSION " (" PILLION_REVISION ")");
  if (const auto complaint = complaint_about_names(line)) {
    std::fprintf(stderr, "%s\n", complaint->c_str());
    return kBadConfiguration;
  }
  if (!line.text.empty()) std::fputs(line.text.c_str(), line.failed() ? stderr : stdout);
  if (line.failed()) return kBadConfiguration;
  switch (line.action) {
    case Action::kRun:
      return serve(std::move(line.loaded.config));
    case Action::kHealthcheck:
      return pillion::control::run_healthcheck(line.healthcheck_address);
    case Action::kCheckConfig:
    case Action::kPrintConfig:
    case Action::kVersion:
    case Action::kHelp:
    case Action::kUsageError:
      break;
  }
  return 0;
}
