#include "proxy/net/readiness.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace pillion::net {
namespace {

int make_set() {
  const int fd = ::epoll_create1(EPOLL_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
  return fd;
}

epoll_event interest(std::uint64_t token, const Readiness::Interest& in) {
  epoll_event event{};
  event.events = (in.read ? EPOLLIN : 0U) | (in.write ? EPOLLOUT : 0U) | (in.end ? EPOLLRDHUP : 0U);
  event.data.u64 = token;
  return event;
}

}  // namespace

Readiness::Readiness(boost::asio::io_context& io, OnLook on_look)
    : set_(io, make_set()), on_look_(std::move(on_look)) {}

void Readiness::stop() {
  boost::system::error_code ignored;
  set_.close(ignored);
}

bool Readiness::add(int fd, std::uint64_t token, const Interest& in) {
  epoll_event event = interest(token, in);
  return ::epoll_ctl(set_.native_handle(), EPOLL_CTL_ADD, fd, &event) == 0;
}

void Readiness::change(int fd, std::uint64_t token, const Interest& in) {
  epoll_event event = interest(token, in);
  ::epoll_ctl(set_.native_handle(), EPOLL_CTL_MOD, fd, &event);
}

void Readiness::wait() {
  set_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                  [this](const boost::system::error_code& ec) {
                    if (ec) return;
                    turn();
                    if (set_.is_open()) wait();
                  });
}

void Readiness::turn() {
  std::size_t count = look();
  if (count == 0) return;
  while (on_look_({events_.data(), count})) count = look();
}

/// Returns how many events there are.
std::size_t Readiness::look() {
  const int n = ::epoll_wait(set_.native_handle(), raw_.data(), static_cast<int>(raw_.size()), 0);
  const auto count = static_cast<std::size_t>(std::max(n, 0));
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t bits = raw_[i].events;
    events_[i] = {raw_[i].data.u64, (bits & EPOLLIN) != 0, (bits & EPOLLOUT) != 0,
                  (bits & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0};
  }
  return count;
}

}  // namespace pillion::net
