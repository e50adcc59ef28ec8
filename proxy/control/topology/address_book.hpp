// Host names and their addresses, kept current for as long as somebody wants them.
//
// A numeric host needs no resolving. A name is resolved when it is first wanted, every `refresh`,
// and again (at most once a second) when a server of that name cannot be reached: its address may
// have moved. A failing resolver never takes known addresses away; while there are none, `error`
// says why and the lookup is repeated every second. Never waits; control thread only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "proxy/control/topology/lookup.hpp"
#include "proxy/state/clock.hpp"
#include "proxy/state/topology_snapshot.hpp"

namespace boost::asio {
class io_context;
}

namespace pillion::control {

class AddressBook {
 public:
  struct Addresses {
    std::vector<std::string> list;  // numeric, in the resolver's order
    std::string error;              // why there are none
    bool pending = false;           // because the first lookup has not ended yet
  };

  /// `on_change` runs from the io_context, with the host whose addresses or error are others now.
  AddressBook(boost::asio::io_context& io, state::Nanos refresh,
              std::function<void(const std::string& host)> on_change);
  ~AddressBook();
  AddressBook(const AddressBook&) = delete;
  AddressBook& operator=(const AddressBook&) = delete;

  /// What is known now; a host that is new begins to be resolved.
  const Addresses& want(const std::string& host);
  /// Of these and no others are the addresses kept.
  void keep(const std::set<std::string>& hosts);
  /// A server of that name could not be reached.
  void refresh(const std::string& host);
  void stop();

  /// A place to connect to, as far as it is known.
  state::Endpoint endpoint(const std::string& name, const std::string& host, std::uint16_t port);

 private:
  struct Entry;
  struct Timer;

  void look_up(const std::string& host, Entry& entry);
  void on_result(const std::string& host, LookupResult result);
  void on_timer();
  void schedule();

  boost::asio::io_context& io_;
  const state::Nanos refresh_;
  std::function<void(const std::string&)> on_change_;
  std::map<std::string, std::unique_ptr<Entry>> entries_;
  std::unique_ptr<Timer> timer_;
};

}  // namespace pillion::control
