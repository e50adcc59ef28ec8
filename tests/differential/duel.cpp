#include "tests/differential/duel.hpp"

#include <stdexcept>

#include "tests/differential/rules.hpp"
#include "tests/differential/stream.hpp"

namespace pillion::test {
namespace {

constexpr Millis kReplyPatience = 5s;
constexpr std::string_view kQueued = "+QUEUED\r\n";

/// Blocked clients are looked for hz times a second. A skip list is searched by chance when asked
/// for a lexical range of unequal scores; a listpack is not.
std::vector<std::string> server_arguments() {
  return {"--hz",  "400", "--zset-max-listpack-entries", "100000", "--zset-max-listpack-value",
          "100000"};
}

/// One reply, or what happened instead of it.
std::string reply_of(RespClient& client) {
  try {
    return client.read_raw(kReplyPatience);
  } catch (const std::runtime_error& error) {
    return std::string("<") + error.what() + ">";
  }
}

std::string rest_of(RespClient& client) {
  try {
    return client.read_to_end(kReplyPatience);
  } catch (const std::runtime_error& error) {
    return std::string("<") + error.what() + ">";
  }
}

void follow_queue(std::vector<Rule>& queued, Rule rule, std::string_view reply) {
  if (reply == kQueued) {
    queued.push_back(rule);
  } else if (rule == Rule::kExec && (reply[0] != '-' || reply.substr(0, 10) == "-EXECABORT")) {
    queued.clear();
  } else if (rule == Rule::kDiscard && reply[0] == '+') {
    queued.clear();
  }
}

void send(RespClient& client, const std::string& bytes) {
  try {
    client.send_raw(bytes);
  } catch (const Closed&) {
    // Found by the read.
  }
}

}  // namespace

Duel::Duel(bool control) : reference_(server_arguments()), upstream_(server_arguments()) {
  if (!control) {
    pillion_ = std::make_unique<PillionProcess>(upstream_.url());
    if (!pillion_->wait_for_l1()) throw std::runtime_error("the L1 never answers: " + log());
  }
  pairs_.resize(kClients);
  reset();
}

RespClient Duel::new_client() const {
  return pillion_ ? pillion_->client() : upstream_.client();
}

void Duel::connect(Pair& pair) const {
  pair.straight.emplace(reference_.client());
  pair.through.emplace(new_client());
  pair.queued.clear();
}

void Duel::reset() {
  const std::vector<std::vector<std::string_view>> preparations = {
      {"FLUSHALL"},
      {"SCRIPT", "FLUSH"},
      {"FUNCTION", "FLUSH"},
      {"ACL", "SETUSER", "limited", "reset", "on", ">open-sesame", "~s:*", "~c:*", "&*", "+@all",
       "-flushall", "-@admin"},
      {"CONFIG", "SET", "hash-max-listpack-entries", "128", "set-max-intset-entries", "512"},
  };
  for (Pair& pair : pairs_) {
    pair.straight.reset();
    pair.through.reset();
  }
  RespClient straight = reference_.client();
  RespClient through = new_client();
  for (const auto& command : preparations) {
    for (RespClient* client : {&straight, &through}) {
      const Value reply = client->command(command);
      if (!reply.is_ok()) {
        throw std::runtime_error(std::string(command[0]) + ": " + reply.text);
      }
    }
  }
  for (Pair& pair : pairs_) connect(pair);
}

std::optional<Mismatch> Duel::compare(Pair& pair, const Step& step, std::size_t item) {
  const Item& played = step.items[item];
  for (std::size_t reply = 0; reply < played.rules.size(); ++reply) {
    const Rule rule = played.rules[reply];
    std::string expected = reply_of(*pair.straight);
    std::string got = reply_of(*pair.through);
    if (!same_reply(rule, expected, got, pair.queued) || expected[0] == '<') {
      return Mismatch{step.number, step.client,         item,          reply, rule,
                      played.text, std::move(expected), std::move(got)};
    }
    follow_queue(pair.queued, rule, expected);
  }
  return std::nullopt;
}

std::optional<Mismatch> Duel::compare_ends(Pair& pair, const Step& step, std::size_t item) {
  std::string expected = rest_of(*pair.straight);
  std::string got = rest_of(*pair.through);
  connect(pair);
  if (expected == got) return std::nullopt;
  return Mismatch{step.number,           step.client,         item,          0, Rule::kExact,
                  step.items[item].text, std::move(expected), std::move(got)};
}

std::optional<Mismatch> Duel::play(const Step& step) {
  Pair& pair = pairs_.at(step.client);
  std::string bytes;
  std::size_t played = 0;
  for (; played < step.items.size(); ++played) {
    bytes += step.items[played].bytes;
    commands_ += step.items[played].commands;
    // What a client sends behind its own end is nobody's.
    if (step.items[played].closes) break;
  }
  send(*pair.straight, bytes);
  send(*pair.through, bytes);
  for (std::size_t item = 0; item < step.items.size() && item <= played; ++item) {
    auto mismatch =
        step.items[item].closes ? compare_ends(pair, step, item) : compare(pair, step, item);
    if (mismatch) return mismatch;
  }
  return std::nullopt;
}

std::optional<std::string> Duel::compare_data() {
  const Value expected = reference_("DEBUG", "DIGEST");
  const Value got = upstream_("DEBUG", "DIGEST");
  if (expected == got) return std::nullopt;
  return "DEBUG DIGEST of the data: " + expected.text + " and " + got.text;
}

}  // namespace pillion::test
