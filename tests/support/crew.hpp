// Threads whose exceptions reach the test.
#pragma once

#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace pillion::test {

class Crew {
 public:
  Crew() = default;
  /// Waits for all, forgetting what they threw: join() is the way to hear of it.
  ~Crew() { wait(); }
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  void start(std::function<void()> work) {
    threads_.emplace_back([this, work = std::move(work)] {
      try {
        work();
      } catch (...) {
        std::lock_guard lock(mutex_);
        if (!first_) first_ = std::current_exception();
      }
    });
  }

  /// Waits for all and throws what the first of them threw.
  void join() {
    wait();
    if (first_) std::rethrow_exception(std::exchange(first_, nullptr));
  }

 private:
  void wait() {
    for (auto& thread : threads_) thread.join();
    threads_.clear();
  }

  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::exception_ptr first_;
};

}  // namespace pillion::test
