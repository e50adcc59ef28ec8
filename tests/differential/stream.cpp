#include "tests/differential/stream.hpp"

#include <cctype>
#include <utility>

#include "tests/differential/commands.hpp"
#include "tests/differential/scripts.hpp"
#include "tests/support/resp_value.hpp"

namespace pillion::test {
namespace {

std::string spelled(const Arguments& arguments) {
  std::string text;
  for (const std::string& argument : arguments) {
    if (!text.empty()) text += ' ';
    const bool plain = !argument.empty() && argument.find(' ') == std::string::npos;
    text += plain ? printable(argument, 100) : '"' + printable(argument, 100) + '"';
  }
  return text;
}

std::string encoded(const Arguments& arguments) {
  return encode(std::vector<std::string_view>(arguments.begin(), arguments.end()));
}

Item item_of(const Arguments& arguments, Rule rule) {
  return {encoded(arguments), {rule}, false, spelled(arguments)};
}

struct Table {
  unsigned share;  // of all commands, in percent
  std::span<const Template> templates;
};

const std::vector<Table>& tables() {
  static const std::vector<Table> all = {
      {30, string_commands()}, {25, collection_commands()}, {13, sorted_set_commands()},
      {8, stream_commands()},  {12, keyspace_commands()},   {12, server_commands()},
  };
  return all;
}

const Template& pick_from(std::span<const Template> templates, Random& random) {
  unsigned total = 0;
  for (const Template& row : templates) total += row.weight;
  std::size_t at = random.below(total);
  for (const Template& row : templates) {
    if (at < row.weight) return row;
    at -= row.weight;
  }
  return templates.back();
}

const Template& pick_template(Random& random) {
  std::size_t chance = random.below(100);
  for (const Table& table : tables()) {
    if (chance < table.share) return pick_from(table.templates, random);
    chance -= table.share;
  }
  return pick_from(tables().back().templates, random);
}

void change_case(Random& random, std::string& word) {
  for (char& c : word) {
    if (random.percent(50)) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
}

void spoil(Random& random, Words& words, Arguments& arguments) {
  switch (random.below(4)) {
    case 0:
      if (arguments.size() > 1) arguments.pop_back();
      return;
    case 1:
      arguments.push_back(arguments.size() > 1 ? arguments.back() : words.odd());
      return;
    case 2:
      if (arguments.size() > 1) arguments[1 + random.below(arguments.size() - 1)] = words.odd();
      return;
    default:
      arguments.push_back(words.odd());
  }
}

/// Several commands as one item; `rules` has one for each reply.
Item joined(const std::vector<Arguments>& commands, std::vector<Rule> rules) {
  Item item;
  item.rules = std::move(rules);
  item.commands = commands.size();
  for (const Arguments& arguments : commands) {
    item.bytes += encoded(arguments);
    item.text += (item.text.empty() ? "" : " ; ") + spelled(arguments);
  }
  return item;
}

Item template_item(const Template& row, Random& random, Words& words) {
  // Within MULTI these are one of the differences that Pillion owns up to.
  const bool outside_multi = row.words.front() == '^';
  const bool as_it_is = outside_multi || row.words.front() == '!';
  Arguments arguments = expand(row.words.substr(as_it_is ? 1 : 0), random, words);
  if (!as_it_is && random.percent(4)) spoil(random, words, arguments);
  if (random.percent(10)) change_case(random, arguments[0]);
  if (outside_multi) return joined({{"DISCARD"}, arguments}, {Rule::kDiscard, row.rule});
  return item_of(arguments, row.rule);
}

Item command_item(Random& random, Words& words) {
  if (random.percent(3)) {
    const ScriptCommand script = script_command(random, words);
    return item_of(script.arguments, script.rule);
  }
  return template_item(pick_template(random), random, words);
}

// The items below begin with DISCARD: within MULTI each command would have one reply, and it is
// not known here whether the client is within one.

Item subscription_item(Random& random) {
  const bool patterns = random.percent(30);
  const std::string subscribe = patterns ? "PSUBSCRIBE" : "SUBSCRIBE";
  const std::string protocol = random.percent(50) ? "2" : "3";
  std::vector<Arguments> commands = {
      {"DISCARD"}, {"HELLO", protocol}, {subscribe, "news", "weather"}};
  std::vector<Rule> rules = {Rule::kDiscard, Rule::kHello, Rule::kExact, Rule::kExact};
  const std::vector<Arguments> within = {{"PING"},         {"PING", "words"},  {"GET", "s:1"},
                                         {"NOSUCH"},       {"SUBSCRIBE", "x"}, {"UNSUBSCRIBE", "x"},
                                         {"MULTI", "now"}, {"ECHO", "abc"}};
  for (std::size_t count = random.below(4); count > 0; --count) {
    commands.push_back(random.one_of(within));
    rules.push_back(Rule::kExact);
  }
  // Unsubscribing from all answers once per channel, in an order of the server's own.
  commands.push_back({"UNSUBSCRIBE", "news", "x"});
  commands.push_back({"PUNSUBSCRIBE", "news", "weather"});
  commands.push_back({"UNSUBSCRIBE", "weather"});
  rules.insert(rules.end(), 5, Rule::kExact);
  commands.push_back({"PING"});
  rules.push_back(Rule::kExact);
  return joined(commands, std::move(rules));
}

Item reply_mode_item(Random& random, Words& words) {
  std::vector<Arguments> commands = {{"DISCARD"}};
  std::vector<Rule> rules = {Rule::kDiscard};
  const std::vector<std::string_view> unheard = {"SET %s %v", "GET %s",     "INCR %c",
                                                 "NOSUCH %v", "HGETALL %h", "LPUSH %l %v",
                                                 "PING",      "GET",        "EVAL return 0 0"};
  if (random.percent(50)) {
    commands.push_back({"CLIENT", "REPLY", "SKIP"});
    commands.push_back(expand(random.one_of(unheard), random, words));
  } else {
    commands.push_back({"client", "reply", "OFF"});
    for (std::size_t count = random.below(5); count > 0; --count) {
      commands.push_back(expand(random.one_of(unheard), random, words));
    }
    commands.push_back({"CLIENT", "REPLY", "on"});
    rules.push_back(Rule::kExact);
  }
  return joined(commands, std::move(rules));
}

Item inline_item(Random& random) {
  static const std::vector<std::string> kLines = {
      "PING\r\n",
      "PING\n",
      "set s:1 inline\r\n",
      "GET s:1\n",
      "  GET   s:1  \r\n",
      "SET s:1 \"a\\x00b\\n\\\"c\\\"\"\r\n",
      "SET s:2 'it\\'s'\r\n",
      "GET \"\"\r\n",
      "RPUSH l:1 a b \"\"\r\n",
      "NOSUCH a 'b c'\r\n",
      "GET\r\n",
      "INCR c:1\r\n",
      "EXISTS s:1 h:1 l:1\r\n",
  };
  const std::string& line = random.one_of(kLines);
  return {line, {Rule::kExact}, false, "inline " + printable(line)};
}

Item closing_item(Random& random) {
  static const std::vector<std::string> kEndings = {
      "QUIT\r\n",
      "*1\r\n$4\r\nquit\r\n*1\r\n$4\r\nPING\r\n",
      "*abc\r\n",
      "*1\r\nPING\r\n",
      "*1\r\n$abc\r\n",
      "*1\r\n$-1\r\n",
      "*2147483648\r\n",
      "*1\r\n$1000000000000\r\n",
      "SET s:1 \"unbalanced\r\n",
      "SET s:1 'x'y\r\n",
      "*2\r\n$3\r\nGET\r\n:1\r\n",
  };
  const std::string& ending = random.one_of(kEndings);
  return {ending, {}, true, "the end by " + printable(ending)};
}

/// Requests that have no reply at all, and a PING behind them.
Item silent_item(Random& random) {
  static const std::vector<std::string> kSilent = {"\r\n", "*0\r\n", "*-1\r\n", "   \r\n", "\n"};
  const std::string bytes = random.one_of(kSilent) + "PING\r\n";
  return {bytes, {Rule::kExact}, false, "silent " + printable(bytes)};
}

void add_transaction(Random& random, Words& words, std::vector<Item>& items) {
  if (random.percent(30)) {
    items.push_back(item_of(expand("WATCH <%s>", random, words), Rule::kExact));
    items.push_back(item_of(expand("GET %s", random, words), Rule::kExact));
  }
  items.push_back(item_of({"MULTI"}, Rule::kExact));
  for (std::size_t count = 1 + random.below(6); count > 0; --count) {
    items.push_back(command_item(random, words));
  }
  if (random.percent(92)) {
    items.push_back(item_of({"EXEC"}, Rule::kExec));
  } else {
    items.push_back(item_of({"DISCARD"}, Rule::kDiscard));
  }
}

void add_items(Random& random, Words& words, std::vector<Item>& items) {
  const std::size_t chance = random.below(10'000);
  if (chance < 9'600) return items.push_back(command_item(random, words));
  if (chance < 9'800) return add_transaction(random, words, items);
  if (chance < 9'830) return items.push_back(subscription_item(random));
  if (chance < 9'870) return items.push_back(reply_mode_item(random, words));
  if (chance < 9'950) return items.push_back(inline_item(random));
  if (chance < 9'970) return items.push_back(silent_item(random));
  if (chance < 9'985) return items.push_back(closing_item(random));
  if (chance < 9'993) {
    return items.push_back(
        item_of(expand("{FLUSHDB|FLUSHALL} {|SYNC|ASYNC}", random, words), Rule::kExact));
  }
  // Nothing else ends an open transaction or a lost database for sure.
  items.push_back(item_of({"RESET"}, Rule::kDiscard));
}

std::size_t depth(Random& random) {
  const std::size_t chance = random.below(100);
  if (chance < 45) return 1;
  if (chance < 85) return 2 + random.below(10);
  return 12 + random.below(50);
}

/// Neighbouring steps that read, read the same: what one client let the L1 keep, the next one
/// finds.
void add_reads(std::uint64_t seed, std::uint64_t number, std::vector<Item>& items) {
  constexpr std::uint64_t kNeighbours = 12;
  Random random(seed ^ (number / kNeighbours * 0xd6e8feb86659fd93ULL));
  Words words(random, 1);
  for (std::size_t count = 1 + random.below(8); count > 0; --count) {
    const Template& row = pick_from(cacheable_reads(), random);
    items.push_back(item_of(expand(row.words, random, words), row.rule));
  }
}

}  // namespace

Stream::Stream(std::uint64_t seed) : seed_(seed) {}

Step Stream::step(std::uint64_t number) const {
  Random random(seed_ * 0x100000001b3ULL + number);
  Words words(random, number + 1);
  Step step;
  step.number = number;
  step.client = random.below(kClients);
  if (random.percent(60)) {
    add_reads(seed_, number, step.items);
    return step;
  }
  for (std::size_t count = depth(random); count > 0; --count) add_items(random, words, step.items);
  return step;
}

std::size_t check_templates() {
  Random random(1);
  Words words(random, 1);
  std::size_t count = 0;
  for (const Table& table : tables()) {
    for (const Template& row : table.templates) {
      template_item(row, random, words);
      ++count;
    }
  }
  for (const Template& row : cacheable_reads()) {
    template_item(row, random, words);
    ++count;
  }
  return count;
}

}  // namespace pillion::test
