#include "proxy/control/topology/lookup.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace pillion::control {
namespace {

LookupResult resolve(const std::string& host, std::uint16_t port) {
  LookupResult result;
  boost::asio::io_context own;
  boost::asio::ip::tcp::resolver resolver(own);
  boost::system::error_code ec;
  const auto found = resolver.resolve(host, std::to_string(port),
                                      boost::asio::ip::resolver_base::numeric_service, ec);
  if (ec) {
    result.error = "cannot resolve '" + host + "': " + ec.message();
    return result;
  }
  for (const auto& entry : found) {
    std::string address = entry.endpoint().address().to_string();
    auto& known = result.addresses;
    if (std::find(known.begin(), known.end(), address) == known.end()) {
      known.push_back(std::move(address));
    }
  }
  if (result.addresses.empty()) result.error = "'" + host + "' has no address";
  return result;
}

}  // namespace

struct Lookup::Mailbox {
  explicit Mailbox(boost::asio::io_context& context) : io(&context) {}

  std::mutex mutex;
  boost::asio::io_context* io;  // null once the Lookup is gone; guarded by mutex
  bool busy = false;            // io_context's thread only

  void deliver(std::shared_ptr<Mailbox> self, std::function<void(LookupResult)> handler,
               LookupResult result) {
    std::lock_guard lock(mutex);
    if (io == nullptr) return;
    boost::asio::post(*io, [self = std::move(self), handler = std::move(handler),
                            result = std::move(result)]() mutable {
      self->busy = false;
      {
        std::lock_guard gone(self->mutex);
        if (self->io == nullptr) return;
      }
      handler(std::move(result));
    });
  }
};

Lookup::Lookup(boost::asio::io_context& io) : mailbox_(std::make_shared<Mailbox>(io)) {}

Lookup::~Lookup() {
  std::lock_guard lock(mailbox_->mutex);
  mailbox_->io = nullptr;
}

void Lookup::start(const std::string& host, std::uint16_t port,
                   std::function<void(LookupResult)> handler) {
  if (std::exchange(mailbox_->busy, true)) return;
  auto work = [mailbox = mailbox_, host, port, handler] {
    mailbox->deliver(mailbox, handler, resolve(host, port));
  };
  try {
    std::thread(std::move(work)).detach();
  } catch (const std::system_error& out_of_threads) {
    mailbox_->deliver(mailbox_, std::move(handler), {{}, out_of_threads.what()});
  }
}

}  // namespace pillion::control
