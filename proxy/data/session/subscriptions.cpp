#include "proxy/data/session/subscriptions.hpp"

#include "protocol/resp/writer.hpp"

namespace pillion::data::session {
namespace {

constexpr std::array<std::string_view, 3> kSubscribed = {"subscribe", "psubscribe", "ssubscribe"};
constexpr std::array<std::string_view, 3> kUnsubscribed = {"unsubscribe", "punsubscribe",
                                                           "sunsubscribe"};

}  // namespace

bool Subscriptions::remove(pubsub::Kind kind, std::string_view name) {
  Names& names = of(kind);
  const auto found = names.find(name);
  if (found == names.end()) return false;
  names.erase(found);
  --total_;
  return true;
}

std::size_t Subscriptions::reported(pubsub::Kind kind) const {
  if (kind == pubsub::Kind::kShard) return size(kind);
  return size(pubsub::Kind::kChannel) + size(pubsub::Kind::kPattern);
}

void append_confirmation(std::string& out, int protocol, bool subscribed, pubsub::Kind kind,
                         const std::string_view* name, std::size_t count) {
  out += protocol == 3 ? ">3\r\n" : "*3\r\n";
  resp::append_bulk(out,
                    (subscribed ? kSubscribed : kUnsubscribed)[static_cast<std::size_t>(kind)]);
  if (name != nullptr) {
    resp::append_bulk(out, *name);
  } else {
    resp::append_null(out, protocol);
  }
  resp::append_integer(out, static_cast<std::int64_t>(count));
}

}  // namespace pillion::data::session
