// Writes down what an upstream connection tells, one line a call.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/data/reply_sink.hpp"

namespace pillion::data::upstream {

class RecordingSink : public ReplySink {
 public:
  void on_replies(const Requester& to, const Replies& replies, state::Nanos) override {
    calls_.push_back("replies " + name(to) + " " + std::to_string(replies.count()) + " " +
                     std::string(replies.bytes));
    bytes_of(to) += replies.bytes;
    frames_ += replies.count();
    ends_.assign(replies.ends.begin(), replies.ends.end());
  }
  void on_refused(const Requester& to, std::string_view frame, std::string_view request) override {
    calls_.push_back("refused " + name(to) + " [" + std::string(request) + "] " +
                     std::string(frame));
    bytes_of(to) += frame;
    ++frames_;
  }
  Flow on_fragment(const Requester& to, std::string_view bytes, bool last) override {
    calls_.push_back("fragment " + name(to) + (last ? " last " : " ") +
                     std::to_string(bytes.size()));
    bytes_of(to) += bytes;
    if (last) ++frames_;
    return flow_;
  }
  void on_push(const Requester& to, std::string_view frame) override {
    calls_.push_back("push " + name(to) + " " + std::string(frame));
  }
  Flow on_relay(const Requester& to, std::string_view bytes) override {
    calls_.push_back("relay " + name(to) + " " + std::string(bytes));
    return flow_;
  }
  void on_lost(const LostRun& run, const Failure& failure) override {
    std::string line = "lost " + name(run.to) +
                       (run.command_class == CommandClass::kRead ? " read" : " write") +
                       " unanswered=" + std::to_string(run.unanswered) +
                       " answered=" + std::to_string(run.answered);
    if (run.sent) line += " sent";
    if (run.reply_begun) line += " begun";
    line += " [" + std::string(run.requests) + "] " + std::string(failure.detail);
    calls_.push_back(std::move(line));
  }
  void on_relay_lost(const Requester& to) override { calls_.push_back("relay-lost " + name(to)); }
  void on_batch_end() override {}
  void on_uncongested() override {}

  /// Everything since the last call.
  std::vector<std::string> calls() { return std::exchange(calls_, {}); }
  /// All reply bytes one requester got, by its slot.
  std::string& bytes_of(const Requester& to) {
    if (received_.size() <= to.slot) received_.resize(to.slot + 1);
    return received_[to.slot];
  }

  Flow flow_ = Flow::kGoOn;
  std::uint64_t frames_ = 0;
  std::vector<std::uint32_t> ends_;  // of the latest replies, see Replies

 private:
  static std::string name(const Requester& to) { return std::to_string(to.slot); }
  std::vector<std::string> calls_;
  std::vector<std::string> received_;
};

}  // namespace pillion::data::upstream
