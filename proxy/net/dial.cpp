#include "proxy/net/dial.hpp"

#include <boost/asio/error.hpp>
#include <memory>
#include <utility>

#include "proxy/net/endpoints.hpp"

namespace pillion::net {
namespace {

struct Attempt {
  Socket& socket;
  std::vector<SocketEndpoint> addresses;
  std::function<void(ErrorCode)> done;
  std::size_t next = 0;
};

void try_next(std::shared_ptr<Attempt> attempt) {
  Socket& socket = attempt->socket;
  const SocketEndpoint endpoint = attempt->addresses[attempt->next++];
  ErrorCode ec;
  socket.close(ec);
  socket.open(endpoint.protocol(), ec);
  if (ec) {
    attempt->done(ec);
    return;
  }
  socket.async_connect(endpoint, [attempt = std::move(attempt)](const ErrorCode& result) mutable {
    const bool more = attempt->next < attempt->addresses.size();
    if (result && more && result != boost::asio::error::operation_aborted) {
      try_next(std::move(attempt));
      return;
    }
    if (!result) {
      ErrorCode ignored;
      attempt->socket.non_blocking(true, ignored);
      tune(attempt->socket);
    }
    attempt->done(result);
  });
}

}  // namespace

void dial(Socket& socket, std::vector<SocketEndpoint> addresses,
          std::function<void(ErrorCode)> done) {
  try_next(std::make_shared<Attempt>(Attempt{socket, std::move(addresses), std::move(done)}));
}

}  // namespace pillion::net
