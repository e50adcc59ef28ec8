#include "proxy/control/topology/cluster.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
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

constexpr auto kLongestSleep = std::chrono::hours(1);

// In the order they are asked.
enum Asked : std::size_t { kInfo, kLayout };

std::vector<std::string> questions(bool shards) {
  std::vector<std::string> all(2);
  resp::append_request(all[kInfo], {"CLUSTER", "INFO"});
  resp::append_request(all[kLayout], {"CLUSTER", shards ? "SHARDS" : "SLOTS"});
  return all;
}

}  // namespace

struct Cluster::Link {
  Link(boost::asio::io_context& io, const Interview::Settings& settings)
      : interview(io, settings) {}

  Interview interview;
  bool shards = true;  // it knows CLUSTER SHARDS
};

struct Cluster::Timer {
  explicit Timer(boost::asio::io_context& io) : timer(io) {}
  boost::asio::steady_timer timer;
};

Cluster::Cluster(boost::asio::io_context& io, Settings settings, LayoutSink& sink)
    : io_(io),
      settings_(std::move(settings)),
      sink_(sink),
      addresses_(io, settings_.dns_refresh, [this](const std::string&) { refresh(); }),
      fsm_(settings_.fsm),
      timer_(std::make_unique<Timer>(io)) {}

Cluster::~Cluster() = default;

void Cluster::start() {
  sink_.on_layout(fsm_.layout());
  perform(fsm_.on_start(state::now()));
}

void Cluster::refresh() {
  perform(fsm_.on_request(state::now()));
}

void Cluster::stop() {
  timer_->timer.cancel();
  addresses_.stop();
  links_.clear();
}

void Cluster::perform(const ClusterStep& step) {
  if (step.layout) {
    std::set<std::string> names;
    std::set<std::string> hosts;
    for (const HostPort& node : fsm_.nodes()) {
      names.insert(print_host(node));
      hosts.insert(node.host);
    }
    for (auto it = links_.begin(); it != links_.end();) {
      it = names.count(it->first) != 0 ? std::next(it) : links_.erase(it);
    }
    addresses_.keep(hosts);
    sink_.on_layout(fsm_.layout());
  }
  if (step.confirmed_at != 0) sink_.on_confirmed(step.confirmed_at);
  for (const HostPort& node : step.ask) ask(node);
  const state::Nanos sleep = std::max<state::Nanos>(step.wake_at - state::now(), 0);
  timer_->timer.expires_after(std::min<std::chrono::steady_clock::duration>(
      std::chrono::nanoseconds(sleep), kLongestSleep));
  timer_->timer.async_wait([this](const boost::system::error_code& stopped) {
    if (!stopped) perform(fsm_.on_timer(state::now()));
  });
}

void Cluster::ask(const HostPort& node) {
  auto& link = links_[print_host(node)];
  if (!link) link = std::make_unique<Link>(io_, settings_.nodes);
  const state::Endpoint endpoint = addresses_.endpoint(print_host(node), node.host, node.port);
  if (link->interview.busy() || endpoint.addresses.empty()) {
    // One that still owes the answer of an earlier round does not answer in time; a name that is
    // being resolved for the first time says nothing yet, and is heard of again.
    const AddressBook::Addresses& known = addresses_.want(node.host);
    const std::string why = link->interview.busy() ? "it has not answered yet"
                            : known.pending        ? std::string()
                                                   : known.error;
    // Not from inside perform().
    boost::asio::post(io_,
                      [this, node, why] { perform(fsm_.on_failure(state::now(), node, why)); });
    return;
  }
  link->interview.start(
      endpoint, questions(link->shards),
      [this, node](Interview::Answers answers) { on_answers(node, std::move(answers)); });
}

void Cluster::on_answers(const HostPort& node, Interview::Answers answers) {
  if (const auto* error = std::get_if<std::string>(&answers)) return fail(node, *error);
  const auto& replies = std::get<std::vector<HiredisReply>>(answers);
  const auto found = links_.find(print_host(node));
  if (found == links_.end()) return;
  Link& link = *found->second;
  if (replies[kInfo].is_error()) return fail(node, std::string(replies[kInfo].text()));
  if (replies[kLayout].is_error()) {
    if (!link.shards) return fail(node, std::string(replies[kLayout].text()));
    link.shards = false;
    return ask(node);
  }
  ClusterView view;
  parse_cluster_info(replies[kInfo].text(), view);
  const ReplyView told = replies[kLayout].view();
  auto shards =
      link.shards ? parse_cluster_shards(told, node.host) : parse_cluster_slots(told, node.host);
  if (!shards) return fail(node, "its answer to CLUSTER is none");
  view.shards = std::move(*shards);
  perform(fsm_.on_view(state::now(), node, std::move(view)));
}

void Cluster::fail(const HostPort& node, const std::string& why) {
  addresses_.refresh(node.host);
  perform(fsm_.on_failure(state::now(), node, why));
}

}  // namespace pillion::control
