#include "proxy/command_line/command_line.hpp"

#include <CLI/CLI.hpp>
#include <optional>
#include <vector>

#include "config/address.hpp"
#include "config/nearest.hpp"
#include "config/print.hpp"

namespace pillion {
namespace {

using Action = CommandLine::Action;

constexpr std::string_view kAbout =
    "Pillion answers hot Redis reads from a cache next to the application and passes everything "
    "else on.";

constexpr std::string_view kExamples = R"(Examples:
  pillion redis://cache.internal:6379
      serve 127.0.0.1:6380 in front of that Redis
  pillion unix:///run/redis.sock?db=2 --listen 127.0.0.1:7000
  pillion --config /etc/pillion.yaml --set cache.max_bytes=256MiB
  PILLION_UPSTREAM_PASSWORD_FILE=/run/secrets/redis pillion redis://app@cache.internal
  pillion --config /etc/pillion.yaml --check-config
      list everything wrong with it, by line and column
  pillion healthcheck
      exit 0 if the Pillion on the admin port is alive

Later wins: defaults, the file, PILLION_* variables (PILLION_CACHE_MAX_BYTES is
cache.max_bytes), flags. All keys: config/REFERENCE.md, or --print-config.
)";

// What the arguments said, before any of it is believed.
struct Given {
  std::optional<std::string> url;
  std::optional<std::string> file;
  std::optional<std::string> listen;
  std::optional<std::string> admin;
  std::vector<std::string> sets;
  std::vector<std::string> healthcheck_sets;  // the parser would overwrite the one with the other
  bool check = false;
  bool print = false;
  bool version = false;
};

// Arguments the parser did not know. Only what cannot be a secret is repeated: the name of an
// option.
std::string complain_about(const std::string& argument, const CLI::App& app) {
  if (argument.rfind("--", 0) == 0 && argument.size() > 2) {
    const auto name = argument.substr(0, argument.find('='));
    std::vector<std::string> known;
    for (const auto* option : app.get_options()) {
      for (const auto& word : option->get_lnames()) known.push_back("--" + word);
    }
    const auto near = config::nearest(name, {known.begin(), known.end()});
    return "unknown option '" + name + "'" + (near.empty() ? "" : "; did you mean '" + near + "'?");
  }
  if (argument.size() > 1 && argument[0] == '-') {
    return "unknown option '" + argument.substr(0, 2) + "'";
  }
  return "there is an argument too many; 'pillion' takes one redis-url, 'pillion healthcheck' none";
}

CommandLine usage_error(const std::string& why) {
  CommandLine out;
  out.action = Action::kUsageError;
  out.text = "pillion: " + why + "\nTry 'pillion --help'.\n";
  return out;
}

CommandLine answer(Action action, std::string text) {
  CommandLine out;
  out.action = action;
  out.text = std::move(text);
  return out;
}

std::vector<std::pair<std::string, std::string>> variables(const char* const* environment) {
  std::vector<std::pair<std::string, std::string>> out;
  for (; environment != nullptr && *environment != nullptr; ++environment) {
    const std::string_view entry = *environment;
    const auto equals = entry.find('=');
    if (equals == std::string_view::npos) continue;
    out.emplace_back(entry.substr(0, equals), entry.substr(equals + 1));
  }
  return out;
}

bool is_path(std::string_view text) {
  constexpr std::string_view kLetters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
  return !text.empty() && text.find_first_not_of(kLetters) == std::string_view::npos;
}

// The flags with a name of their own come last: they are what was typed for this start.
std::optional<std::string> collect_settings(const Given& given, config::Sources& sources) {
  std::size_t number = 0;
  for (const auto& text : given.sets) {
    ++number;
    const auto equals = text.find('=');
    if (equals == std::string::npos || !is_path(text.substr(0, equals))) {
      // Not repeated: "upstream.password:secret" is one slip away.
      return "--set number " + std::to_string(number) +
             " has no key and '=': write --set key.path=value";
    }
    const auto path = text.substr(0, equals);
    sources.settings.push_back({path, text.substr(equals + 1), "--set " + path});
  }
  if (given.listen) sources.settings.push_back({"listen.address", *given.listen, "--listen"});
  if (given.admin) sources.settings.push_back({"admin.address", *given.admin, "--admin"});
  if (given.url) sources.settings.push_back({"upstream.url", *given.url, "redis-url argument"});
  return std::nullopt;
}

std::string connectable(const std::string& text) {
  auto parsed = config::parse_address(text);
  auto* address = std::get_if<config::Address>(&parsed);
  if (address == nullptr) return "";
  if (address->host == "0.0.0.0") address->host = "127.0.0.1";
  if (address->host == "::") address->host = "::1";
  return config::print_address(*address);
}

CommandLine load(const Given& given, Action action, const char* const* environment) {
  config::Sources sources;
  sources.file = given.file;
  sources.environment = variables(environment);
  if (auto why = collect_settings(given, sources)) return usage_error(*why);
  CommandLine out;
  out.action = action;
  out.loaded = config::load(sources);
  const bool good = out.loaded.problems.empty();
  if (!good) out.text = config::print_problems(out.loaded.problems);
  if (good && action == Action::kCheckConfig) out.text = "configuration ok\n";
  if (good && action == Action::kPrintConfig) out.text = config::print_config(out.loaded.config);
  if (good && action == Action::kHealthcheck) {
    out.healthcheck_address = connectable(out.loaded.config.admin.address);
    if (out.healthcheck_address.empty()) {
      out.text = "admin.address is empty: there is no admin port to ask\n";
    }
  }
  return out;
}

void add_config_options(CLI::App& app, Given& given, std::vector<std::string>& sets) {
  app.add_option("--config", given.file, "YAML file; without it PILLION_CONFIG, else none")
      ->type_name("FILE");
  app.add_option("--admin", given.admin,
                 "where /metrics and health are served (admin.address,\n127.0.0.1:9380)")
      ->type_name("ADDR");
  // One value an option: what follows it may be the redis-url.
  app.add_option("--set", sets, "any key of the configuration; may be repeated")
      ->type_name("key.path=value")
      ->allow_extra_args(false);
}

}  // namespace

