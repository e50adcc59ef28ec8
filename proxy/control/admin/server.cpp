#include "proxy/control/admin/server.hpp"

#include <algorithm>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/message_generator.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "proxy/logging/log.hpp"

namespace pillion::control {
namespace {

namespace http = boost::beast::http;

constexpr std::size_t kMaxConnections = 64;
constexpr std::uint32_t kMaxHeaderBytes = 8 * 1024;
constexpr std::uint64_t kMaxBodyBytes = 1024;            // nobody has to send one
constexpr auto kIdleTimeout = std::chrono::seconds(75);  // longer than usual scrape intervals
constexpr auto kRequestTimeout = std::chrono::seconds(5);
constexpr auto kWriteTimeout = std::chrono::seconds(10);

}  // namespace

/// Who is connected. Held by the sessions too, so that one that ends late finds it alive.
struct AdminServer::Sessions {
  std::vector<std::shared_ptr<Session>> open;
};

// A session is kept alive by its pending operation and by the list; it leaves the list when it
// ends. States: waiting (no byte of the next request yet), then reading, then writing.
class AdminServer::Session : public std::enable_shared_from_this<Session> {
 public:
  Session(net::Socket socket, const Routes& routes, std::shared_ptr<Sessions> sessions)
      : stream_(std::move(socket)), routes_(routes), sessions_(std::move(sessions)) {}

  bool waiting() const { return waiting_; }
  state::Nanos waiting_since() const { return waiting_since_; }

  void start() { wait(); }

  void close() {
    stream_.close();
    leave();
  }

 private:
  using Stream = boost::beast::basic_stream<boost::asio::generic::stream_protocol,
                                            boost::asio::any_io_executor>;

  void leave() {
    auto& open = sessions_->open;
    const auto self = std::find(open.begin(), open.end(), shared_from_this());
    if (self != open.end()) open.erase(self);
  }

  /// Until the first byte of a request; pipelined requests are here already.
  void wait() {
    if (buffer_.size() > 0) return read();
    waiting_ = true;
    waiting_since_ = state::now();
    stream_.expires_after(kIdleTimeout);
    stream_.async_read_some(buffer_.prepare(1024),
                            [self = shared_from_this()](const net::ErrorCode& ec, std::size_t n) {
                              self->waiting_ = false;
                              if (ec) return self->close();
                              self->buffer_.commit(n);
                              self->read();
                            });
  }

  void read() {
    parser_.emplace();
    parser_->header_limit(kMaxHeaderBytes);
    parser_->body_limit(kMaxBodyBytes);
    stream_.expires_after(kRequestTimeout);
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](const net::ErrorCode& ec, std::size_t) {
                       if (!self->stream_.socket().is_open()) return self->leave();
                       if (ec) return self->on_read_error(ec);
                       self->on_request();
                     });
  }

  void on_read_error(const net::ErrorCode& ec) {
    if (ec.category() != http::make_error_code(http::error::end_of_stream).category() ||
        ec == http::error::end_of_stream || ec == http::error::partial_message) {
      return close();
    }
    AdminResponse response;
    response.status = ec == http::error::body_limit     ? 413
                      : ec == http::error::header_limit ? 431
                                                        : 400;
    response.body = "this is an HTTP port, and that was not a request it takes\n";
    write(std::move(response), 11, false, false);
  }

  void on_request() {
    const auto& request = parser_->get();
    const bool keep_alive = request.keep_alive();
    const bool head = request.method() == http::verb::head;
    const auto hosts = request.count(http::field::host);
    AdminResponse response;
    if (hosts > 1 || (hosts == 0 && request.version() > 10)) {
      response.status = 400;
      response.body = "a request has exactly one Host header\n";
    } else {
      response =
          routes_.answer({std::string(request.method_string()), std::string(request.target()),
                          std::string(request[http::field::host])});
    }
    write(std::move(response), request.version(), keep_alive, head);
  }

  template <class Body>
  http::response<Body> head_of(const AdminResponse& from, unsigned version, bool keep_alive) {
    http::response<Body> message;
    message.result(from.status);
    message.version(version);
    message.keep_alive(keep_alive);
    message.set(http::field::content_type, from.content_type);
    message.set(http::field::cache_control, "no-store");
    message.set("X-Content-Type-Options", "nosniff");
    if (!from.allow.empty()) message.set(http::field::allow, from.allow);
    message.content_length(from.body.size());
    return message;
  }

  void write(AdminResponse response, unsigned version, bool keep_alive, bool head) {
    if (head) return send(head_of<http::empty_body>(response, version, keep_alive), keep_alive);
    auto message = head_of<http::string_body>(response, version, keep_alive);
    message.body() = std::move(response.body);
    send(std::move(message), keep_alive);
  }

  template <class Body>
  void send(http::response<Body> message, bool keep_alive) {
    stream_.expires_after(kWriteTimeout);
    boost::beast::async_write(
        stream_, http::message_generator(std::move(message)),
        [self = shared_from_this(), keep_alive](const net::ErrorCode& ec, std::size_t) {
          if (ec) return self->close();
          if (keep_alive) return self->wait();
          net::ErrorCode ignored;
          self->stream_.socket().shutdown(boost::asio::socket_base::shutdown_send, ignored);
          self->close();
        });
  }

  Stream stream_;
  const Routes& routes_;
  std::shared_ptr<Sessions> sessions_;
  boost::beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  bool waiting_ = false;
  state::Nanos waiting_since_ = 0;
};

AdminServer::AdminServer(boost::asio::io_context& io, const Routes& routes)
    : io_(io), routes_(routes), sessions_(std::make_shared<Sessions>()) {}

AdminServer::~AdminServer() {
  stop();
}

void AdminServer::listen(const std::string& host, std::uint16_t port) {
  acceptor_ = std::make_shared<net::Acceptor>(
      io_, [this](net::Socket socket) { on_accept(std::move(socket)); });
  acceptor_->open({host, port, {}}, true);
  acceptor_->start();
}

std::uint16_t AdminServer::port() const {
  return acceptor_ ? acceptor_->port() : 0;
}

void AdminServer::stop() {
  if (acceptor_) acceptor_->close();
  for (const auto& session : std::vector(sessions_->open)) session->close();
}

void AdminServer::on_accept(net::Socket socket) {
  auto& open = sessions_->open;
  if (open.size() >= kMaxConnections) {
    std::shared_ptr<Session> oldest;
    for (const auto& session : open) {
      if (session->waiting() && (!oldest || session->waiting_since() < oldest->waiting_since())) {
        oldest = session;
      }
    }
    if (!oldest) {
      logging::debug("admin: every connection is busy, one more is refused");
      return;  // closes the socket
    }
    oldest->close();
  }
  auto session = std::make_shared<Session>(std::move(socket), routes_, sessions_);
  open.push_back(session);
  session->start();
}

}  // namespace pillion::control
