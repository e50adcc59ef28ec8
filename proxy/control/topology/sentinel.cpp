#include "proxy/control/topology/sentinel.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <set>
#include <utility>

#include "config/hosts.hpp"
#include "protocol/resp/writer.hpp"
#include "proxy/logging/log.hpp"

namespace pillion::control {
namespace {

using config::HostPort;
using config::print_host;

// In the order they are asked.
enum Asked : std::size_t { kMyId, kPrimary, kReplicas, kSentinels };

std::vector<std::string> questions(const std::string& master) {
  std::vector<std::string> all(4);
  resp::append_request(all[kMyId], {"SENTINEL", "MYID"});
  resp::append_request(all[kPrimary], {"SENTINEL", "GET-MASTER-ADDR-BY-NAME", master});
  resp::append_request(all[kReplicas], {"SENTINEL", "REPLICAS", master});
  resp::append_request(all[kSentinels], {"SENTINEL", "SENTINELS", master});
  return all;
}

/// Events after which something about the primary, its replicas or the sentinels may be different.
std::string subscription() {
  std::string request;
  resp::append_request(
      request, {"SUBSCRIBE", "+switch-master", "+selected-slave", "+promoted-slave",
                "+failover-end", "+sdown", "-sdown", "+odown", "+slave", "+sentinel", "+reboot",
                "+config-update-from", "+convert-to-slave"});
  return request;
}

}  // namespace

struct Sentinel::Link {
  Link(boost::asio::io_context& io, HostPort where, const Interview::Settings& settings)
      : server(std::move(where)), interview(io, settings), events(io) {}

