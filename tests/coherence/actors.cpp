#include "tests/coherence/actors.hpp"

#include <cstdlib>
#include <stdexcept>
#include <thread>

namespace pillion::test {
namespace {

constexpr Millis kAnswerWithin{8'000};  // longer than any fault lasts
constexpr Nanos kNanosPerMilli = kMillisecond;

class ToPort : public Straight {
 public:
  ToPort(std::uint16_t port, int protocol) : client_(RespClient::tcp(port)) {
    if (protocol == 3) client_.hello3();
  }
  std::vector<Value> ask(const std::vector<std::vector<std::string_view>>& commands,
                         Millis patience) override {
    std::string bytes;
    for (const auto& command : commands) bytes += encode(command);
    client_.send_raw(bytes, patience);
    return client_.read_many(commands.size(), patience);
  }

 private:
  RespClient client_;
};

}  // namespace

std::unique_ptr<Straight> straight_to(std::uint16_t port, int protocol) {
  return std::make_unique<ToPort>(port, protocol);
}

std::optional<std::vector<Value>> Line::ask(const std::vector<std::vector<std::string>>& commands) {
  try {
    if (!straight_) {
      straight_ = via_ == kDirect ? ways_.straight() : straight_to(ways_.pillion[via_], protocol_);
      ++openings_;
    }
    std::vector<std::vector<std::string_view>> views;
    for (const auto& command : commands) views.emplace_back(command.begin(), command.end());
    return straight_->ask(views, kAnswerWithin);
  } catch (const Closed&) {
    straight_.reset();
  } catch (const TimedOut&) {
    straight_.reset();
  }
  std::this_thread::sleep_for(5ms);
  return std::nullopt;
}

std::optional<Value> Line::ask(const std::vector<std::string>& command) {
  auto replies = ask(std::vector<std::vector<std::string>>{command});
  if (!replies) return std::nullopt;
  return std::move(replies->front());
}

std::uint64_t number_in(const Value& reply) {
  if (reply.is_null()) return 0;
  char* end = nullptr;
  const std::uint64_t number = std::strtoull(reply.text.c_str(), &end, 10);
  if (!reply.is_string() || *end != '|') {
    throw std::runtime_error("a value that nobody wrote: " + printable(reply.text));
  }
  return number;
}

std::vector<std::string> read_of(std::uint32_t key) {
  const std::string name = Keyspace::name_of(key);
  if (Keyspace::kind_of(key) == Kind::kHash) return {"HGET", name, "f"};
  return {"GET", name};
}

/// One write: the commands, which reply tells of it, and what it means.
struct Writer::Plan {
  std::vector<std::vector<std::string>> commands;
  bool removes = false;
  Nanos lifetime = kNever;
};

Writer::Writer(const Ways& ways, Keyspace& keyspace, std::uint32_t number, std::uint32_t writers,
               std::uint64_t seed)
    : ways_(ways),
      keyspace_(keyspace),
      number_(number),
      writers_(writers),
      random_(seed * 1'000 + number),
      numbers_(Keyspace::kSlots, 0) {
  for (const Via via : {Via{0}, Via{1}, kDirect}) lines_.emplace_back(ways, via, 2);
  for (const Via via : {Via{0}, Via{1}}) readbacks_.emplace_back(ways, via, 3);
}

Writer::Plan Writer::plan_for(std::uint32_t key, std::uint64_t number, Via via) {
  const std::string name = Keyspace::name_of(key);
  // Now and then a value too long for one read of a socket.
  const std::size_t padding = random_() % 50 == 0 ? 20'000 : random_() % 100;
  const std::string value = std::to_string(number) + "|" + std::string(padding, 'x');
  if (random_() % 20 == 0) return {{{"DEL", name}}, true};
  switch (Keyspace::kind_of(key)) {
    case Kind::kHash:
      return {{{"HSET", name, "f", value, "other", "y"}}};
    case Kind::kExpiring: {
      const auto lifetime = static_cast<std::int64_t>(5 + random_() % 400);
      return {
          {{"SET", name, value, "PX", std::to_string(lifetime)}}, false, lifetime * kNanosPerMilli};
    }
    case Kind::kScripted:
      switch (random_() % 4) {
        case 0:
          // Where there is a choice of nodes, a script has to name its keys.
          if (ways_.cluster) {
            return {{{"EVAL", "return redis.call('SET', KEYS[1], ARGV[1])", "1", name, value}}};
          }
          return {{{"EVAL", "return redis.call('SET', ARGV[1], ARGV[2])", "0", name, value}}};
        case 1:
          return {{{"MULTI"}, {"DEL", name}, {"SET", name, value}, {"EXEC"}}};
        case 2:
          if (ways_.cluster && via == kDirect) return {{{"MSET", name, value}}};
          return {{{"MSET", name, value, "beside:" + name, "y"}}};
        default:
          return {{{"GETSET", name, value}}};
      }
    case Kind::kString:
      break;
  }
  return {{{"SET", name, value}}};
}

void Writer::write_one(std::uint32_t slot) {
  const std::uint32_t key = keyspace_.key_of(slot);
  const std::uint64_t number = ++numbers_[slot];
  // The first writer goes straight to Redis: nothing that happens to a Pillion slows it down.
  Line& line = number_ == 0 ? lines_.back() : lines_[random_() % lines_.size()];
  const Plan plan = plan_for(key, number, line.via());
  const Nanos call = now_nanos();
  const auto replies = line.ask(plan.commands);
  Nanos ret = now_nanos();
  bool known = replies.has_value();
  if (replies) {
    for (const Value& reply : *replies) known = known && !reply.is_error();
  }
  if (!known) ret = kNever;
  history_.add(Write{key, number, call, ret, line.via(), plan.removes, plan.lifetime});
  if (!known) {
    keyspace_.retire(slot);
    numbers_[slot] = 0;
    ++retired_;
    // While nobody takes writes, each try costs a key.
    std::this_thread::sleep_for(30ms);
  } else if (line.via() != kDirect && random_() % 2 == 0) {
    read_back(key, line.via());
  }
}

/// What was just written through a Pillion is read there by another of its clients.
void Writer::read_back(std::uint32_t key, Via via) {
  Line& line = readbacks_[via];
  const Nanos call = now_nanos();
  const auto reply = line.ask(read_of(key));
  if (!reply || reply->is_error()) return;
  history_.add(Read{(100 + number_ * 2 + via) << 16 | line.openings(), key, number_in(*reply), call,
                    now_nanos(), via});
}

void Writer::write_until(const std::atomic<bool>& done) {
  while (!done) {
    for (std::uint32_t slot = number_; slot < Keyspace::kSlots && !done; slot += writers_) {
      // Some slots change all the time, some seldom: those are where a lost invalidation shows.
      if (random_() % (Keyspace::kSlots / writers_ + 3) < slot / writers_) continue;
      write_one(slot);
    }
    std::this_thread::sleep_for(std::chrono::microseconds(random_() % 3'000));
  }
}

Reader::Reader(const Ways& ways, const Keyspace& keyspace, Via via, int protocol, Habit habit,
               std::uint32_t number, std::uint64_t seed)
    : keyspace_(keyspace),
      habit_(habit),
      number_(number),
      random_(seed * 7'777 + number),
      favourite_(any_slot()),
      line_(ways, via, protocol) {}

void Reader::read_favourite() {
  if (random_() % 500 == 0) favourite_ = any_slot();
  read_keys({keyspace_.key_of(favourite_)});
}

void Reader::read_pipeline() {
  std::vector<std::uint32_t> keys(1 + random_() % 16);
  for (auto& key : keys) key = keyspace_.key_of(any_slot());
  read_keys(keys);
}

void Reader::read_keys(const std::vector<std::uint32_t>& keys) {
  std::vector<std::vector<std::string>> commands;
  for (const auto key : keys) commands.push_back(read_of(key));
  const Nanos call = now_nanos();
  const auto replies = line_.ask(commands);
  const Nanos ret = now_nanos();
  if (!replies) return;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if ((*replies)[i].is_error()) {
      ++errors_;
    } else {
      history_.add(Read{session(), keys[i], number_in((*replies)[i]), call, ret, line_.via()});
    }
  }
}

void Reader::read_together() {
  std::vector<std::uint32_t> keys;
  std::vector<std::string> command = {"MGET"};
  while (keys.size() < 3) {
    const std::uint32_t key = keyspace_.key_of(any_slot());
    if (Keyspace::kind_of(key) == Kind::kHash) continue;
    keys.push_back(key);
    command.push_back(Keyspace::name_of(key));
  }
  const Nanos call = now_nanos();
  const auto reply = line_.ask(command);
  const Nanos ret = now_nanos();
  if (!reply) return;
  if (reply->is_error()) {
    ++errors_;
    return;
  }
  for (std::size_t i = 0; i < keys.size(); ++i) {
    history_.add(Read{session(), keys[i], number_in(reply->items.at(i)), call, ret, line_.via()});
  }
}

void Reader::read_until(const std::atomic<bool>& done) {
  while (!done) {
    if (habit_ == Habit::kLoyal) {
      read_favourite();
    } else if (random_() % 8 == 0) {
      read_together();
    } else {
      read_pipeline();
    }
    std::this_thread::sleep_for(std::chrono::microseconds(random_() % 300));
  }
}

}  // namespace pillion::test
