// Discovery for a primary that stays the same: alone, with the replicas the configuration lists, or
// with those it names itself (replicas: auto). Its layout is told from start(); confirmed whenever
// its health check hears that it is a primary.
#pragma once

#include <string>

#include "config/config.hpp"
#include "proxy/control/topology/announced_replicas.hpp"
#include "proxy/control/topology/discovery.hpp"

namespace pillion::control {

class Standalone : public Discovery {
 public:
  Standalone(config::UpstreamTarget target, LayoutSink& sink);

  void start() override;
  void refresh() override {}
  void on_role(const std::string& name, const RoleReply& role, state::Nanos asked_at) override;
  void stop() override {}

 private:
  Layout layout() const;

  const config::UpstreamTarget target_;
  LayoutSink& sink_;
  AnnouncedReplicas announced_;
};

}  // namespace pillion::control