  const HostPort server;
  Interview interview;
  ControlClient events;
  bool listening = false;
};

struct Sentinel::Timer {
  explicit Timer(boost::asio::io_context& io) : timer(io) {}
  boost::asio::steady_timer timer;
};

Sentinel::Sentinel(boost::asio::io_context& io, Settings settings, LayoutSink& sink)
    : io_(io),
      settings_(std::move(settings)),
      sink_(sink),
      // A name that has just been resolved is worth asking at once.
      addresses_(io, settings_.dns_refresh, [this](const std::string&) { refresh(); }),
      fsm_(settings_.fsm),
      verifier_(std::make_unique<Interview>(io, settings_.servers)),
      timer_(std::make_unique<Timer>(io)) {}

Sentinel::~Sentinel() = default;

void Sentinel::start() {
  sink_.on_layout(fsm_.layout());
  perform(fsm_.on_start(state::now()));
}

void Sentinel::refresh() {
  perform(fsm_.on_hint(state::now()));
}

void Sentinel::on_role(const std::string& name, const RoleReply& role, state::Nanos asked_at) {
  const auto& primary = fsm_.primary();
  if (primary && name == print_host(*primary) && role.role == "slave") {
    perform(fsm_.on_demoted(state::now(), asked_at));
  }
}

void Sentinel::on_probe(const std::string& name, bool answered) {
  const auto& primary = fsm_.primary();
  if (primary && name == print_host(*primary)) perform(fsm_.on_probe(state::now(), answered));
}

void Sentinel::stop() {
  timer_->timer.cancel();
  addresses_.stop();
  verifier_->close();
  links_.clear();
}

void Sentinel::perform(const SentinelStep& step) {
  sync_links();
  if (step.layout) sink_.on_layout(fsm_.layout());
  if (step.confirmed) sink_.on_confirmed(state::now());
  if (step.verify) verify(*step.verify);
  if (step.poll) {
    for (auto& [name, link] : links_) ask(*link);
  }
  timer_->timer.expires_after(
      std::chrono::nanoseconds(std::max<state::Nanos>(step.wake_at - state::now(), 0)));
  timer_->timer.async_wait([this](const boost::system::error_code& stopped) {
    if (!stopped) perform(fsm_.on_timer(state::now()));
  });
}

void Sentinel::sync_links() {
  std::set<std::string> names;
  std::set<std::string> hosts;
  for (const HostPort& server : fsm_.sentinels()) {
    const std::string name = print_host(server);
    names.insert(name);
    hosts.insert(server.host);
    auto& link = links_[name];
    if (link) continue;
    link = std::make_unique<Link>(io_, server, settings_.sentinels);
    const auto& seeds = settings_.fsm.seeds;
    if (std::find(seeds.begin(), seeds.end(), server) != seeds.end()) continue;  // a poll follows
    logging::info("sentinel " + name + " was learnt from another");
    ask(*link);
  }
  for (auto it = links_.begin(); it != links_.end();) {
    it = names.count(it->first) != 0 ? std::next(it) : links_.erase(it);
  }
  hosts.insert(candidate_.host);
  addresses_.keep(hosts);
}

void Sentinel::ask(Link& link) {
  if (link.interview.busy()) return;
  const HostPort server = link.server;
  const state::Endpoint endpoint =
      addresses_.endpoint(print_host(server), server.host, server.port);
  if (endpoint.addresses.empty()) {
    const AddressBook::Addresses& known = addresses_.want(server.host);
    if (!known.pending) fsm_.note_unreachable(server, known.error);
    return;
  }
  link.interview.start(
      endpoint, questions(settings_.fsm.master),
      [this, server](Interview::Answers answers) { on_answers(server, std::move(answers)); });
}

void Sentinel::on_answers(const HostPort& sentinel, Interview::Answers answers) {
  const state::Nanos now = state::now();
  if (auto* error = std::get_if<std::string>(&answers)) {
    addresses_.refresh(sentinel.host);
    return perform(fsm_.on_failure(now, sentinel, std::move(*error)));
  }
  const auto& replies = std::get<std::vector<HiredisReply>>(answers);
  if (replies[kPrimary].is_error()) {  // no right to ask
    return perform(fsm_.on_failure(now, sentinel, std::string(replies[kPrimary].text())));
  }
  SentinelAnswer answer;
  if (!replies[kMyId].is_error()) answer.id = replies[kMyId].text();
  answer.primary = parse_primary(replies[kPrimary].view());
  answer.replicas = parse_peers(replies[kReplicas].view());
  answer.sentinels = parse_peers(replies[kSentinels].view());
  const auto link = links_.find(print_host(sentinel));
  if (link != links_.end() && !link->second->listening) listen(*link->second);
  perform(fsm_.on_answer(now, sentinel, std::move(answer)));
}

void Sentinel::listen(Link& link) {
  link.listening = true;
  const auto failed = [&link](const std::string&) {
    // Polls go on; the next one that is answered tries again.
    link.listening = false;
    link.events.close();
  };
  const auto subscribe = [this, &link, failed] {
    link.events.listen(subscription(),
                       [this, failed](std::variant<HiredisReply, std::string> result) {
                         if (auto* error = std::get_if<std::string>(&result)) return failed(*error);
                         const auto& message = std::get<HiredisReply>(result);
                         if (is_event_of(message.view(), settings_.fsm.master)) {
                           on_event(message.view());
                         }
                       });
  };
  link.events.connect(
      addresses_.endpoint(print_host(link.server), link.server.host, link.server.port),
      settings_.sentinels.connect_timeout, [this, &link, failed, subscribe](std::string error) {
        if (!error.empty()) return failed(error);
        std::string request = auth_request(settings_.sentinels.user, settings_.sentinels.password);
        if (request.empty()) return subscribe();
        link.events.ask(std::move(request), settings_.sentinels.answer_timeout,
                        [failed, subscribe](std::variant<HiredisReply, std::string> result) {
                          const auto* reply = std::get_if<HiredisReply>(&result);
                          if (reply == nullptr || reply->is_error()) return failed({});
                          subscribe();
                        });
      });
}

void Sentinel::on_event(ReplyView message) {
  const auto nominee = parse_nominee(message);
  if (!nominee) return refresh();
  perform(fsm_.on_nomination(state::now(), *nominee));
}

void Sentinel::verify(const HostPort& server) {
  const auto tell = [this, server](const std::string& role, const std::string& why) {
    perform(fsm_.on_role(state::now(), server, role, why));
  };
  const state::Endpoint endpoint =
      addresses_.endpoint(print_host(server), server.host, server.port);
  std::string question;
  resp::append_request(question, {"ROLE"});
  candidate_ = server;
  if (verifier_->busy()) verifier_->close();
  verifier_->start(endpoint, {question}, [tell](Interview::Answers answers) {
    if (const auto* error = std::get_if<std::string>(&answers)) return tell({}, *error);
    const HiredisReply& reply = std::get<std::vector<HiredisReply>>(answers).front();
    tell(parse_role(reply.view()).role, std::string(reply.text()));
  });
}

}  // namespace pillion::control
