// More than one session, and questions from one to all: what Registry does over workers is done
// here when the test says so.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/data/session/registry.hpp"
#include "tests/unit/proxy/data/session/session_fixture.hpp"

namespace pillion::data::session {

/// A client whose socket is imaginary.
class CrowdMember : public Client {
 public:
  explicit CrowdMember(Session& session) : session_(session) {}
  Session& session() override { return session_; }
  void on_ready(bool, bool, bool, state::Nanos) override {}
  void service(state::Nanos, Output output) override { served_.push_back(output); }
  bool has_input() const override { return has_input_; }
  void sweep(state::Nanos) override {}
  void close(state::DisconnectReason reason) override { closed_.push_back(reason); }

  std::vector<state::DisconnectReason> closed_;
  std::vector<Output> served_;
  bool has_input_ = true;

 private:
  Session& session_;
};

/// Session 1 is the fixture's; others are made by join(), as 2, 3, ...
class CrowdFixture : public SessionFixture, public Population {
 protected:
  CrowdFixture() { restart({}); }
  ~CrowdFixture() override {
    session_.reset();
    for (auto& other : others_) other.reset();
  }

  /// Session 1 anew, as a client that connected in this state.
  void restart(ClientState state) {
    state.id = 1;
    session_ = std::make_unique<Session>(context_, Requester{1, 1, 0}, std::move(state));
    asker_ = std::make_shared<CrowdMember>(*session_);
  }
  /// A further client; its id is its number.
  Session& join() {
    const auto number = static_cast<std::uint32_t>(others_.size() + 2);
    ClientState state;
    state.id = number;
    others_.push_back(std::make_unique<Session>(context_, Requester{number, 1, 0}, state));
    members_.push_back(std::make_shared<CrowdMember>(*others_.back()));
    return *others_.back();
  }
  void part(std::size_t index) {
    members_[index] = nullptr;
    others_[index].reset();
  }
  static void say_as(Session& session, std::string_view lines, state::Nanos now) {
    (void)session.process(requests(lines), now);
  }
  static std::string heard_by(Session& session) { return net::drained(session.output()); }

  /// Every question that was asked is answered.
  void meet() {
    for (Asked& asked : std::exchange(asked_, {})) {
      Gathered found;
      asked.ask(*this, found);
      asked.done(*find(asked.to), asked.to.slot, std::move(found));
    }
    go_on();
  }

  std::vector<std::shared_ptr<Client>> clients() override {
    std::vector<std::shared_ptr<Client>> all;
    // Not in the order of their ids: workers answer as they come.
    for (auto member = members_.rbegin(); member != members_.rend(); ++member) {
      if (*member) all.push_back(*member);
    }
    all.push_back(asker_);
    return all;
  }
  std::uint32_t worker() const override { return 0; }
  std::vector<request::HotKey> hot_keys() override { return reader_hot_keys_; }

  void on_replies(const Requester& to, const Replies& replies, state::Nanos) override {
    if (Session* session = find(to)) session->on_replies(to.slot, replies, now_);
  }
  void on_push(const Requester& to, std::string_view frame) override {
    if (Session* session = find(to)) session->on_push(to, frame);
  }
  void on_lost(const LostRun& run, const Failure& failure) override {
    if (Session* session = find(run.to)) session->on_lost(run, failure, now_);
  }
  void on_relay_lost(const Requester& to) override {
    if (Session* session = find(to)) session->on_relay_lost();
  }

  Session* find(const Requester& to) {
    if (to.session == 1) return session_.get();
    return to.session - 2 < others_.size() ? others_[to.session - 2].get() : nullptr;
  }

  std::shared_ptr<CrowdMember> asker_;
  std::vector<std::unique_ptr<Session>> others_;
  std::vector<std::shared_ptr<CrowdMember>> members_;
  std::vector<request::HotKey> reader_hot_keys_;
};

}  // namespace pillion::data::session
