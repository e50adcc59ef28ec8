// listen.emulate_cluster: what clients that speak to clusters only ask about the cluster. Its one
// node is Pillion, which nobody but Pillion can speak for, so none of this reaches the upstream.
//
// Between MULTI and EXEC they are queued as Redis queues them, and answered in their places of
// EXEC's array (queued_changes.hpp): a client that cannot tell this from a cluster counts on it.
#include <string>
#include <string_view>

#include "proxy/data/route/cluster_view.hpp"
#include "proxy/data/session/session.hpp"

namespace pillion::data::session {
namespace {

constexpr std::string_view kMapped = "::ffff:";

/// The host of "host:port", without brackets; "" when the connection is none over TCP.
std::string_view host_of(std::string_view local) {
  const std::size_t colon = local.rfind(':');
  const bool tcp = !local.empty() && (local[0] == '[' || (local[0] >= '0' && local[0] <= '9'));
  if (!tcp || colon == std::string_view::npos) return {};
  std::string_view host = local.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.starts_with(kMapped) && host.find('.') != std::string_view::npos)
    host.remove_prefix(kMapped.size());
  return host;
}

}  // namespace

Session::Step Session::answer_as_cluster(const command::Spec& spec, const resp::Command& command) {
  if (!spec.is(command::kAdmin) &&
      context_.all_clients.monitors.load(std::memory_order_relaxed) != 0) {
    show_to_monitors(command);
  }
  if (needs_auth()) {
    fail_locally("NOAUTH Authentication required.");
  } else {
    reply_locally(cluster_answer(spec, command));
  }
  return Step::kNext;
}

std::string Session::cluster_answer(const command::Spec& spec, const resp::Command& command) const {
  std::string out;
  const route::ClusterFace& face = *context_.cluster_face;
  if (const std::string_view host = host_of(state_.local); face.host.empty() && !host.empty()) {
    // Listening on every address: the one this client came to is one that it can reach. Some
    // clients (ioredis) take no notice of a node without one.
    route::append_cluster_view(out, {std::string(host), face.port, face.id}, spec, command,
                               state_.protocol);
  } else {
    route::append_cluster_view(out, face, spec, command, state_.protocol);
  }
  return out;
}

}  // namespace pillion::data::session
