#include "bench/load/load_run.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <system_error>

namespace pillion::bench {
namespace {

std::uint64_t now_ns() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                        std::chrono::steady_clock::now().time_since_epoch())
                                        .count());
}

std::uint64_t to_ns(double seconds) {
  return static_cast<std::uint64_t>(seconds * 1e9);
}

class Run {
 public:
  explicit Run(const LoadOptions& options)
      : options_(options),
        workload_(options.operation, options.order, options.keys, options.value_size),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
  }
  ~Run() { ::close(epoll_); }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  LoadResult execute() {
    connect_all();
    if (options_.requests > 0) {
      unsent_ = options_.requests;
      open_window();
    } else {
      window_opens_ = now_ns() + to_ns(options_.warmup);
    }
    for (auto& client : clients_) next_batch(*client, now_ns());
    while (running_ > 0) turn();
    if (options_.requests > 0) close_window();
    return std::move(result_);
  }

 private:
  void connect_all() {
    for (std::uint32_t i = 0; i < options_.clients; ++i) {
      clients_.push_back(std::make_unique<Client>(options_.host, options_.port, workload_,
                                                  options_.pipeline, i + 1));
      watch(*clients_.back(), EPOLL_CTL_ADD, EPOLLIN);
    }
  }

  void watch(Client& client, int operation, std::uint32_t events) const {
    epoll_event event{};
    event.events = events;
    event.data.ptr = &client;
    if (::epoll_ctl(epoll_, operation, client.fd(), &event) != 0) {
      throw std::system_error(errno, std::generic_category(), "epoll_ctl");
    }
  }

  void open_window() {
    measuring_ = true;
    cpu_before_ = cpu_nanoseconds(options_.watched);
    own_before_ = cpu_nanoseconds(::getpid());
    result_.tally = {};
    window_opened_ = now_ns();
    window_closes_ = window_opened_ + to_ns(options_.seconds);
  }

  void close_window() {
    result_.seconds = static_cast<double>(now_ns() - window_opened_) / 1e9;
    result_.cpu = cpu_nanoseconds(options_.watched);
    for (std::size_t i = 0; i < result_.cpu.size(); ++i) result_.cpu[i] -= cpu_before_[i];
    result_.own_cpu = cpu_nanoseconds(::getpid()) - own_before_;
    // What still arrives for batches in flight belongs to no window: judged, so that errors show,
    // but not counted.
    after_ = result_.tally;
    measuring_ = false;
    finishing_ = true;
  }

  void next_batch(Client& client, std::uint64_t now) {
    std::size_t size = options_.pipeline;
    if (options_.requests > 0) {
      size = static_cast<std::size_t>(std::min<std::uint64_t>(size, unsent_));
      unsent_ -= size;
    }
    if (size == 0 || finishing_) return;
    ++running_;
    client.send_batch(size, now);
    if (client.blocked()) watch(client, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
  }

  void turn() {
    std::array<epoll_event, 256> events;
    const int timeout = static_cast<int>(options_.stall_timeout * 1000);
    const int ready = ::epoll_wait(epoll_, events.data(), events.size(), timeout);
    if (ready < 0 && errno != EINTR) {
      throw std::system_error(errno, std::generic_category(), "epoll_wait");
    }
    if (ready == 0) throw std::runtime_error("no reply within the stall timeout");
    if (options_.requests == 0) move_window(now_ns());
    for (int i = 0; i < ready; ++i) {
      serve(*static_cast<Client*>(events[static_cast<std::size_t>(i)].data.ptr),
            events[static_cast<std::size_t>(i)].events);
    }
  }

  void move_window(std::uint64_t now) {
    if (!measuring_ && !finishing_ && now >= window_opens_) {
      open_window();
    } else if (measuring_ && now >= window_closes_) {
      close_window();
    }
  }

  void serve(Client& client, std::uint32_t events) {
    if (events & EPOLLOUT) {
      client.flush();
      if (!client.blocked()) watch(client, EPOLL_CTL_MOD, EPOLLIN);
    }
    if (!(events & ~static_cast<std::uint32_t>(EPOLLOUT))) return;
    if (!client.receive(finishing_ ? after_ : result_.tally)) return;
    const std::uint64_t now = now_ns();
    if (measuring_) result_.batches.record(now - client.sent_at());
    --running_;
    next_batch(client, now);
  }

  const LoadOptions& options_;
  Workload workload_;
  int epoll_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::uint64_t unsent_ = 0;  // commands left when the run is bounded by count
  std::size_t running_ = 0;   // clients with a batch in flight
  bool measuring_ = false;
  bool finishing_ = false;
  std::uint64_t window_opens_ = 0;
  std::uint64_t window_opened_ = 0;
  std::uint64_t window_closes_ = 0;
  std::vector<std::uint64_t> cpu_before_;
  std::uint64_t own_before_ = 0;
  Tally after_;
  LoadResult result_;
};

}  // namespace

LoadResult run_load(const LoadOptions& options) {
  return Run(options).execute();
}

}  // namespace pillion::bench