bool CommandLine::failed() const {
  return action == Action::kUsageError || !loaded.problems.empty() ||
         (action == Action::kHealthcheck && healthcheck_address.empty());
}

CommandLine parse_command_line(int argc, const char* const* argv, const char* const* environment,
                               std::string_view version) {
  Given given;
  CLI::App app{std::string(kAbout), "pillion"};
  app.footer(std::string(kExamples));
  app.get_formatter()->column_width(34);
  app.add_option("redis-url", given.url,
                 "the Redis behind: redis://[user[:password]@]host[:port][/db] or\n"
                 "unix:///path?db=n (upstream.url, redis://127.0.0.1:6379)")
      ->type_name("");
  add_config_options(app, given, given.sets);
  app.add_option("--listen", given.listen, "where clients connect (listen.address, 127.0.0.1:6380)")
      ->type_name("ADDR");
  app.add_flag("--check-config", given.check, "list every problem and exit");
  app.add_flag("--print-config", given.print,
               "print the effective YAML, passwords hidden, and exit");
  app.add_flag("--version", given.version, "print the version and exit");
  app.set_help_flag("-h,--help", "print this help and exit");
  app.allow_extras();
  auto* healthcheck =
      app.add_subcommand("healthcheck", "ask the running Pillion's admin port whether it is alive");
  add_config_options(*healthcheck, given, given.healthcheck_sets);
  healthcheck->footer("");
  healthcheck->set_help_flag("-h,--help", "print this help and exit");
  healthcheck->allow_extras();

  // The parser would take the next argument for the value.
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument.size() > 3 && argument.substr(0, 2) == "--" &&
        argument.find('=') == argument.size() - 1) {
      return usage_error(std::string(argument) +
                         " has no value; to empty a key write --set key.path=");
    }
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return answer(Action::kHelp, app.help());
  } catch (const CLI::ParseError& error) {
    return usage_error(error.what());
  }
  for (const auto* part : {&app, healthcheck}) {
    for (const auto& unknown : part->remaining()) {
      if (unknown != "--") return usage_error(complain_about(unknown, *part));
    }
  }
  if (int{given.check} + int{given.print} + int{healthcheck->parsed()} > 1) {
    return usage_error("choose one of --check-config, --print-config and healthcheck");
  }
  given.sets.insert(given.sets.end(), given.healthcheck_sets.begin(), given.healthcheck_sets.end());
  if (given.version) return answer(Action::kVersion, "pillion " + std::string(version) + "\n");
  if (healthcheck->parsed()) return load(given, Action::kHealthcheck, environment);
  if (given.check) return load(given, Action::kCheckConfig, environment);
  if (given.print) return load(given, Action::kPrintConfig, environment);
  return load(given, Action::kRun, environment);
}

}  // namespace pillion
