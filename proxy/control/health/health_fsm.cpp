#include "proxy/control/health/health_fsm.hpp"

#include <algorithm>

#include "proxy/net/backoff.hpp"

namespace pillion::control {
namespace {

/// splitmix64: the jitter only has to differ between processes.
std::uint64_t next_random(std::uint64_t& state) {
  std::uint64_t z = (state += 0x9e3779b97f4a7c15ULL);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

bool starts_with_word(std::string_view text, std::string_view word) {
  return text.starts_with(word) && (text.size() == word.size() || text[word.size()] == ' ');
}

/// Value of "field:value" in INFO's text.
std::string_view info_field(std::string_view text, std::string_view field) {
  std::size_t start = 0;
  while (start < text.size()) {
    const std::size_t end = std::min(text.find_first_of("\r\n", start), text.size());
    const std::string_view line = text.substr(start, end - start);
    if (line.size() > field.size() && line.starts_with(field) && line[field.size()] == ':') {
      return line.substr(field.size() + 1);
    }
    start = end + 1;
  }
  return {};
}

/// How servers say that credentials are missing or wrong; the last is Redis before 6.
bool is_auth_error(std::string_view error) {
  return starts_with_word(error, "NOAUTH") || starts_with_word(error, "WRONGPASS") ||
         error.starts_with("ERR invalid password");
}

}  // namespace

HealthAction HealthFsm::connect() {
  state_ = State::kConnecting;
  return Connect{settings_.connect_timeout};
}

HealthAction HealthFsm::ask(state::Nanos now, Question question) {
  state_ = State::kAsking;
  question_ = question;
  asked_at_ = now;
  return Ask{question, settings_.probe_timeout};
}

HealthAction HealthFsm::start_probe(state::Nanos now) {
  probe_started_ = now;
  return ask(now, Question::kPing);
}

HealthAction HealthFsm::rest(state::Nanos now) {
  state_ = State::kResting;
  return Rest{std::max(now, probe_started_ + settings_.interval)};
}

HealthAction HealthFsm::on_endpoint(state::Nanos) {
  return connect();
}

HealthAction HealthFsm::on_connected(state::Nanos now) {
  return ask(now, settings_.has_credentials ? Question::kAuth : Question::kInfo);
}

HealthAction HealthFsm::on_timer(state::Nanos now) {
  return state_ == State::kResting ? start_probe(now) : connect();
}

HealthAction HealthFsm::on_doubt(state::Nanos now) {
  if (state_ == State::kResting) return start_probe(now);
  if (state_ == State::kBackingOff) return connect();
  return Nothing{};
}

HealthAction HealthFsm::on_answer(state::Nanos now, const Answer& answer) {
  switch (question_) {
    case Question::kAuth:
      if (answer.is_error) return on_refused(now, answer.text);
      view_.auth_required = false;
      return ask(now, Question::kInfo);

    case Question::kInfo:
      // Without the right to INFO the version stays unknown; that is no fault of the upstream.
      if (!answer.is_error) {
        read_info(answer.text);
      } else if (!is_auth_error(answer.text)) {
        ++view_.runs;
      }
      return start_probe(now);

    case Question::kPing: {
      const bool wants_auth = answer.is_error && is_auth_error(answer.text);
      const bool wants_clients_auth = wants_auth && !settings_.has_credentials;
      view_.auth_required = wants_auth;
      view_.latency = now - asked_at_;
      // Without credentials of ours NOAUTH is a healthy answer: clients bring their own. NOPERM
      // says the same of an ACL that denies PING.
      if (answer.is_error && !wants_clients_auth && !starts_with_word(answer.text, "NOPERM")) {
        if (wants_auth) return on_refused(now, answer.text);
        count_failure(answer.text);
        return rest(now);
      }
      if (wants_auth) {
        count_success();
        return rest(now);
      }
      return ask(now, Question::kRole);
    }

    case Question::kRole:
      view_.role = answer.is_error ? std::string() : answer.text;
      view_.replication = answer.role;
      view_.role_asked_at = asked_at_;
      view_.role_told_at = now;
      count_success();
      return rest(now);
  }
  return rest(now);
}

HealthAction HealthFsm::on_refused(state::Nanos now, const std::string& error) {
  view_.auth_required = is_auth_error(error);
  // No hysteresis: the server is sure.
  failures_ = std::max(failures_, settings_.fall);
  count_failure(error);
  state_ = State::kBackingOff;
  return CloseAndRest{now + settings_.interval};
}

HealthAction HealthFsm::on_failure(state::Nanos now, std::string_view why) {
  const std::uint32_t attempt = failures_;
  count_failure(why);
  state_ = State::kBackingOff;
  return CloseAndRest{now + net::backoff_delay({}, attempt, next_random(random_))};
}

void HealthFsm::count_success() {
  failures_ = 0;
  ++successes_;
  view_.good_probes = successes_;
  view_.failing = false;
  if (view_.up || successes_ >= settings_.rise) {
    view_.up = true;
    view_.error.clear();
  }
}

void HealthFsm::count_failure(std::string_view why) {
  successes_ = 0;
  ++failures_;
  view_.good_probes = 0;
  view_.failing = true;
  if (!view_.up || failures_ >= settings_.fall) {
    view_.up = false;
    view_.error = why;
    view_.latency = 0;
    view_.replication = {};
  }
}

void HealthFsm::read_info(std::string_view text) {
  view_.version = info_field(text, "redis_version");
  view_.mode = info_field(text, "redis_mode");
  view_.zone = info_field(text, "availability_zone");
  const std::string_view run_id = info_field(text, "run_id");
  if (run_id.empty() || run_id != view_.run_id) ++view_.runs;
  view_.run_id = run_id;
}

}  // namespace pillion::control
