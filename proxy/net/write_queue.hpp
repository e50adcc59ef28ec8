// Bytes on their way to one socket.
//
//      chunks_[head_] ... chunks_[n]   |   tail_
//      (whole pieces, maybe shared)    |   (bytes appended since the last chunk)
//
// Small replies are appended to one contiguous tail and leave with one write per batch; a large
// shared reply (a pinned cache entry, a fetched value with many waiters) is queued by reference.
// The common case is a tail alone. `offset_` is how much of the first piece was written.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/net/socket.hpp"

namespace pillion::net {

class WriteQueue {
 public:
  /// Where small pieces are appended. Call note_append() afterwards is not needed: size() counts.
  std::string& tail() { return tail_; }

  void append(std::string_view bytes) { tail_.append(bytes); }

  /// Queues bytes kept alive by `owner`.
  void append_shared(std::string_view bytes, std::shared_ptr<const void> owner);

  std::size_t size() const { return chunk_bytes_ + tail_.size() - offset_; }
  bool empty() const { return size() == 0; }

  /// Writes what the socket takes without blocking; returns bytes written. `ec` is set on errors,
  /// would_block is not one.
  std::size_t write_some(int socket, ErrorCode& ec);

  /// Heap memory held, for accounting.
  std::size_t capacity() const { return chunk_bytes_ + tail_.capacity(); }

  /// Gives idle memory back.
  void release_memory();

 private:
  struct Chunk {
    std::string_view bytes;
    std::shared_ptr<const void> owner;
  };

  void consume(std::size_t n);

  std::vector<Chunk> chunks_;
  std::size_t head_ = 0;
  std::size_t chunk_bytes_ = 0;  // of chunks_ from head_ on
  std::size_t offset_ = 0;       // written bytes of the first piece
  std::string tail_;
};

}  // namespace pillion::net
