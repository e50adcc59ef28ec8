#include "proxy/net/write_queue.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace pillion::net {
namespace {

// Beyond this an emptied tail gives its memory back at once instead of waiting for the idle sweep.
constexpr std::size_t kKeepTail = 256 * 1024;
constexpr std::size_t kMaxPieces = 16;
// Written pieces are cut off in steps.
constexpr std::size_t kMaxSpentChunks = 256;

}  // namespace

void WriteQueue::append_shared(std::string_view bytes, std::shared_ptr<const void> owner) {
  if (!tail_.empty()) {
    // An offset into the tail stays right: the tail becomes the first piece when nothing is ahead.
    auto owned = std::make_shared<const std::string>(std::exchange(tail_, std::string()));
    chunk_bytes_ += owned->size();
    const std::string_view view = *owned;
    chunks_.push_back(Chunk{view, std::move(owned)});
  }
  chunk_bytes_ += bytes.size();
  chunks_.push_back(Chunk{bytes, std::move(owner)});
}

std::size_t WriteQueue::write_some(int socket, ErrorCode& ec) {
  ec = {};
  std::size_t total = 0;
  while (!empty()) {
    std::array<iovec, kMaxPieces> pieces{};
    std::size_t n = 0;
    std::size_t skip = offset_;
    for (std::size_t i = head_; i < chunks_.size() && n < kMaxPieces; ++i) {
      pieces[n++] = {const_cast<char*>(chunks_[i].bytes.data()) + skip,
                     chunks_[i].bytes.size() - skip};
      skip = 0;
    }
    if (n < kMaxPieces && tail_.size() > skip)
      pieces[n++] = {tail_.data() + skip, tail_.size() - skip};

    std::size_t offered = 0;
    for (std::size_t i = 0; i < n; ++i) offered += pieces[i].iov_len;
    ssize_t written = 0;
    if (n == 1) {
      written = ::send(socket, pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL);
    } else {
      msghdr message{};
      message.msg_iov = pieces.data();
      message.msg_iovlen = n;
      written = ::sendmsg(socket, &message, MSG_NOSIGNAL);
    }
    if (written < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK)
        ec = ErrorCode(errno, boost::system::system_category());
      return total;
    }
    consume(static_cast<std::size_t>(written));
    total += static_cast<std::size_t>(written);
    if (static_cast<std::size_t>(written) < offered) return total;
  }
  return total;
}

void WriteQueue::consume(std::size_t n) {
  offset_ += n;
  while (head_ < chunks_.size() && offset_ >= chunks_[head_].bytes.size()) {
    offset_ -= chunks_[head_].bytes.size();
    chunk_bytes_ -= chunks_[head_].bytes.size();
    chunks_[head_] = Chunk{};
    ++head_;
  }
  if (head_ > kMaxSpentChunks) {
    chunks_.erase(chunks_.begin(), chunks_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
  if (head_ == chunks_.size()) {
    if (head_ != 0) {
      chunks_.clear();
      head_ = 0;
    }
    if (offset_ == tail_.size()) {
      offset_ = 0;
      if (tail_.capacity() > kKeepTail) {
        std::string().swap(tail_);
      } else {
        tail_.clear();
      }
    } else if (offset_ > kKeepTail && offset_ * 2 > tail_.size()) {
      // A reader that is always a little behind must not make the tail grow for ever.
      tail_.erase(0, offset_);
      offset_ = 0;
    }
  }
}

void WriteQueue::release_memory() {
  if (!empty()) return;
  std::string().swap(tail_);
  std::vector<Chunk>().swap(chunks_);
}

}  // namespace pillion::net
