#include "tests/support/replicated_servers.hpp"

#include <stdexcept>

#include "tests/support/eventually.hpp"

namespace pillion::test {
namespace {

/// Without them a replica waits 5 s for company before it is sent the data set.
const std::vector<std::string> kSwiftReplication = {"--repl-diskless-sync", "yes",
                                                    "--repl-diskless-sync-delay", "0"};

std::vector<std::string> with_swift_replication(const std::vector<std::string>& arguments) {
  std::vector<std::string> all = kSwiftReplication;
  all.insert(all.end(), arguments.begin(), arguments.end());
  return all;
}

}  // namespace

RoleOf role_of(RedisServer& server) {
  const auto reply = server.ask({"ROLE"});
  if (!reply || reply->items.size() < 3) return {};
  RoleOf result{reply->items[0].text, "", -1};
  if (result.role == "master") {
    result.offset = reply->items[1].integer();
  } else if (result.role == "slave") {
    result.link = reply->items.at(3).text;
    result.offset = reply->items.at(4).integer();
  }
  return result;
}

ReplicatedServers::ReplicatedServers(Options options) {
  const auto arguments = with_swift_replication(options.arguments);
  const auto reserve = [&] {
    return std::make_unique<RedisServer>(RedisServer::not_yet_started(arguments));
  };
  primary_ = reserve();
  std::vector<RedisServer*> all = {primary_.get()};
  for (std::size_t i = 0; i < options.replicas; ++i) {
    replicas_.push_back(reserve());
    all.push_back(replicas_.back().get());
  }
  RedisServer::start_all(all);
  for (auto& replica : replicas_) {
    std::uint16_t port = primary_->port();
    if (options.network) {
      links_.push_back(std::make_unique<ChaosProxy>(primary_->port()));
      port = links_.back()->port();
    }
    (*replica)("REPLICAOF", "127.0.0.1", std::to_string(port));
    // Also when it is started again.
    replica->configure({"--replicaof", "127.0.0.1 " + std::to_string(port)});
  }
  if (!wait_until_in_step()) throw TimedOut("the replicas do not get in step");
}

std::string ReplicatedServers::url() const {
  std::string url = primary_->url();
  const char* separator = "?replicas=";
  for (const auto& replica : replicas_) {
    url += separator + ("127.0.0.1:" + std::to_string(replica->port()));
    separator = ",";
  }
  return url;
}

bool ReplicatedServers::in_step(std::size_t number) {
  const RoleOf primary = role_of(*primary_);
  const RoleOf replica = role_of(*replicas_.at(number));
  return replica.link == "connected" && primary.offset >= 0 && replica.offset >= primary.offset;
}

bool ReplicatedServers::wait_until_in_step(Millis patience) {
  for (std::size_t i = 0; i < replicas_.size(); ++i) {
    if (!replicas_[i]->running()) continue;
    if (!eventually([&] { return in_step(i); }, patience)) return false;
  }
  return true;
}

void ReplicatedServers::force_full_resync(std::size_t number) {
  RedisServer& primary = *primary_;
  const auto count = [&](const char* what) { return primary.info_number("stats", what); };
  const std::uint64_t before = count("sync_full");
  const std::uint64_t backlog = primary.info_number("replication", "repl_backlog_size");
  ChaosProxy& way = link(number);
  RespClient writer = primary.client();
  const std::string filling(1 << 20, 'f');
  const Moment limit = Clock::now() + 30s;
  // What another replica has not taken yet stays in the backlog, however small that is: this one
  // may then go on where it was, and is cut off again.
  while (Clock::now() < limit) {
    const std::uint64_t resumed = count("sync_partial_ok");
    way.refuse(true);
    way.reset_all();
    for (std::uint64_t written = 0; written <= backlog; written += filling.size()) {
      writer("SET", "resync:filling", filling);
    }
    writer("DEL", "resync:filling");
    way.refuse(false);
    eventually([&] { return count("sync_full") > before || count("sync_partial_ok") > resumed; },
               8s);
    if (count("sync_full") > before) return;
  }
  throw TimedOut("the replica does not ask for a full resync");
}

}  // namespace pillion::test
