// The shell of ClusterFsm: asks nodes CLUSTER INFO and CLUSTER SHARDS (or SLOTS, before Redis 7.0).
#pragma once

#include <map>
#include <memory>
#include <string>

#include "config/config.hpp"
#include "proxy/control/topology/address_book.hpp"
#include "proxy/control/topology/cluster_fsm.hpp"
#include "proxy/control/topology/discovery.hpp"
#include "proxy/control/topology/interview.hpp"

namespace pillion::control {

class Cluster : public Discovery {
 public:
  struct Settings {
    ClusterFsm::Settings fsm;
    Interview::Settings nodes;
    state::Nanos dns_refresh = 30 * state::kSecond;
  };

  Cluster(boost::asio::io_context& io, Settings settings, LayoutSink& sink);
  ~Cluster() override;

  void start() override;
  void refresh() override;
  void stop() override;

 private:
  struct Link;
  struct Timer;

  void perform(const ClusterStep& step);
  void ask(const config::HostPort& node);
  void on_answers(const config::HostPort& node, Interview::Answers answers);
  void fail(const config::HostPort& node, const std::string& why);

  boost::asio::io_context& io_;
  const Settings settings_;
  LayoutSink& sink_;
  AddressBook addresses_;
  ClusterFsm fsm_;
  std::map<std::string, std::unique_ptr<Link>> links_;
  std::unique_ptr<Timer> timer_;
};

}  // namespace pillion::control
