#include "proxy/data/session/tracking_state.hpp"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/protocol/command/parsed.hpp"
#include "tests/unit/proxy/data/text.hpp"

namespace pillion::data::session {
namespace {

using command::Parsed;
using command::words;

TrackingRequest parsed(const char* line) {
  return parse_tracking(Parsed(words(line)).command());
}

TEST(TrackingRequest, KnowsWhatItMustKnow) {
  const TrackingRequest on = parsed("CLIENT TRACKING on");
  EXPECT_TRUE(on.on && !on.off && !on.broadcast);
  EXPECT_EQ(on.redirect, 0u);
  EXPECT_TRUE(parsed("CLIENT TRACKING OFF").off);
  EXPECT_TRUE(parsed("CLIENT TRACKING ON optin").opt_in);
  EXPECT_FALSE(parsed("CLIENT TRACKING ON optin").opt_out);
  EXPECT_TRUE(parsed("CLIENT TRACKING ON NOLOOP OPTOUT").opt_out);
  EXPECT_FALSE(parsed("CLIENT TRACKING ON BCAST PREFIX OPTIN").opt_in);
  const TrackingRequest wrong = parsed("CLIENT TRACKING maybe");
  EXPECT_FALSE(wrong.on || wrong.off);
  const TrackingRequest all = parsed("CLIENT TRACKING ON redirect 12 bcast PREFIX p NOLOOP");
  EXPECT_TRUE(all.broadcast);
  EXPECT_EQ(all.redirect, 12u);
}

TEST(TrackingRequest, APrefixMayHaveAnOptionsName) {
  const TrackingRequest request = parsed("CLIENT TRACKING ON PREFIX BCAST PREFIX REDIRECT");
  EXPECT_FALSE(request.broadcast);
  EXPECT_EQ(request.redirect, 0u);
  EXPECT_EQ(parsed("CLIENT TRACKING ON PREFIX REDIRECT REDIRECT 5").redirect, 5u);
}

TEST(TrackingRequest, WhatIsNoIdIsTheUpstreamsToRefuse) {
  for (const char* line : {"CLIENT TRACKING ON REDIRECT", "CLIENT TRACKING ON REDIRECT x",
                           "CLIENT TRACKING ON REDIRECT 0", "CLIENT TRACKING ON REDIRECT -1"}) {
    EXPECT_EQ(parsed(line).redirect, 0u) << line;
  }
}

TEST(WithRedirect, NamesTheTargetAsTheUpstreamKnowsIt) {
  const auto rewritten = [](const char* line) {
    return spoken(with_redirect(Parsed(words(line)).command(), 900));
  };
  EXPECT_EQ(rewritten("CLIENT TRACKING ON redirect 5 BCAST"),
            "CLIENT TRACKING ON redirect 900 BCAST");
  EXPECT_EQ(rewritten("CLIENT TRACKING ON BCAST PREFIX REDIRECT PREFIX b REDIRECT 5"),
            "CLIENT TRACKING ON BCAST PREFIX REDIRECT PREFIX b REDIRECT 900");
}

TEST(InvalidationMessage, IsWhatASubscriberHears) {
  EXPECT_EQ(invalidation_message(">2\r\n$10\r\ninvalidate\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n"),
            "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n");
  EXPECT_EQ(invalidation_message(">2\r\n$10\r\ninvalidate\r\n_\r\n"),
            "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n$-1\r\n")
      << "a flush, as redis-server 7.0.15 says it";
  EXPECT_EQ(invalidation_message(">2\r\n$21\r\ntracking-redir-broken\r\n:7\r\n"), "");
}

}  // namespace
}  // namespace pillion::data::session
