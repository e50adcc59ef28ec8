// How subscriptions answer to the sessions of a worker. On the worker's thread, never from within
// a call into Fanout.
#pragma once

#include <string_view>

#include "proxy/data/pubsub/messages.hpp"
#include "proxy/data/reply_sink.hpp"

namespace pillion::data::pubsub {

class SubscriptionSink {
 public:
  virtual ~SubscriptionSink() = default;

  /// Answers exactly one subscribe() or unsubscribe(), named by the slot. Empty `error`: done, all
  /// names. Otherwise nothing of the request holds, and `error` is a whole error text without '-'
  /// and CRLF: the upstream's own, or "ERR upstream ... unavailable: ...".
  virtual void on_subscription_settled(const Requester& to, std::string_view error) = 0;

  /// Messages for a member, in the order the upstream sent them. They begin behind the settling of
  /// the request that subscribed, and end before that of the one that unsubscribed. The member may
  /// leave() from within.
  virtual void on_messages(const Requester& to, const Messages& messages) = 0;

  /// The upstream does not allow any more what it had allowed (an ACL changed): Redis closes such a
  /// client.
  virtual void on_subscription_revoked(const Requester& to) = 0;

  /// All that came together was told: write it out now.
  virtual void on_batch_end() = 0;
};

}  // namespace pillion::data::pubsub
