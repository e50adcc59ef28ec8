// Commands that no table lists: of modules, and renamed ones. Reads of them pass and are not kept,
// writes of them are seen at once by every client.
#include "tests/integration/observers.hpp"

namespace pillion::test {
namespace {

// The few functions of the module interface that are needed, by their names: its header is not part
// of every distribution's packages.
constexpr const char* kModuleSource = R"(
typedef struct Context Context;
typedef struct Text Text;
typedef struct Reply Reply;
typedef int (*Handler)(Context *, Text **, int);
static void (*set_attributes)(Context *, const char *, int, int);
static int (*create_command)(Context *, const char *, Handler, const char *, int, int, int);
static Reply *(*call)(Context *, const char *, const char *, ...);
static int (*reply_with)(Context *, Reply *);
static int (*wrong_arity)(Context *);

static int put(Context *ctx, Text **argv, int argc) {
  if (argc != 3) return wrong_arity(ctx);
  return reply_with(ctx, call(ctx, "SET", "!ss", argv[1], argv[2]));
}
static int look(Context *ctx, Text **argv, int argc) {
  if (argc != 2) return wrong_arity(ctx);
  return reply_with(ctx, call(ctx, "GET", "s", argv[1]));
}
static int hide(Context *ctx, Text **argv, int argc) {
  if (argc != 2) return wrong_arity(ctx);
  return reply_with(ctx, call(ctx, "SET", "!cs", "hidden", argv[1]));
}

int RedisModule_OnLoad(Context *ctx, Text **argv, int argc) {
  int (*find)(const char *, void *) = ((int (**)(const char *, void *))ctx)[0];
  (void)argv;
  (void)argc;
  if (find("RedisModule_SetModuleAttribs", &set_attributes) ||
      find("RedisModule_CreateCommand", &create_command) || find("RedisModule_Call", &call) ||
      find("RedisModule_ReplyWithCallReply", &reply_with) ||
      find("RedisModule_WrongArity", &wrong_arity))
    return 1;
  set_attributes(ctx, "kv", 1, 1);
  return create_command(ctx, "kv.put", put, "write", 1, 1, 1) ||
         create_command(ctx, "kv.look", look, "readonly", 1, 1, 1) ||
         create_command(ctx, "kv.hide", hide, "write", 0, 0, 0);
}
)";

/// Builds the module once per process; what redis-server is to be told to have it.
std::vector<std::string> with_module() {
  static const TempDir directory;
  static const std::string library = [] {
    const std::string source = directory.write("kv.c", kModuleSource);
    const std::string built = directory.file("kv.so");
    const Finished gcc = run_to_end({"cc", "-shared", "-fPIC", "-O1", "-o", built, source});
    if (gcc.exit_code != 0) throw std::runtime_error("cc: " + gcc.output);
    return built;
  }();
  return {"--loadmodule", library};
}

class Modules : public ThroughTwoWorkers {
 protected:
  Modules() : ThroughTwoWorkers({}, with_module()) {}
};

TEST_F(Modules, CommandsPassAsTheyAre) {
  RespClient through = pillion.client();
  RespClient straight = redis.client();
  redis("RPUSH", "list", "x");
  for (const std::vector<std::string_view>& step :
       std::vector<std::vector<std::string_view>>{{"KV.PUT", "k", "v"},
                                                  {"kv.look", "k"},
                                                  {"Kv.Look", "missing"},
                                                  {"KV.LOOK"},
                                                  {"KV.PUT", "k"},
                                                  {"KV.NOSUCH", "k"},
                                                  {"KV.LOOK", "list"},
                                                  {"MODULE", "LIST"},
                                                  {"COMMAND", "INFO", "kv.put"},
                                                  {"COMMAND", "GETKEYS", "kv.put", "k", "v"}}) {
    EXPECT_EQ(through.raw(step), straight.raw(step)) << step[0];
  }
}

TEST_F(Modules, ReadsAreNotKeptAndWritesAreSeenAtOnce) {
  RespClient writer = pillion.client();
  std::vector<RespClient> readers;
  for (int i = 0; i < 6; ++i) readers.push_back(pillion.client());
  for (int round = 0; round < 60; ++round) {
    for (auto& reader : readers) {
      reader("GET", "k");
      reader("GET", "hidden");
      reader("KV.LOOK", "k");
    }
    const std::string value = std::to_string(round);
    if (round % 3 == 2) {
      writer("MULTI");
      writer("KV.PUT", "k", value);
      writer("KV.HIDE", value);
      ASSERT_EQ(writer("EXEC").items.size(), 2U);
    } else {
      ASSERT_TRUE(writer("KV.PUT", "k", value).is_ok());
      ASSERT_TRUE(writer("KV.HIDE", value).is_ok());
    }
    for (auto& reader : readers) {
      ASSERT_EQ(reader("GET", "k"), value);
      ASSERT_EQ(reader("GET", "hidden"), value) << "a key that the command does not name";
      ASSERT_EQ(reader("KV.LOOK", "k"), value);
    }
    redis("SET", "k", "direct");
    ASSERT_EQ(readers[0]("KV.LOOK", "k"), "direct") << "never from a cache";
  }
}

TEST_F(Modules, AWriteOfAKnownKeyLeavesOtherKeysCached) {
  RespClient client = pillion.client();
  redis("MSET", "k", "v", "other", "v");
  warm(client, "other");
  ASSERT_TRUE(eventually([&] {
    client("KV.PUT", "k", "w");
    const auto hits = pillion.hits();
    client("GET", "other");
    return pillion.hits() > hits;
  })) << "its keys are learnt from the upstream";
}

class RenamedCommands : public ThroughTwoWorkers {
 protected:
  RenamedCommands()
      : ThroughTwoWorkers({}, {"--rename-command", "APPEND", "MYAPPEND", "--rename-command",
                               "STRLEN", "MYSTRLEN"}) {}
};

TEST_F(RenamedCommands, PassUnderTheirNewNameAndWritesAreSeenAtOnce) {
  RespClient writer = pillion.client();
  std::vector<RespClient> readers;
  for (int i = 0; i < 6; ++i) readers.push_back(pillion.client());
  std::string value;
  for (int round = 0; round < 60; ++round) {
    for (auto& reader : readers) {
      reader("GET", "k");
      reader("MYSTRLEN", "k");
    }
    value += "x";
    ASSERT_EQ(writer("MYAPPEND", "k", "x"), static_cast<std::int64_t>(value.size()));
    for (auto& reader : readers) {
      ASSERT_EQ(reader("GET", "k"), value);
      ASSERT_EQ(reader("MYSTRLEN", "k"), static_cast<std::int64_t>(value.size()));
    }
  }
  for (const char* gone : {"APPEND", "STRLEN"}) {
    EXPECT_EQ(writer.raw({gone, "k", "x"}), redis.client().raw({gone, "k", "x"})) << gone;
  }
}

}  // namespace
}  // namespace pillion::test
