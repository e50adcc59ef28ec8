// Work that waits for the end of a loop turn, or for a moment of its own, so that what many
// handlers staged leaves in one write.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "proxy/state/clock.hpp"

namespace pillion::net {

/// Something with staged bytes.
class Flushable {
 public:
  virtual ~Flushable() = default;
  virtual void flush() = 0;
};

/// One per worker; used on its thread only.
class TurnEnd {
 public:
  explicit TurnEnd(boost::asio::io_context& io) : io_(io) {}

  /// Has `item` flushed at the end of the turn: at end(), or else behind the handlers that are
  /// ready now. The caller asks once per flush.
  void add(std::shared_ptr<Flushable> item) {
    items_.push_back(std::move(item));
    post_unless_open();
  }

  /// The same, but already at the end of the look.
  void add_to_look(std::shared_ptr<Flushable> item) {
    look_items_.push_back(std::move(item));
    post_unless_open();
  }

  /// Runs `then` after that time, instead of what was asked for before and has not run yet.
  template <class Then>
  void after(state::Nanos time, Then then) {
    timer_.expires_after(std::chrono::nanoseconds(time));
    timer_.async_wait([then = std::move(then)](const boost::system::error_code& ec) mutable {
      if (!ec) then();
    });
  }

  /// A turn whose end will be said, after one look or several: nothing needs to be posted for it.
  void begin() { open_ = true; }
  bool open() const { return open_; }
  void end_look() { flush(look_items_); }
  void end() {
    open_ = false;
    run();
  }

  /// Something waits for the end of the turn.
  bool waiting() const { return !items_.empty(); }

 private:
  using Items = std::vector<std::shared_ptr<Flushable>>;

  void post_unless_open() {
    if (open_ || posted_) return;
    posted_ = true;
    boost::asio::post(io_, [this] {
      posted_ = false;
      run();
    });
  }

  void run() {
    // A flush may ask for another.
    while (!look_items_.empty() || !items_.empty()) {
      flush(look_items_);
      flush(items_);
    }
  }

  /// In the order in which they were asked for.
  void flush(Items& items) {
    while (!items.empty()) {
      running_.swap(items);
      for (const auto& ready : running_) ready->flush();
      running_.clear();
    }
  }

  boost::asio::io_context& io_;
  boost::asio::steady_timer timer_{io_};
  Items items_;
  Items look_items_;
  Items running_;
  bool open_ = false;
  bool posted_ = false;
};

}  // namespace pillion::net
