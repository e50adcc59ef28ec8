#include "tests/integration/crowd.hpp"

#include <algorithm>
#include <random>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace pillion::test {
namespace {

constexpr std::size_t kStories = 20;
constexpr Millis kAnswerWithin{15'000};  // longer than any command may take

struct Content {
  std::string key;
  std::string writer;
  std::uint64_t number = 0;
};

std::string content(const std::string& key, std::size_t writer, std::uint64_t number) {
  return key + "|" + std::to_string(writer) + "|" + std::to_string(number);
}

bool parse(const std::string& text, Content& into) {
  const std::size_t first = text.find('|');
  const std::size_t second = text.find('|', first + 1);
  if (first == std::string::npos || second == std::string::npos) return false;
  into.key = text.substr(0, first);
  into.writer = text.substr(first + 1, second - first - 1);
  into.number = std::strtoull(text.c_str() + second + 1, nullptr, 10);
  return true;
}

Millis longest_gap(const std::vector<Moment>& moments, Moment from, Moment to) {
  Moment last = from;
  Clock::duration longest{0};
  const auto begin = std::lower_bound(moments.begin(), moments.end(), from);
  for (auto at = begin; at != moments.end() && *at <= to; ++at) {
    longest = std::max(longest, *at - last);
    last = *at;
  }
  return std::chrono::ceil<Millis>(std::max(longest, to - last));
}

}  // namespace

/// One client: its thread, its connection and what it remembers.
struct Crowd::Client {
  Client(Crowd& crowd, std::size_t its_number)
      : owner(crowd), number(its_number), random(static_cast<unsigned>(its_number)) {
    for (std::size_t i = 0; i < owner.options_.keys_each; ++i) {
      keys.push_back(Fate{owner.key(number, i), 0, 0, {}, 0});
    }
    counter.key = owner.options_.prefix + ":counter:" + std::to_string(number);
  }

  /// Nothing when the connection ended; an error is noted as trouble with `name`.
  std::optional<Value> ask(const std::vector<std::string>& command, const std::string& name) {
    try {
      if (!connection) connection = std::make_unique<RespClient>(RespClient::tcp(owner.port_));
      connection->send_raw(encode({command.begin(), command.end()}));
      Value reply = connection->read(kAnswerWithin);
      if (reply.is_error()) troubles.push_back({Clock::now(), name, reply.text});
      return reply;
    } catch (const Closed& closed) {
      note_end(name, closed.what());
    } catch (const TimedOut& late) {
      note_end(name, late.what());
    }
    return std::nullopt;
  }

  void note_end(const std::string& name, const char* why) {
    connection.reset();
    ++dropped;
    troubles.push_back({Clock::now(), name, why});
    std::this_thread::sleep_for(20ms);
  }

  void found_wrong(const std::string& story) {
    if (wrong.size() < kStories) wrong.push_back("client " + std::to_string(number) + " " + story);
  }

  void acknowledge(Fate& fate, std::uint64_t with) {
    fate.acknowledged = with;
    fate.acknowledged_at = Clock::now();
    written.push_back(fate.acknowledged_at);
  }

  void write(Fate& fate) {
    const std::uint64_t next = ++fate.tried;
    const auto reply = ask({"SET", fate.key, content(fate.key, number, next)}, "SET");
    if (!reply || reply->is_error()) return;
    if (!reply->is_ok()) return found_wrong("got " + printable(reply->text) + " for a SET");
    acknowledge(fate, next);
  }

  /// Of a key of one's own, all numbers are known.
  void judge_own(const Fate& fate, const Value& reply) {
    if (reply.is_error()) return;
    Content got;
    if (reply.is_null()) {
      if (fate.acknowledged != 0 && !owner.options_.values_may_be_lost) {
        found_wrong("finds nothing at " + fate.key + ", where it has written");
      }
      return;
    }
    if (!reply.is_string() || !parse(reply.text, got) || got.key != fate.key ||
        got.writer != std::to_string(number) || got.number > fate.tried) {
      return found_wrong("got " + printable(reply.text) + " for " + fate.key);
    }
    if (got.number < fate.acknowledged && !owner.options_.values_may_be_lost) {
      found_wrong("reads number " + std::to_string(got.number) + " at " + fate.key + ", where " +
                  std::to_string(fate.acknowledged) + " was acknowledged");
    }
  }

