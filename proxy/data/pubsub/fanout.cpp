#include "proxy/data/pubsub/fanout.hpp"

#include <algorithm>
#include <utility>

#include "proxy/data/pubsub/hub.hpp"

namespace pillion::data::pubsub {
namespace {

bool same_member(const Requester& a, const Requester& b) {
  return a.session == b.session && a.generation == b.generation;
}

}  // namespace

Fanout::Fanout(FanoutOptions options, Couriers& couriers, SubscriptionSink& sink, Census& census,
               state::Counters& counters)
    : options_(std::move(options)),
      couriers_(couriers),
      sink_(sink),
      census_(census),
      counters_(counters) {}

Fanout::Group* Fanout::find_group(const upstream::Identity& who) {
  const auto found = groups_.find(who);
  return found == groups_.end() ? nullptr : found->second.get();
}

Fanout::Group& Fanout::group_of(const upstream::Identity& who) {
  if (Group* const known = find_group(who)) return *known;
  auto group = std::make_unique<Group>();
  group->who = std::make_shared<const upstream::Identity>(who);
  return *(groups_[who] = std::move(group));
}

Ticket Fanout::add_request(Request request) {
  const Ticket ticket = next_ticket_++;
  ++request.group->requests;
  requests_.emplace(ticket, std::move(request));
  return ticket;
}

void Fanout::subscribe(const Requester& to, const upstream::Identity& who, Kind kind,
                       std::span<const std::string_view> names, state::Nanos now) {
  now_ = now;
  Group& group = group_of(who);
  const Ticket ticket = add_request({to, &group, kind, true, {}, now});
  census_.note_change();
  std::vector<std::string>& news = requests_.at(ticket).names;
  const Requester member{to.session, to.generation, 0};
  for (const std::string_view name : names) {
    const NameView view{kind, name};
    auto found = group.names.find(view);
    if (found == group.names.end()) found = group.names.emplace(NameKey(view), Entry{}).first;
    std::vector<Member>& members = found->second.members;
    const bool has = std::any_of(members.begin(), members.end(), [&](const Member& each) {
      return same_member(each.who, member) &&
             (each.state == State::kPending || each.state == State::kActive);
    });
    if (has) continue;
    members.push_back({member, State::kPending, ticket});
    news.emplace_back(name);
  }
  couriers_.to_hub([worker = options_.worker, ticket, who = group.who, kind, names = news,
                    now](Hub& hub) { hub.subscribe(worker, ticket, who, kind, names, now); });
}

void Fanout::unsubscribe(const Requester& to, const upstream::Identity& who, Kind kind,
                         std::span<const std::string_view> names, state::Nanos now) {
  now_ = now;
  Group& group = group_of(who);
  const Ticket ticket = add_request({to, &group, kind, false, {}, now});
  if (!names.empty()) census_.note_change();
  std::vector<std::string>& held = requests_.at(ticket).names;
  for (const std::string_view name : names) {
    const auto found = group.names.find(NameView{kind, name});
    if (found == group.names.end()) continue;
    for (Member& member : found->second.members) {
      if (!same_member(member.who, to)) continue;
      if (member.state != State::kActive && member.state != State::kPending) continue;
      member.state = member.state == State::kActive ? State::kLeaving : State::kCancelled;
      member.ticket = ticket;
      held.emplace_back(name);
    }
  }
  couriers_.to_hub([worker = options_.worker, ticket, who = group.who, kind, names = held,
                    now](Hub& hub) { hub.unsubscribe(worker, ticket, who, kind, names, now); });
}

void Fanout::leave(const Requester& member, const upstream::Identity& who, Kind kind,
                   std::span<const std::string> names) {
  forget_requests_of(member);
  Group* const group = find_group(who);
  if (group == nullptr) return;
  census_.note_change();
  std::vector<std::string> counted;
  for (const std::string& name : names) {
    drop(*group, {kind, name}, [&](const Member& each) {
      if (!same_member(each.who, member)) return false;
      if (each.state == State::kActive || each.state == State::kPending) counted.push_back(name);
      return true;
    });
  }
  release(*group, kind, std::move(counted));
}

void Fanout::forget_requests_of(const Requester& member) {
  for (auto at = requests_.begin(); at != requests_.end();) {
    const auto request = at++;
    if (!same_member(request->second.to, member)) continue;
    if (request->second.subscribe) {
      finish_subscribe(request->second, request->first, false);
    } else {
      finish_unsubscribe(request->second, request->first);
    }
    --request->second.group->requests;
    requests_.erase(request);
  }
}

void Fanout::release(const Group& group, Kind kind, std::vector<std::string> names) {
  if (names.empty()) return;
  couriers_.to_hub([worker = options_.worker, who = group.who, kind, names = std::move(names),
                    now = now_](Hub& hub) { hub.leave(worker, who, kind, names, now); });
}

template <class Which>
void Fanout::drop(Group& group, const NameView& name, const Which& which) {
  const auto found = group.names.find(name);
  if (found == group.names.end()) return;
  Entry& entry = found->second;
  const bool keep_places = handing_out_ == &entry;
  for (std::size_t i = 0; i < entry.members.size();) {
    Member& member = entry.members[i];
    if (member.state == State::kGone || !which(member)) {
      ++i;
      continue;
    }
    if (member.state == State::kActive || member.state == State::kLeaving) {
      census_.add_members(group.who, name, -1);
      counters_.pubsub_members.sub();
    }
    if (keep_places) {
      member.state = State::kGone;
      entry.dirty = true;
      ++i;
    } else {
      member = entry.members.back();
      entry.members.pop_back();
    }
  }
  if (entry.members.empty()) group.names.erase(found);
}

void Fanout::activate(const Group& group, const NameView& name, Member& member) {
  member.state = State::kActive;
  census_.add_members(group.who, name, 1);
  counters_.pubsub_members.add();
}

void Fanout::finish_subscribe(const Request& request, Ticket ticket, bool succeeded) {
  std::vector<std::string> undone;
  for (const std::string& each : request.names) {
    const NameView name{request.kind, each};
    const auto mine = [&](const Member& member) {
      return member.ticket == ticket && member.state == State::kPending;
    };
    if (succeeded) {
      const auto found = request.group->names.find(name);
      if (found == request.group->names.end()) continue;
      std::vector<Member>& members = found->second.members;
      const auto member = std::find_if(members.begin(), members.end(), mine);
      if (member != members.end()) activate(*request.group, name, *member);
    } else {
      drop(*request.group, name, [&](const Member& member) {
        if (!mine(member)) return false;
        undone.push_back(each);
        return true;
      });
    }
  }
  release(*request.group, request.kind, std::move(undone));
}

void Fanout::finish_unsubscribe(const Request& request, Ticket ticket) {
  for (const std::string& name : request.names) {
    drop(*request.group, {request.kind, name}, [&](const Member& member) {
      return member.ticket == ticket &&
             (member.state == State::kLeaving || member.state == State::kCancelled);
    });
  }
}

void Fanout::end_request(std::map<Ticket, Request>::iterator request, std::string_view error) {
  const Ticket ticket = request->first;
  // The sink may ask for more or leave: what is left of the request is on this stack.
  const Request ended = std::move(request->second);
  requests_.erase(request);
  --ended.group->requests;
  if (ended.subscribe) {
    finish_subscribe(ended, ticket, error.empty());
  } else {
    finish_unsubscribe(ended, ticket);
  }
  sink_.on_subscription_settled(ended.to, error);
}

void Fanout::settle(Ticket ticket, std::string_view error) {
  const auto request = requests_.find(ticket);
  if (request == requests_.end()) return;  // it had waited too long, or its session left
  end_request(request, error);
}

void Fanout::revoke(Group& group, const NameView& name) {
  std::vector<Requester> told;
  drop(group, name, [&](const Member& member) {
    if (member.state != State::kActive) return false;
    told.push_back(member.who);
    return true;
  });
  release(group, name.kind, std::vector<std::string>(told.size(), std::string(name.name)));
  for (const Requester& member : told) sink_.on_subscription_revoked(member);
}

void Fanout::hand_out(Group& group, const std::shared_ptr<const Batch>& batch, const Run& run) {
  const NameView name{run.kind, batch->name(run)};
  const auto found = group.names.find(name);
  if (found == group.names.end()) return;
  Entry& entry = found->second;
  const std::size_t length = run.end - run.begin;
  const Messages messages{std::string_view(batch->resp3).substr(run.begin, length),
                          std::string_view(batch->resp2).substr(run.begin, length), run.count,
                          batch};
  std::uint64_t heard = 0;
  handing_out_ = &entry;
  // By index: the sink may subscribe somebody to this very name, who hears nothing yet.
  for (std::size_t i = 0; i < entry.members.size(); ++i) {
    const Member& member = entry.members[i];
    if (member.state != State::kActive && member.state != State::kLeaving) continue;
    ++heard;
    const Requester who = member.who;
    sink_.on_messages(who, messages);
  }
  handing_out_ = nullptr;
  counters_.pubsub_messages_out.add(heard * run.count);
  if (!entry.dirty) return;
  entry.dirty = false;
  std::erase_if(entry.members, [](const Member& member) { return member.state == State::kGone; });
  if (entry.members.empty()) group.names.erase(group.names.find(name));
}

void Fanout::deliver(const upstream::Identity& who, const Delivery& delivery) {
  Group* const group = find_group(who);
  if (group == nullptr) return;
  std::size_t next_run = 0;
  const auto hand_out_until = [&](std::size_t end) {
    if (!delivery.batch) return;
    while (next_run < end) hand_out(*group, delivery.batch, delivery.batch->runs[next_run++]);
  };
  for (const Event& event : delivery.events) {
    hand_out_until(event.position);
    if (event.type == Event::Type::kSettled) {
      settle(event.ticket, event.error);
    } else {
      revoke(*group, {event.kind, event.name});
    }
  }
  if (delivery.batch) hand_out_until(delivery.batch->runs.size());
  sink_.on_batch_end();
}

void Fanout::on_tick(state::Nanos now) {
  now_ = now;
  bool told = false;
  while (!requests_.empty() && requests_.begin()->second.since + options_.command_timeout <= now) {
    const auto oldest = requests_.begin();
    const std::string error = oldest->second.subscribe
                                  ? "ERR upstream " + options_.upstream +
                                        " unavailable: no answer to the subscription in time"
                                  : std::string();
    end_request(oldest, error);
    told = true;
  }
  if (told) sink_.on_batch_end();
  std::erase_if(groups_, [](const auto& entry) {
    return entry.second->names.empty() && entry.second->requests == 0;
  });
}

}  // namespace pillion::data::pubsub
