#include "proxy/data/request/script_store.hpp"

#include "config/units.hpp"
#include "protocol/resp/writer.hpp"
#include "proxy/net/sha1.hpp"

namespace pillion::data::request {
namespace {

// What an entry costs beside its body: digest, nodes of the list and the map.
constexpr std::size_t kOverhead = 256;

}  // namespace

bool declares_no_writes(std::string_view script) {
  if (!script.starts_with("#!")) return false;
  std::string_view line = script.substr(0, script.find('\n'));
  constexpr std::string_view kFlags = " flags=";
  const std::size_t at = line.find(kFlags);
  if (at == std::string_view::npos) return false;
  line.remove_prefix(at + kFlags.size());
  line = line.substr(0, line.find(' '));
  for (std::size_t end = 0; end != std::string_view::npos; line.remove_prefix(end + 1)) {
    end = line.find(',');
    if (line.substr(0, end) == "no-writes") return true;
    if (end == std::string_view::npos) break;
  }
  return false;
}

std::string eval_request(const resp::Command& evalsha, std::string_view script) {
  const std::string_view name = evalsha.name();
  const bool read_only = name.size() == std::string_view("EVALSHA_RO").size();
  std::string request;
  resp::append_array_header(request, evalsha.argc());
  resp::append_bulk(request, read_only ? "EVAL_RO" : "EVAL");
  resp::append_bulk(request, script);
  for (std::size_t i = 2; i < evalsha.argc(); ++i) resp::append_bulk(request, evalsha.arg(i));
  return request;
}

std::string ScriptStore::remember(std::string_view script) {
  const std::size_t cost = script.size() + kOverhead;
  if (cost > max_bytes_) return {};
  std::string sha1 = net::sha1_hex(script);
  const std::lock_guard lock(mutex_);
  if (const auto known = by_sha1_.find(sha1); known != by_sha1_.end()) {
    recent_.splice(recent_.begin(), recent_, known->second);
    return {};
  }
  recent_.push_front({sha1, std::string(script)});
  by_sha1_[sha1] = recent_.begin();
  bytes_ += cost;
  while (bytes_ > max_bytes_) {
    bytes_ -= recent_.back().body.size() + kOverhead;
    by_sha1_.erase(recent_.back().sha1);
    recent_.pop_back();
  }
  return sha1;
}

void ScriptStore::forget(std::string_view sha1) {
  const std::lock_guard lock(mutex_);
  const auto known = by_sha1_.find(sha1);
  if (known == by_sha1_.end()) return;
  bytes_ -= known->second->body.size() + kOverhead;
  recent_.erase(known->second);
  by_sha1_.erase(known);
}

void ScriptStore::forget_all() {
  const std::lock_guard lock(mutex_);
  by_sha1_.clear();
  recent_.clear();
  bytes_ = 0;
}

std::optional<std::string> ScriptStore::find(std::string_view sha1) {
  const std::string folded = config::lower_case(sha1);
  const std::lock_guard lock(mutex_);
  const auto known = by_sha1_.find(folded);
  if (known == by_sha1_.end()) return std::nullopt;
  recent_.splice(recent_.begin(), recent_, known->second);
  return known->second->body;
}

std::size_t ScriptStore::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace pillion::data::request
