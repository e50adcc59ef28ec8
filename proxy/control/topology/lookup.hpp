// Host name -> numeric addresses, without ever being waited for.
//
// getaddrinfo cannot be cancelled and a dead name server holds it for half a minute; Asio's
// asynchronous resolver would make the io_context's destructor wait for it, and with it SIGTERM.
// So each lookup runs on a detached thread that shares nothing with this process's objects but a
// mailbox. At most one at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace boost::asio {
class io_context;
}

namespace pillion::control {

struct LookupResult {
  std::vector<std::string> addresses;  // in the resolver's order, without duplicates
  std::string error;                   // why there are none
};

class Lookup {
 public:
  explicit Lookup(boost::asio::io_context& io);
  /// Precondition: the io_context still lives. A lookup under way is forgotten.
  ~Lookup();
  Lookup(const Lookup&) = delete;
  Lookup& operator=(const Lookup&) = delete;

  /// Handler runs on the io_context. Does nothing while a lookup is under way.
  void start(const std::string& host, std::uint16_t port,
             std::function<void(LookupResult)> handler);

 private:
  struct Mailbox;
  std::shared_ptr<Mailbox> mailbox_;
};

}  // namespace pillion::control
