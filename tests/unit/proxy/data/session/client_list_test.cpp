#include "proxy/data/session/client_list.hpp"

#include <gtest/gtest.h>

#include <string>

#include "protocol/command/table.hpp"
#include "tests/unit/protocol/command/parsed.hpp"

namespace pillion::data::session {
namespace {

using command::Parsed;
using command::words;
using state::kSecond;

/// What stands behind "name=" in a line.
std::string field(const std::string& line, const std::string& name) {
  const std::string padded = " " + line + " ";
  const std::size_t at = padded.find(" " + name + "=");
  if (at == std::string::npos) return "(absent)";
  const std::size_t value = at + name.size() + 2;
  return padded.substr(value, padded.find(' ', value) - value);
}

std::string flags(const ClientState& state, const Activity& activity) {
  return field(client_line(state, activity, 0), "flags");
}

TEST(ClientLine, HasRedissFieldsInRedissOrder) {
  ClientState state;
  state.id = 7;
  state.peer = "127.0.0.1:40000";
  state.local = "127.0.0.1:6380";
  state.descriptor = 12;
  state.name = "me";
  state.database = 3;
  state.connected_at = 100 * kSecond;
  state.last_command_at = 163 * kSecond;
  state.last_command = &command::find_full("CLIENT|LIST");
  Activity activity;
  activity.query_bytes = 26;
  const std::string line = client_line(state, activity, 170 * kSecond + 1);
  std::string names;
  for (const std::string& word : words(line)) names += word.substr(0, word.find('=')) + " ";
  EXPECT_EQ(names,
            "id addr laddr fd name age idle flags db sub psub ssub multi qbuf qbuf-free argv-mem "
            "multi-mem rbs rbp obl oll omem tot-mem events cmd user redir resp ");
  EXPECT_TRUE(line.starts_with(
      "id=7 addr=127.0.0.1:40000 laddr=127.0.0.1:6380 fd=12 name=me age=70 idle=7 flags=N db=3 "
      "sub=0 psub=0 ssub=0 multi=-1 qbuf=26 "))
      << line;
  EXPECT_EQ(field(line, "cmd"), "client|list");
  EXPECT_EQ(field(line, "user"), "default");
  EXPECT_EQ(field(line, "redir"), "-1");
  EXPECT_EQ(field(line, "resp"), "2");
  EXPECT_EQ(field(line, "events"), "r");
}

TEST(ClientLine, TellsWhatTheClientIsDoing) {
  ClientState state;
  state.protocol = 3;
  state.identity.user = "bob";
  Activity activity;
  activity.in_multi = true;
  activity.queued = 4;
  activity.output_bytes = 500;
  activity.channels = 1;
  activity.patterns = 2;
  activity.shard_channels = 3;
  activity.tracking = true;
  activity.redirect = 9;
  const std::string line = client_line(state, activity, 0);
  EXPECT_EQ(field(line, "multi"), "4");
  EXPECT_EQ(field(line, "omem"), "500");
  EXPECT_EQ(field(line, "oll"), "1");
  EXPECT_EQ(field(line, "events"), "rw");
  EXPECT_EQ(field(line, "sub"), "1");
  EXPECT_EQ(field(line, "psub"), "2");
  EXPECT_EQ(field(line, "ssub"), "3");
  EXPECT_EQ(field(line, "redir"), "9");
  EXPECT_EQ(field(line, "user"), "bob");
  EXPECT_EQ(field(line, "resp"), "3");
  EXPECT_EQ(field(line, "cmd"), "NULL") << "it has not said anything";
  activity.in_multi = false;
  EXPECT_EQ(field(client_line(state, activity, 0), "multi"), "-1");
  activity.redirect = 0;
  EXPECT_EQ(field(client_line(state, activity, 0), "redir"), "0") << "it tracks for itself";
}

TEST(ClientLine, ACommandNobodyKnowsHasNoName) {
  ClientState state;
  state.last_command = &command::unknown();
  EXPECT_EQ(field(client_line(state, {}, 0), "cmd"), "NULL");
}

TEST(ClientLine, NamesTheLibraryWhereItIsKnown) {
  ClientState state;
  EXPECT_EQ(field(client_line(state, {}, 0), "lib-name"), "(absent)");
  state.library_name = "redis-py";
  EXPECT_EQ(field(client_line(state, {}, 0), "lib-name"), "redis-py");
  EXPECT_EQ(field(client_line(state, {}, 0), "lib-ver"), "");
}

TEST(ClientFlags, AreOneLetterEach) {
  const ClientState state;
  EXPECT_EQ(flags(state, {}), "N");
  Activity activity;
  const auto with = [&](bool Activity::*flag) {
    Activity one;
    one.*flag = true;
    return flags(state, one);
  };
  EXPECT_EQ(with(&Activity::monitor), "O");
  EXPECT_EQ(with(&Activity::replica), "S");
  EXPECT_EQ(with(&Activity::in_multi), "x");
  EXPECT_EQ(with(&Activity::blocked), "b");
  EXPECT_EQ(with(&Activity::tracking), "t");
  EXPECT_EQ(with(&Activity::redirect_broken), "R");
  EXPECT_EQ(with(&Activity::tracking_broadcast), "B");
  EXPECT_EQ(with(&Activity::closing), "c");
  activity.patterns = 1;
  EXPECT_EQ(flags(state, activity), "P");
  ClientState socket;
  socket.peer = "/run/pillion.sock:0";
  EXPECT_EQ(flags(socket, {}), "U");
  ClientState kept;
  kept.no_evict = true;
  EXPECT_EQ(flags(kept, {}), "e");
  kept.no_touch = true;
  EXPECT_EQ(flags(kept, {}), "eT");
  activity.in_multi = true;
  activity.blocked = true;
  activity.tracking = true;
  EXPECT_EQ(flags(kept, activity), "PxbteT");
}

TEST(ClientTypes, ASubscriberIsOneAsLongAsItHasANameOfAnyKind) {
  Activity activity;
  EXPECT_EQ(activity.type(), ClientType::kNormal);
  activity.shard_channels = 1;
  EXPECT_EQ(activity.type(), ClientType::kPubsub);
  activity.replica = true;
  EXPECT_EQ(activity.type(), ClientType::kReplica);
}

ParsedFilter list(const char* line) {
  return parse_list_filter(Parsed(words(line)).command());
}
ParsedFilter kill(const char* line) {
  return parse_kill_filter(Parsed(words(line)).command());
}

TEST(ListFilter, SaysRedissErrors) {
  EXPECT_EQ(list("CLIENT LIST TYPE wat").error, "ERR Unknown client type 'wat'");
  EXPECT_EQ(list("CLIENT LIST ID x").error, "ERR Invalid client ID");
  EXPECT_EQ(list("CLIENT LIST ID 1 2x").error, "ERR Invalid client ID");
  for (const char* line : {"CLIENT LIST x", "CLIENT LIST ID", "CLIENT LIST TYPE",
                           "CLIENT LIST TYPE normal x", "CLIENT LIST USER bob"}) {
    EXPECT_EQ(list(line).error, "ERR syntax error") << line;
  }
  for (const char* line : {"CLIENT LIST", "CLIENT LIST type NORMAL", "CLIENT LIST id 1 2 3"})
    EXPECT_EQ(list(line).error, "") << line;
  const std::string longer(200, 'x');
  EXPECT_EQ(parse_list_filter(Parsed({"CLIENT", "LIST", "TYPE", longer}).command()).error,
            "ERR Unknown client type '" + longer.substr(0, 128) + "'");
}

TEST(ListFilter, MatchesTypesAndIds) {
  ClientState state;
  state.id = 5;
  EXPECT_TRUE(list("CLIENT LIST").filter.matches(state, ClientType::kPubsub));
  const ClientFilter pubsub = list("CLIENT LIST TYPE pubsub").filter;
  EXPECT_TRUE(pubsub.matches(state, ClientType::kPubsub));
  EXPECT_FALSE(pubsub.matches(state, ClientType::kNormal));
  for (const char* replica : {"CLIENT LIST TYPE slave", "CLIENT LIST TYPE replica"})
    EXPECT_TRUE(list(replica).filter.matches(state, ClientType::kReplica)) << replica;
  EXPECT_FALSE(list("CLIENT LIST TYPE master").filter.matches(state, ClientType::kNormal));
  EXPECT_TRUE(list("CLIENT LIST ID 4 5 6").filter.matches(state, ClientType::kNormal));
  EXPECT_FALSE(list("CLIENT LIST ID 4 6").filter.matches(state, ClientType::kNormal));
  EXPECT_FALSE(list("CLIENT LIST ID -5").filter.matches(state, ClientType::kNormal))
      << "nobody, not everybody";
}

TEST(KillFilter, SaysRedissErrors) {
  EXPECT_EQ(kill("CLIENT KILL ID x").error, "ERR client-id should be greater than 0");
  EXPECT_EQ(kill("CLIENT KILL ID 0").error, "ERR client-id should be greater than 0");
  EXPECT_EQ(kill("CLIENT KILL ID -1").error, "ERR client-id should be greater than 0");
  EXPECT_EQ(kill("CLIENT KILL TYPE wat").error, "ERR Unknown client type 'wat'");
  for (const char* line : {"CLIENT KILL a b", "CLIENT KILL ID 1 ADDR", "CLIENT KILL SKIPME maybe",
                           "CLIENT KILL ADDR a:1 x y"}) {
    EXPECT_EQ(kill(line).error, "ERR syntax error") << line;
  }
  EXPECT_EQ(kill("CLIENT KILL ''").error, "ERR No such client") << "not everybody";
}

TEST(KillFilter, TheOldFormMeansOneAddressAndTheAskerToo) {
  const ClientFilter filter = kill("CLIENT KILL 1.2.3.4:5").filter;
  EXPECT_TRUE(filter.old_form);
  EXPECT_FALSE(filter.skip_asker);
  ClientState state;
  state.peer = "1.2.3.4:5";
  EXPECT_TRUE(filter.matches(state, ClientType::kNormal));
  state.peer = "1.2.3.4:56";
  EXPECT_FALSE(filter.matches(state, ClientType::kNormal));
}

TEST(KillFilter, EverythingThatIsSaidMustHold) {
  const ClientFilter filter =
      kill("CLIENT KILL id 5 type normal ADDR a:1 LADDR b:2 user bob skipme NO").filter;
  EXPECT_FALSE(filter.old_form);
  EXPECT_FALSE(filter.skip_asker);
  ClientState state;
  state.id = 5;
  state.peer = "a:1";
  state.local = "b:2";
  state.identity.user = "bob";
  EXPECT_TRUE(filter.matches(state, ClientType::kNormal));
  EXPECT_FALSE(filter.matches(state, ClientType::kPubsub));
  for (const auto& change :
       {+[](ClientState& s) { s.id = 6; }, +[](ClientState& s) { s.peer = "a:2"; },
        +[](ClientState& s) { s.local = "b:1"; }, +[](ClientState& s) { s.identity.user = ""; }}) {
    ClientState other = state;
    change(other);
    EXPECT_FALSE(filter.matches(other, ClientType::kNormal));
  }
}

TEST(KillFilter, WhoSaysNothingOfHimselfIsSpared) {
  EXPECT_TRUE(kill("CLIENT KILL ID 5").filter.skip_asker == true) << "the default of the new form";
  EXPECT_FALSE(kill("CLIENT KILL SKIPME no").filter.skip_asker);
  EXPECT_TRUE(kill("CLIENT KILL SKIPME yes").filter.skip_asker);
  ClientState state;
  const ClientFilter defaults = kill("CLIENT KILL USER default").filter;
  EXPECT_TRUE(defaults.matches(state, ClientType::kNormal)) << "who never said AUTH";
}

}  // namespace
}  // namespace pillion::data::session
