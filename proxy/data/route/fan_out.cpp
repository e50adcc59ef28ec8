#include "proxy/data/route/fan_out.hpp"

#include <algorithm>
#include <initializer_list>
#include <unordered_set>
#include <utility>

#include "protocol/cluster/slot.hpp"
#include "protocol/command/table.hpp"
#include "protocol/resp/reply_cursor.hpp"
#include "protocol/resp/writer.hpp"
#include "proxy/data/route/router.hpp"

namespace pillion::route {
namespace {

struct Rule {
  Split split = Split::kNone;
  Merge merge = Merge::kSame;
};

const Rule& rule_of(const command::Spec& spec) {
  static const std::vector<Rule> kByCommand = [] {
    std::vector<Rule> table(command::all().size() + 1);
    const auto note = [&table](Rule rule, std::initializer_list<std::string_view> names) {
      for (const std::string_view name : names) table[command::find_full(name).id] = rule;
    };
    note({Split::kBySlot, Merge::kByKey}, {"MGET"});
    note({Split::kBySlot, Merge::kSame}, {"MSET"});
    note({Split::kBySlot, Merge::kSum}, {"DEL", "UNLINK", "EXISTS", "TOUCH"});
    note({Split::kAllPrimaries, Merge::kConcatenate}, {"KEYS"});
    note({Split::kAllPrimaries, Merge::kUnion}, {"PUBSUB|CHANNELS", "PUBSUB|SHARDCHANNELS"});
    note({Split::kAllPrimaries, Merge::kSum},
         {"DBSIZE", "PUBSUB|NUMPAT", "PUBSUB|NUMSUB", "PUBSUB|SHARDNUMSUB", "SLOWLOG|LEN",
          "LATENCY|RESET"});
    note({Split::kAllPrimaries, Merge::kSame},
         {"FLUSHALL", "FLUSHDB", "SCRIPT|FLUSH", "SCRIPT|LOAD", "FUNCTION|DELETE", "FUNCTION|FLUSH",
          "FUNCTION|LOAD", "FUNCTION|RESTORE", "CONFIG|SET", "CONFIG|RESETSTAT", "CONFIG|REWRITE",
          "SLOWLOG|RESET", "MEMORY|PURGE"});
    note({Split::kAllPrimaries, Merge::kLeast}, {"SCRIPT|EXISTS", "WAIT", "WAITAOF"});
    note({Split::kAllPrimaries, Merge::kAnySuccess}, {"SCRIPT|KILL", "FUNCTION|KILL"});
    note({Split::kAllPrimaries, Merge::kAnyValue}, {"RANDOMKEY"});
    table[command::unknown().id] = {};
    return table;
  }();
  return kByCommand[spec.id];
}

constexpr std::string_view kNoPrimary = "CLUSTERDOWN The cluster is down";
constexpr std::string_view kDoNotFit = "ERR the replies of the cluster's nodes do not fit together";

bool is_error(std::string_view frame) {
  return frame.empty() || frame.front() == '-' || frame.front() == '!';
}

/// The bytes of the next value of `cursor`, attributes before it included; `node` is the value's.
bool take_value(resp::ReplyCursor& cursor, resp::Node& node, std::string_view& bytes) {
  const std::string_view before = cursor.rest();
  do {
    if (!cursor.next(node) || !cursor.skip(node)) return false;
  } while (node.type == '|');
  bytes = before.substr(0, before.size() - cursor.rest().size());
  return true;
}

bool is_list(const resp::Node& node) {
  return (node.type == '*' || node.type == '~') && !node.null;
}

}  // namespace

Split split_of(const command::Spec& spec) {
  return rule_of(spec).split;
}

FanOutPlan::FanOutPlan(const RouteTable& table, const command::Spec& spec,
                       const resp::Command& command, const std::vector<std::string_view>& keys)
    : merge_(rule_of(spec).merge) {
  if (rule_of(spec).split == Split::kBySlot) {
    split_by_slot(table, command, keys);
    return;
  }
  one_request_ = true;
  bytes_ = command.raw();
  for (std::size_t i = 0; i < table.shards().size(); ++i) {
    const RouteTable::ShardRoute& shard = table.shards()[i];
    if (!shard.owns_slots) continue;
    parts_.push_back(Part{static_cast<std::uint16_t>(i), kNoSlot, shard.primary, 0});
  }
}

void FanOutPlan::split_by_slot(const RouteTable& table, const resp::Command& command,
                               const std::vector<std::string_view>& keys) {
  struct Place {
    std::uint16_t slot;
    std::uint32_t key;
  };
  std::vector<Place> places;
  places.reserve(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    places.push_back(Place{cluster::slot_of(keys[i]), static_cast<std::uint32_t>(i)});
  }
  // Of a key that is named twice the later value counts, so the order within a slot stays.
  std::stable_sort(places.begin(), places.end(),
                   [](const Place& a, const Place& b) { return a.slot < b.slot; });
  part_of_key_.resize(merge_ == Merge::kByKey ? keys.size() : 0);
  bytes_.reserve(command.raw().size() * 2);
  const std::size_t stride = (command.argc() - 1) / keys.size();  // 2: a value follows each key
  for (auto first = places.begin(); first != places.end();) {
    const auto last = std::find_if(
        first, places.end(), [first](const Place& place) { return place.slot != first->slot; });
    const auto count = static_cast<std::size_t>(last - first);
    const std::uint16_t shard = table.shard_of(first->slot);
    resp::append_array_header(bytes_, 1 + count * stride);
    resp::append_bulk(bytes_, command.name());
    for (auto place = first; place != last; ++place) {
      for (std::size_t i = 0; i < stride; ++i) {
        resp::append_bulk(bytes_, command.arg(1 + place->key * stride + i));
      }
      if (merge_ == Merge::kByKey) {
        part_of_key_[place->key] = static_cast<std::uint32_t>(parts_.size());
      }
    }
    parts_.push_back(
        Part{shard, first->slot, table.primary_of(shard), static_cast<std::uint32_t>(count)});
    ends_.push_back(bytes_.size());
    first = last;
  }
}

std::string_view FanOutPlan::request(std::size_t part) const {
  const std::string_view all = bytes_;
  if (one_request_) return all;
  const std::size_t begin = part == 0 ? 0 : ends_[part - 1];
  return all.substr(begin, ends_[part] - begin);
}

FanOut::FanOut(FanOutPlan plan)
    : plan_(std::move(plan)), replies_(plan_.parts().size()), left_(replies_.size()) {}

void FanOut::on_reply(std::size_t part, std::string_view frame) {
  Reply& reply = replies_[part];
  if (reply.here) return;
  reply.here = true;
  reply.frame = frame;
  bytes_ += frame.size();
  --left_;
}

void FanOut::append_reply(std::string& out, std::uint64_t random) const {
  if (replies_.empty()) return resp::append_error(out, kNoPrimary);
  const std::string* const error = first_error();
  if (error != nullptr) {
    out += *error;
    return;
  }
  const std::size_t before = out.size();
  if (append_merged(out, random)) return;
  out.resize(before);
  resp::append_error(out, kDoNotFit);
}

const std::string* FanOut::first_error() const {
  const std::string* first = nullptr;
  for (const Reply& reply : replies_) {
    if (!is_error(reply.frame)) {
      if (plan_.merge() == Merge::kAnySuccess) return nullptr;
      continue;
    }
    // Of nodes that were asked to stop what they run, those that ran nothing have the least to say.
    const bool better = first == nullptr ||
                        (plan_.merge() == Merge::kAnySuccess && first->starts_with("-NOTBUSY ") &&
                         !reply.frame.starts_with("-NOTBUSY "));
    if (better) first = &reply.frame;
  }
  return first;
}

bool FanOut::append_merged(std::string& out, std::uint64_t random) const {
  switch (plan_.merge()) {
    case Merge::kSame:
      out += replies_.front().frame;
      return true;
    case Merge::kByKey:
      return append_by_key(out);
    case Merge::kSum:
    case Merge::kLeast:
      return append_numbers(out);
    case Merge::kConcatenate:
      return append_all(out, false);
    case Merge::kUnion:
      return append_all(out, true);
    case Merge::kAnySuccess: {
      const auto success = std::find_if(replies_.begin(), replies_.end(),
                                        [](const Reply& reply) { return !is_error(reply.frame); });
      out += success->frame;
      return true;
    }
    case Merge::kAnyValue:
      return append_any_value(out, random);
  }
  return false;
}

bool FanOut::append_by_key(std::string& out) const {
  std::vector<resp::ReplyCursor> cursors;
  cursors.reserve(replies_.size());
  resp::Node node{};
  for (std::size_t i = 0; i < replies_.size(); ++i) {
    cursors.emplace_back(replies_[i].frame);
    if (!cursors[i].next(node) || !is_list(node) || node.integer != plan_.parts()[i].keys) {
      return false;
    }
  }
  resp::append_array_header(out, plan_.part_of_key().size());
  for (const std::uint32_t part : plan_.part_of_key()) {
    std::string_view value;
    if (!take_value(cursors[part], node, value)) return false;
    out += value;
  }
  return true;
}

bool FanOut::append_numbers(std::string& out) const {
  // All replies have the shape of the first; its numbers are replaced, the rest is kept.
  std::vector<resp::ReplyCursor> cursors;
  cursors.reserve(replies_.size());
  for (const Reply& reply : replies_) cursors.emplace_back(reply.frame);
  while (!cursors.front().at_end()) {
    const std::string_view before = cursors.front().rest();
    resp::Node merged{};
    if (!cursors.front().next(merged)) return false;
    for (std::size_t i = 1; i < cursors.size(); ++i) {
      resp::Node node{};
      if (!cursors[i].next(node) || node.type != merged.type) return false;
      if (node.type == ':') {
        merged.integer = plan_.merge() == Merge::kSum ? merged.integer + node.integer
                                                      : std::min(merged.integer, node.integer);
      } else if (node.integer != merged.integer) {
        return false;
      }
    }
    if (merged.type == ':') {
      resp::append_integer(out, merged.integer);
    } else {
      out += before.substr(0, before.size() - cursors.front().rest().size());
    }
  }
  return true;
}

bool FanOut::append_all(std::string& out, bool once) const {
  std::size_t count = 0;
  std::string elements;
  std::unordered_set<std::string_view> seen;
  for (const Reply& reply : replies_) {
    resp::ReplyCursor cursor(reply.frame);
    resp::Node list{};
    if (!cursor.next(list) || !is_list(list)) return false;
    if (!once) {
      count += static_cast<std::size_t>(list.integer);
      elements += cursor.rest();
      continue;
    }
    for (std::int64_t i = 0; i < list.integer; ++i) {
      resp::Node node{};
      std::string_view value;
      if (!take_value(cursor, node, value)) return false;
      if (!seen.insert(value).second) continue;
      elements += value;
      ++count;
    }
  }
  resp::append_array_header(out, count);
  out += elements;
  return true;
}

bool FanOut::append_any_value(std::string& out, std::uint64_t random) const {
  std::vector<const std::string*> values;
  for (const Reply& reply : replies_) {
    resp::ReplyCursor cursor(reply.frame);
    resp::Node node{};
    if (!cursor.next(node)) return false;
    if (!node.null) values.push_back(&reply.frame);
  }
  out += values.empty() ? replies_.front().frame : *values[random % values.size()];
  return true;
}

}  // namespace pillion::route
