#include "bench/load/client.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>

namespace pillion::bench {
namespace {

constexpr std::size_t kSlack = 4096;  // error replies may be longer than right ones

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

int connect_to(const std::string& host, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (::inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) {
    throw std::runtime_error("--host takes an IPv4 address, not '" + host + "'");
  }
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  const int on = 1;
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 ||
      ::fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
    const int error = errno;
    ::close(fd);
    errno = error;
    fail("connect");
  }
  return fd;
}

}  // namespace

Client::Client(const std::string& host, std::uint16_t port, Workload& workload,
               std::size_t pipeline, std::uint64_t seed)
    : workload_(workload), random_(seed * 0x9e3779b97f4a7c15ULL | 1U), keys_(pipeline) {
  request_.reserve(workload.command().size() * pipeline);
  for (std::size_t i = 0; i < pipeline; ++i) request_ += workload.command();
  received_.resize(workload.reply_size() * pipeline + kSlack);
  fd_ = connect_to(host, port);
}

Client::~Client() {
  ::close(fd_);
}

void Client::send_batch(std::size_t size, std::uint64_t now) {
  const std::size_t stride = workload_.command().size();
  for (std::size_t i = 0; i < size; ++i) {
    keys_[i] = workload_.next_key(random_);
    workload_.patch(request_.data() + i * stride, keys_[i]);
  }
  batch_ = size;
  answered_ = 0;
  to_write_ = size * stride;
  written_ = 0;
  sent_at_ = now;
  flush();
}

void Client::flush() {
  while (written_ < to_write_) {
    const ssize_t sent =
        ::send(fd_, request_.data() + written_, to_write_ - written_, MSG_NOSIGNAL);
    if (sent >= 0) {
      written_ += static_cast<std::size_t>(sent);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return;
    } else if (errno != EINTR) {
      fail("send");
    }
  }
}

bool Client::receive(Tally& tally) {
  const ssize_t got = ::recv(fd_, received_.data() + end_, received_.size() - end_, 0);
  if (got == 0) throw std::runtime_error("the server closed a connection");
  if (got < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return false;
    fail("recv");
  }
  end_ += static_cast<std::size_t>(got);
  return judge_received(tally);
}

bool Client::judge_received(Tally& tally) {
  while (begin_ < end_) {
    const std::string_view bytes(received_.data() + begin_, end_ - begin_);
    if (answered_ == batch_) throw std::runtime_error("more replies than commands");
    const Workload::Judged judged = workload_.judge(bytes, keys_[answered_]);
    if (judged.verdict == Workload::Verdict::kIncomplete) break;
    if (judged.verdict == Workload::Verdict::kWrong) {
      throw std::runtime_error("wrong reply to the command for key " +
                               std::to_string(keys_[answered_]) + ": " +
                               std::string(bytes.substr(0, 100)));
    }
    if (judged.verdict == Workload::Verdict::kMiss) ++tally.misses;
    if (judged.verdict == Workload::Verdict::kError) {
      if (tally.errors++ == 0) tally.first_error = bytes.substr(0, judged.size - 2);
    }
    ++tally.replies;
    ++answered_;
    begin_ += judged.size;
  }
  if (begin_ == end_) {
    begin_ = end_ = 0;
  } else if (end_ == received_.size()) {
    if (begin_ == 0) throw std::runtime_error("a reply is longer than any this run can have");
    std::memmove(received_.data(), received_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  return answered_ == batch_;
}

}  // namespace pillion::bench
