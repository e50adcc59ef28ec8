#include "proxy/data/session/queued_changes.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/proxy/data/text.hpp"

namespace pillion::data::session {
namespace {

/// Applies `changes` and notes "<request> <- <reply>" for each; the answer of `own` replaces.
struct Applied {
  Applied(const QueuedChanges& changes, const std::string& reply, const std::string& own = {}) {
    out =
        apply_changes(changes, reply, [&](const resp::Command& command, std::string_view element) {
          seen.push_back(spoken(command.raw()) + " <- " + std::string(element));
          return own;
        });
  }
  std::vector<std::string> seen;
  std::string out;
};

using Seen = std::vector<std::string>;

TEST(QueuedChanges, AreAppliedWhereTheyStandInTheArray) {
  const QueuedChanges changes{{1, requests("SELECT 3")}, {3, requests("AUTH x")}};
  const std::string reply = "*4\r\n$1\r\na\r\n+OK\r\n:5\r\n-WRONGPASS no\r\n";
  const Applied applied(changes, reply);
  EXPECT_EQ(applied.seen, (Seen{"SELECT 3 <- +OK\r\n", "AUTH x <- -WRONGPASS no\r\n"}));
  EXPECT_EQ(applied.out, reply);
}

TEST(QueuedChanges, AreCountedOverNestedReplies) {
  const std::string reply =
      "*4\r\n*2\r\n:1\r\n*1\r\n+x\r\n%1\r\n+k\r\n$6\r\n*9\r\n\r\n\r\n*-1\r\n+OK\r\n";
  const Applied applied({{3, requests("SELECT 3")}}, reply);
  EXPECT_EQ(applied.seen, Seen{"SELECT 3 <- +OK\r\n"});
  EXPECT_EQ(applied.out, reply);
}

TEST(QueuedChanges, WhatIsSaidForThemTakesTheirPlace) {
  const Applied applied({{0, requests("CLIENT ID")}, {2, requests("CLIENT ID")}},
                        "*3\r\n+PONG\r\n:9\r\n+PONG\r\n", ":7\r\n");
  EXPECT_EQ(applied.out, "*3\r\n:7\r\n:9\r\n:7\r\n");
}

TEST(QueuedChanges, WhatWasNotDoneChangesNothing) {
  for (const char* reply : {"*-1\r\n", "_\r\n", "-EXECABORT x\r\n", "-ERR lost\r\n", "*0\r\n"}) {
    const Applied applied({{0, requests("SELECT 3")}}, reply, "+own\r\n");
    EXPECT_TRUE(applied.seen.empty()) << reply;
    EXPECT_EQ(applied.out, reply);
  }
}

TEST(QueuedChanges, BeyondTheEndOfTheArrayThereIsNone) {
  const Applied applied({{0, requests("SELECT 3")}, {5, requests("SELECT 4")}}, "*1\r\n+OK\r\n");
  EXPECT_EQ(applied.seen, Seen{"SELECT 3 <- +OK\r\n"});
}

}  // namespace
}  // namespace pillion::data::session