  void read_foreign() {
    const std::size_t other = random() % owner.options_.clients;
    const std::string key = owner.key(other, random() % owner.options_.keys_each);
    const auto reply = ask({"GET", key}, "GET");
    if (!reply || reply->is_error() || reply->is_null()) return;
    Content got;
    if (!reply->is_string() || !parse(reply->text, got) || got.key != key ||
        got.writer != std::to_string(other)) {
      found_wrong("got " + printable(reply->text) + " for " + key);
    }
  }

  void read_settled() {
    if (owner.options_.settled_keys == 0) return;
    const std::string key = owner.settled_key(random() % owner.options_.settled_keys);
    const auto reply = ask({"GET", key}, "settled GET");
    if (!reply || reply->is_error()) return;
    if (reply->text != content(key, 0, 0)) {
      return found_wrong("got " + printable(reply->text) + " for the settled " + key);
    }
    read.push_back(Clock::now());
  }

  void count() {
    ++counter.tried;
    const auto reply = ask({"INCR", counter.key}, "INCR");
    if (!reply || reply->is_error()) return;
    const auto now = reply->is_integer() ? static_cast<std::uint64_t>(reply->integer()) : 0;
    const bool back = now <= counter.last_read && !owner.options_.values_may_be_lost;
    if (now == 0 || back || now > counter.tried) {
      found_wrong("counts " + printable(reply->text) + " after " +
                  std::to_string(counter.last_read) + ", asked " + std::to_string(counter.tried) +
                  " times");
    }
    counter.last_read = now;
    acknowledge(counter, counter.acknowledged + 1);
  }

  void write_and_read_together() {
    std::vector<std::string> mset = {"MSET"};
    std::vector<std::string> mget = {"MGET"};
    const std::size_t some = std::min<std::size_t>(3, keys.size());
    for (std::size_t i = 0; i < some; ++i) {
      mset.insert(mset.end(), {keys[i].key, content(keys[i].key, number, ++keys[i].tried)});
      mget.push_back(keys[i].key);
    }
    const auto set = ask(mset, "MSET");
    if (set && set->is_ok()) {
      for (std::size_t i = 0; i < some; ++i) acknowledge(keys[i], keys[i].tried);
    }
    const auto got = ask(mget, "MGET");
    if (!got || got->is_error()) return;
    if (got->items.size() != some) return found_wrong("got a short MGET");
    for (std::size_t i = 0; i < some; ++i) judge_own(keys[i], got->items[i]);
  }

  void live() {
    for (std::uint64_t round = 0; !owner.done_; ++round) {
      Fate& fate = keys[round % keys.size()];
      write(fate);
      if (const auto reply = ask({"GET", fate.key}, "GET")) judge_own(fate, *reply);
      read_foreign();
      count();
      read_settled();
      if (owner.options_.together && round % 4 == 0) write_and_read_together();
      std::this_thread::sleep_for(owner.options_.pause);
    }
  }

  void keep_reading() {
    while (!owner.done_) {
      read_settled();
      std::this_thread::sleep_for(owner.options_.pause);
    }
  }

