// A FIFO in one block of memory that grows by doubling and never shrinks below what it used:
// pushing and popping in the steady state costs no allocation (std::deque allocates as it moves
// on). An item that has reset() is reset instead of assigned anew, and may keep memory of its own.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace pillion::data {

template <class T>
class RingQueue {
 public:
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  std::size_t capacity() const { return items_.size(); }

  T& front() { return items_[head_]; }
  const T& front() const { return items_[head_]; }
  T& back() { return (*this)[size_ - 1]; }
  const T& back() const { return (*this)[size_ - 1]; }

  /// i = 0 is the front.
  T& operator[](std::size_t i) { return items_[(head_ + i) & mask_]; }
  const T& operator[](std::size_t i) const { return items_[(head_ + i) & mask_]; }

  T& push_back(T item) {
    T& place = push_back();
    place = std::move(item);
    return place;
  }
  /// A fresh one, made in its place.
  T& push_back() {
    if (size_ == items_.size()) grow();
    return items_[(head_ + size_++) & mask_];
  }

  void pop_front() {
    if constexpr (requires(T & item) { item.reset(); }) {
      items_[head_].reset();
    } else {
      items_[head_] = T{};
    }
    head_ = (head_ + 1) & mask_;
    --size_;
  }

  void clear() {
    while (!empty()) pop_front();
  }

  /// Gives the memory of an empty queue back.
  void release_memory() {
    if (!empty()) return;
    std::vector<T>().swap(items_);
    head_ = 0;
    mask_ = 0;
  }

 private:
  void grow() {
    std::vector<T> larger(items_.empty() ? 4 : items_.size() * 2);
    for (std::size_t i = 0; i < size_; ++i) larger[i] = std::move((*this)[i]);
    items_.swap(larger);
    head_ = 0;
    mask_ = items_.size() - 1;
  }

  std::vector<T> items_;  // size is 0 or a power of two
  std::size_t head_ = 0;
  std::size_t size_ = 0;
  std::size_t mask_ = 0;  // of places in items_
};

}  // namespace pillion::data
