// A client that speaks to a Redis Cluster itself, as the real ones do: it goes where it is sent.
//
// For truth and for direct writers. It follows MOVED and ASK, and tries again for a while what is
// answered by TRYAGAIN, CLUSTERDOWN, LOADING or READONLY: none of these was executed. Whatever else
// goes wrong is the caller's: a connection that breaks is thrown as RespClient throws it, and the
// outcome is unknown.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string_view>
#include <vector>

#include "tests/support/cluster_servers.hpp"
#include "tests/support/resp_client.hpp"

namespace pillion::test {

class ClusterClient {
 public:
  /// `seeds`: ports of nodes, any of them running.
  explicit ClusterClient(std::vector<std::uint16_t> seeds) : seeds_(std::move(seeds)) {}
  static ClusterClient of(ClusterServers& cluster);

  /// One command about the key that is its second word.
  template <class... Arguments>
  Value operator()(const Arguments&... arguments) {
    return command({std::string_view(arguments)...});
  }
  Value command(const std::vector<std::string_view>& arguments);
  Value command(std::string_view key, const std::vector<std::string_view>& arguments,
                Millis patience = kPatience);
  /// Several commands about one key, on one connection, in one go: a transaction for example. A
  /// redirection of any is followed by all of them again, so only what may be repeated until then.
  std::vector<Value> together(std::string_view key,
                              const std::vector<std::vector<std::string_view>>& commands,
                              Millis patience = kPatience);

 private:
  RespClient& line_to(std::uint16_t port);
  std::uint16_t any_port();
  void forget(std::uint16_t port);

  std::vector<std::uint16_t> seeds_;
  std::size_t next_seed_ = 0;
  std::map<std::uint32_t, std::uint16_t> owners_;  // by slot, as learnt from MOVED
  std::map<std::uint16_t, std::unique_ptr<RespClient>> lines_;
};

}  // namespace pillion::test
