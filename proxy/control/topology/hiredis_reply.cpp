#include "proxy/control/topology/hiredis_reply.hpp"

#include <hiredis/hiredis.h>

#include <new>
#include <utility>

namespace pillion::control {

void HiredisReply::Free::operator()(redisReply* reply) const {
  freeReplyObject(reply);
}

bool ReplyView::is_error() const {
  return reply_->type == REDIS_REPLY_ERROR;
}

bool ReplyView::is_array() const {
  return reply_->type == REDIS_REPLY_ARRAY;
}

std::size_t ReplyView::size() const {
  return is_array() ? reply_->elements : 0;
}

ReplyView ReplyView::operator[](std::size_t i) const {
  return ReplyView(reply_->element[i]);
}

std::string_view ReplyView::text() const {
  const bool has_text = reply_->type == REDIS_REPLY_STRING || reply_->type == REDIS_REPLY_STATUS ||
                        reply_->type == REDIS_REPLY_ERROR;
  return has_text ? std::string_view(reply_->str, reply_->len) : std::string_view();
}

std::int64_t ReplyView::integer() const {
  return reply_->type == REDIS_REPLY_INTEGER ? reply_->integer : 0;
}

bool HiredisReply::is_error() const {
  return view().is_error();
}

bool HiredisReply::is_array() const {
  return view().is_array();
}

std::size_t HiredisReply::size() const {
  return view().size();
}

std::string_view HiredisReply::text() const {
  return view().text();
}

std::string_view HiredisReply::text_at(std::size_t i) const {
  return i < size() ? view()[i].text() : std::string_view();
}

void ReplyReader::Free::operator()(redisReader* reader) const {
  redisReaderFree(reader);
}

ReplyReader::ReplyReader(std::size_t max_bytes)
    : max_bytes_(max_bytes), reader_(redisReaderCreate()) {
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
  if (scanned_ > max_bytes_ || scanner_.announced_bytes() > max_bytes_) {
    return broken("the reply is larger than " + std::to_string(max_bytes_ >> 20) + " MiB");
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
