// The shell of SentinelFsm: asks sentinels, listens to their events, verifies with ROLE.
//
// To each sentinel one connection for questions and one for its events, which say where to look:
// what counts is what servers answer. Sentinels are shown their own credentials, servers theirs.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "config/config.hpp"
#include "proxy/control/topology/address_book.hpp"
#include "proxy/control/topology/discovery.hpp"
#include "proxy/control/topology/interview.hpp"
#include "proxy/control/topology/sentinel_fsm.hpp"

namespace pillion::control {

class Sentinel : public Discovery {
 public:
  struct Settings {
    SentinelFsm::Settings fsm;
    Interview::Settings sentinels;
    Interview::Settings servers;
    state::Nanos dns_refresh = 30 * state::kSecond;
  };

  Sentinel(boost::asio::io_context& io, Settings settings, LayoutSink& sink);
  ~Sentinel() override;

  void start() override;
  void refresh() override;
  void on_role(const std::string& name, const RoleReply& role, state::Nanos asked_at) override;
  void on_probe(const std::string& name, bool answered) override;
  void stop() override;

 private:
  struct Link;
  struct Timer;

  void perform(const SentinelStep& step);
  void sync_links();
  void ask(Link& link);
  void on_answers(const config::HostPort& sentinel, Interview::Answers answers);
  void listen(Link& link);
  void on_event(ReplyView message);
  void verify(const config::HostPort& server);

  boost::asio::io_context& io_;
  const Settings settings_;
  LayoutSink& sink_;
  AddressBook addresses_;
  SentinelFsm fsm_;
  std::map<std::string, std::unique_ptr<Link>> links_;
  std::unique_ptr<Interview> verifier_;
  config::HostPort candidate_;  // the server verified last
  std::unique_ptr<Timer> timer_;
};

}  // namespace pillion::control
