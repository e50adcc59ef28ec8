// Scripts that clients have shown us, by their SHA1, so that an upstream that has lost them (a
// restart, a failover, somebody's SCRIPT FLUSH) can be shown them again. One per process, any
// thread. Bounded: the scripts shown longest ago go first.
#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/resp/request_parser.hpp"

namespace pillion::data::request {

class ScriptStore {
 public:
  explicit ScriptStore(std::size_t max_bytes = 4UL << 20) : max_bytes_(max_bytes) {}

  /// An EVAL or SCRIPT LOAD carried this. Gives its SHA1 when it is new here: whether it is any
  /// good is not known before its reply, so forget() it if not.
  std::string remember(std::string_view script);
  void forget(std::string_view sha1);
  /// SCRIPT FLUSH: EVALSHA is to fail from here on, as it does without us.
  void forget_all();
  /// By its SHA1 in hex, any case.
  std::optional<std::string> find(std::string_view sha1);

  std::size_t bytes() const;

 private:
  struct Script {
    std::string sha1;  // lower case
    std::string body;
  };
  using Recent = std::list<Script>;

  const std::size_t max_bytes_;
  mutable std::mutex mutex_;
  std::size_t bytes_ = 0;
  Recent recent_;  // latest first
  std::map<std::string, Recent::iterator, std::less<>> by_sha1_;
};

/// A script whose first line says `#!lua flags=no-writes`, among other flags perhaps.
bool declares_no_writes(std::string_view script);

/// The EVAL that does what an EVALSHA asks for (EVAL_RO for EVALSHA_RO), in canonical encoding.
std::string eval_request(const resp::Command& evalsha, std::string_view script);

}  // namespace pillion::data::request