  Crowd& owner;
  const std::size_t number;
  std::mt19937 random;
  std::unique_ptr<RespClient> connection;
  std::vector<Fate> keys;
  Fate counter;
  std::size_t dropped = 0;
  std::vector<std::string> wrong;
  std::vector<Trouble> troubles;
  std::vector<Moment> written;
  std::vector<Moment> read;
};

Crowd::Crowd(std::uint16_t port, Options options) : port_(port), options_(std::move(options)) {
  RespClient settler = RespClient::tcp(port);
  for (std::size_t i = 0; i < options_.settled_keys; ++i) {
    const Value reply = settler("SET", settled_key(i), content(settled_key(i), 0, 0));
    if (!reply.is_ok()) throw std::runtime_error("the crowd cannot settle: " + reply.text);
  }
  for (std::size_t i = 0; i < options_.clients; ++i) {
    clients_.push_back(std::make_unique<Client>(*this, i));
    crew_.start([client = clients_.back().get()] { client->live(); });
  }
  for (std::size_t i = 0; i < options_.readers; ++i) {
    readers_.push_back(std::make_unique<Client>(*this, options_.clients + i));
    crew_.start([client = readers_.back().get()] { client->keep_reading(); });
  }
}

Crowd::~Crowd() {
  done_ = true;
}

std::string Crowd::key(std::size_t client, std::size_t number) const {
  return options_.prefix + ":" + std::to_string(client) + ":" + std::to_string(number);
}

std::string Crowd::settled_key(std::size_t number) const {
  return options_.prefix + ":settled:" + std::to_string(number);
}

void Crowd::stop() {
  done_ = true;
  crew_.join();
  const auto remember = [this](const Client& client) {
    dropped_ += client.dropped;
    wrong_.insert(wrong_.end(), client.wrong.begin(), client.wrong.end());
    troubles_.insert(troubles_.end(), client.troubles.begin(), client.troubles.end());
    read_moments_.insert(read_moments_.end(), client.read.begin(), client.read.end());
  };
  for (const auto& client : clients_) {
    remember(*client);
    keys_.insert(keys_.end(), client->keys.begin(), client->keys.end());
    counters_.push_back(client->counter);
    write_moments_.insert(write_moments_.end(), client->written.begin(), client->written.end());
    writes_by_client_.push_back(client->written);
  }
  for (const auto& reader : readers_) remember(*reader);
  readers_.clear();
  clients_.clear();
  std::sort(write_moments_.begin(), write_moments_.end());
  std::sort(read_moments_.begin(), read_moments_.end());
  std::sort(troubles_.begin(), troubles_.end(),
            [](const Trouble& a, const Trouble& b) { return a.at < b.at; });
}

std::size_t Crowd::troubles_of(const std::string& command) const {
  return static_cast<std::size_t>(
      std::count_if(troubles_.begin(), troubles_.end(),
                    [&](const Trouble& trouble) { return trouble.command == command; }));
}

std::string Crowd::describe_troubles() const {
  std::map<std::string, std::size_t> kinds;
  for (const Trouble& trouble : troubles_) {
    ++kinds[trouble.command + ": " + printable(trouble.text, 100)];
  }
  std::ostringstream out;
  std::size_t told = 0;
  for (const auto& [kind, count] : kinds) {
    if (++told > kStories) break;
    out << "  " << count << " x " << kind << "\n";
  }
  for (const std::string& story : wrong_) out << "  " << story << "\n";
  return out.str();
}

Millis Crowd::all_writing_after(Moment moment) const {
  Clock::duration slowest{0};
  for (const auto& moments : writes_by_client_) {
    const auto first = std::lower_bound(moments.begin(), moments.end(), moment);
    if (first == moments.end()) return Millis::max();
    slowest = std::max(slowest, *first - moment);
  }
  return std::chrono::ceil<Millis>(slowest);
}

Millis Crowd::first_write_after(Moment moment) const {
  const auto first = std::lower_bound(write_moments_.begin(), write_moments_.end(), moment);
  if (first == write_moments_.end()) return Millis::max();
  return std::chrono::ceil<Millis>(*first - moment);
}

Millis Crowd::longest_reading_gap(Moment from, Moment to) const {
  return longest_gap(read_moments_, from, to);
}

Millis Crowd::longest_writing_gap(Moment from, Moment to) const {
  return longest_gap(write_moments_, from, to);
}

Millis Crowd::trouble_after(Moment moment, Moment limit) const {
  Millis last{-1};
  for (const Trouble& trouble : troubles_) {
    if (trouble.at > moment && trouble.at < limit) {
      last = std::chrono::ceil<Millis>(trouble.at - moment);
    }
  }
  return last;
}

void Crowd::judge_key(const Fate& fate, const Value& truth, Audit& audit) const {
  Content got;
  const bool there = parse(truth.text, got);
  if (there && (got.key != fate.key || got.number > fate.tried)) {
    audit.repeated.push_back(fate.key + " holds " + printable(truth.text));
  }
  if (fate.acknowledged == 0 || (there && got.number >= fate.acknowledged)) return;
  audit.lost.push_back(fate.key + " holds " + printable(truth.text) + ", acknowledged " +
                       std::to_string(fate.acknowledged));
  audit.last_lost = std::max(audit.last_lost, fate.acknowledged_at);
}

void Crowd::judge_counter(const Fate& fate, const Value& truth, Audit& audit) const {
  const std::uint64_t count = std::strtoull(truth.text.c_str(), nullptr, 10);
  if (count > fate.tried) {
    audit.repeated.push_back(fate.key + " counts " + truth.text + ", asked " +
                             std::to_string(fate.tried) + " times");
  }
  // Which of the acknowledged it was, and so when, a number does not say.
  if (count >= fate.acknowledged) return;
  audit.lost.push_back(fate.key + " counts " + truth.text + ", acknowledged " +
                       std::to_string(fate.acknowledged));
}

}  // namespace pillion::test
