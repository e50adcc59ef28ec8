// Shows the command table to scripts, tab-separated.
//
//   dump_command_table          one line per row: name arity flags route effect rule first last
//   step dump_command_table --keys   reads one command per line from standard input (arguments
//   separated
//                               by tabs), answers "exact" or "unknown" and its keys
#include <array>
#include <cstdint>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/command/keys.hpp"
#include "protocol/command/table.hpp"
#include "protocol/resp/request_parser.hpp"
#include "protocol/resp/writer.hpp"

namespace {

using namespace pillion;

std::string flag_names(const command::Spec& spec) {
  constexpr std::pair<command::Flag, std::string_view> kNames[] = {
      {command::kReadonly, "readonly"},   {command::kWrite, "write"},
      {command::kBlocking, "blocking"},   {command::kPubsub, "pubsub"},
      {command::kAdmin, "admin"},         {command::kNoAuth, "no_auth"},
      {command::kNoMulti, "no_multi"},    {command::kMovableKeys, "movablekeys"},
      {command::kContainer, "container"}, {command::kFast, "fast"},
      {command::kLoading, "loading"},     {command::kStale, "stale"},
      {command::kNoScript, "noscript"},
  };
  std::string out;
  for (const auto& [flag, name] : kNames) {
    if (!spec.is(flag)) continue;
    if (!out.empty()) out += ',';
    out += name;
  }
  return out;
}

void print_rows() {
  constexpr std::array<std::string_view, 10> kRoutes{
      "forward",     "cacheable", "local", "script",     "block",
      "transaction", "subscribe", "relay", "disposable", "denied"};
  constexpr std::array<std::string_view, 4> kEffects{"none", "keys", "unknown", "everything"};
  constexpr std::array<std::string_view, 5> kRules{"none", "range", "keynum", "special", "unknown"};
  for (const command::Spec& spec : command::all()) {
    std::cout << spec.name << '\t' << int{spec.arity} << '\t' << flag_names(spec) << '\t'
              << kRoutes.at(static_cast<std::size_t>(spec.route)) << '\t'
              << kEffects.at(static_cast<std::size_t>(spec.effect)) << '\t'
              << kRules.at(static_cast<std::size_t>(spec.key_rule)) << '\t' << int{spec.first_key}
              << '\t' << int{spec.last_key} << '\t' << int{spec.key_step} << '\n';
  }
}

std::string encoded(std::string_view line) {
  std::vector<std::string_view> args;
  for (;;) {
    const std::size_t tab = line.find('\t');
    args.push_back(line.substr(0, tab));
    if (tab == std::string_view::npos) break;
    line.remove_prefix(tab + 1);
  }
  std::string out;
  resp::append_array_header(out, args.size());
  for (const std::string_view arg : args) resp::append_bulk(out, arg);
  return out;
}

bool print_keys() {
  for (std::string line; std::getline(std::cin, line);) {
    const std::string bytes = encoded(line);
    resp::RequestParser parser;
    if (parser.parse(bytes) != resp::RequestParser::Result::kCommand) {
      std::cerr << "not a command: " << line << '\n';
      return false;
    }
    const resp::Command& command = parser.command();
    std::vector<std::string_view> keys;
    const command::KeySet set = command::keys_of(command::row_of(command), command, keys);
    std::cout << (set == command::KeySet::kExact ? "exact" : "unknown");
    for (const std::string_view key : keys) std::cout << '\t' << key;
    std::cout << '\n';
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 1) {
    print_rows();
    return 0;
  }
  if (argc == 2 && std::string_view(argv[1]) == "--keys") return print_keys() ? 0 : 1;
  std::cerr << "usage: dump_command_table [--keys]\n";
  return 2;
}
