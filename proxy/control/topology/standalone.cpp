#include "proxy/control/topology/standalone.hpp"

#include <utility>

#include "config/hosts.hpp"

namespace pillion::control {
namespace {

LayoutNode replica_at(const config::HostPort& server) {
  LayoutNode node;
  node.name = config::print_host(server);
  node.host = server.host;
  node.port = server.port;
  node.role = state::NodeRole::kReplica;
  return node;
}

}  // namespace

Standalone::Standalone(config::UpstreamTarget target, LayoutSink& sink)
    : target_(std::move(target)), sink_(sink) {}

void Standalone::start() {
  sink_.on_layout(layout());
}

void Standalone::on_role(const std::string& name, const RoleReply& role, state::Nanos asked_at) {
  if (name != target_.display || role.role != "master") return;
  if (target_.replicas_auto && announced_.note(role.replicas, asked_at)) sink_.on_layout(layout());
  sink_.on_confirmed(asked_at);
}

Layout Standalone::layout() const {
  Layout layout;
  layout.kind = target_.kind == config::UpstreamKind::kReplicated
                    ? state::TopologyKind::kReplicated
                    : state::TopologyKind::kStandalone;
  LayoutNode primary;
  primary.name = target_.display;
  primary.host = target_.host;
  primary.unix_path = target_.unix_path;
  primary.port = target_.port;
  primary.role = state::NodeRole::kPrimary;
  layout.nodes.push_back(std::move(primary));
  for (const config::HostPort& server : target_.replicas) {
    layout.nodes.push_back(replica_at(server));
  }
  for (const RoleReply::Replica& replica : announced_.all()) {
    LayoutNode node = replica_at({replica.host, replica.port});
    if (node.name != target_.display) layout.nodes.push_back(std::move(node));
  }
  return layout;
}

}  // namespace pillion::control
