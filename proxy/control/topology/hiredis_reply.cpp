#include "proxy/control/topology/hiredis_reply.hpp"

#include <hiredis/hiredis.h>

#include <new>
#include <utility>

namespace pillion::control {
namespace {

std::string_view text_of(const redisReply& reply) {
  const bool has_text = reply.type == REDIS_REPLY_STRING || reply.type == REDIS_REPLY_STATUS ||
                        reply.type == REDIS_REPLY_ERROR;
  return has_text ? std::string_view(reply.str, reply.len) : std::string_view();
}

}  // namespace

void HiredisReply::Free::operator()(redisReply* reply) const {
  freeReplyObject(reply);
}

bool HiredisReply::is_error() const {
  return reply_->type == REDIS_REPLY_ERROR;
}

bool HiredisReply::is_array() const {
  return reply_->type == REDIS_REPLY_ARRAY;
}

std::size_t HiredisReply::size() const {
  return is_array() ? reply_->elements : 0;
}

std::string_view HiredisReply::text() const {
  return text_of(*reply_);
}

std::string_view HiredisReply::text_at(std::size_t i) const {
  return i < size() ? text_of(*reply_->element[i]) : std::string_view();
}

void ReplyReader::Free::operator()(redisReader* reader) const {
  redisReaderFree(reader);
}

ReplyReader::ReplyReader() : reader_(redisReaderCreate()) {
  if (!reader_) throw std::bad_alloc();
}

void ReplyReader::feed(std::string_view bytes) {
  pending_.append(bytes);
}

BadReply ReplyReader::broken(std::string why) {
  broken_ = std::move(why);
  return BadReply{broken_};
}

std::variant<HiredisReply, NeedMore, BadReply> ReplyReader::next() {
  if (!broken_.empty()) return BadReply{broken_};
  std::size_t consumed = 0;
  const auto status = scanner_.feed(std::string_view(pending_).substr(scanned_), consumed);
  scanned_ += consumed;
  if (scanned_ > kMaxReplyBytes || scanner_.announced_bytes() > kMaxReplyBytes) {
    return broken("the reply is larger than 1 MiB");
  }
  if (status == resp::FrameScanner::Status::kError) return broken("the reply is not RESP");
  if (status == resp::FrameScanner::Status::kMore) return NeedMore{};

  const bool fed = redisReaderFeed(reader_.get(), pending_.data(), scanned_) == REDIS_OK;
  pending_.erase(0, std::exchange(scanned_, 0));
  void* reply = nullptr;
  if (!fed || redisReaderGetReply(reader_.get(), &reply) != REDIS_OK || reply == nullptr) {
    return broken(reader_->err != 0 ? reader_->errstr : "the reply is not RESP2");
  }
  return HiredisReply(static_cast<redisReply*>(reply));
}

}  // namespace pillion::control
