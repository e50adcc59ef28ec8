#include "proxy/command_line/command_line.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/unit/config/temporary_file.hpp"

namespace pillion {
namespace {

using Action = CommandLine::Action;
using config::TemporaryFile;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

CommandLine parse(std::vector<std::string> arguments,
                  const std::vector<std::string>& environment = {}) {
  arguments.insert(arguments.begin(), "pillion");
  std::vector<const char*> argv;
  argv.reserve(arguments.size() + 1);
  for (const auto& argument : arguments) argv.push_back(argument.c_str());
  std::vector<const char*> envp;
  envp.reserve(environment.size() + 1);
  for (const auto& entry : environment) envp.push_back(entry.c_str());
  argv.push_back(nullptr);
  envp.push_back(nullptr);
  return parse_command_line(static_cast<int>(arguments.size()), argv.data(), envp.data(), "1.2.3");
}

TEST(CommandLine, NothingIsRunWithDefaults) {
  const auto line = parse({});
  EXPECT_EQ(line.action, Action::kRun);
  EXPECT_FALSE(line.failed());
  EXPECT_EQ(line.text, "");
  EXPECT_EQ(line.loaded.config.upstream.url, "redis://127.0.0.1:6379");
}

TEST(CommandLine, FlagsWinOverVariablesOverTheFile) {
  const TemporaryFile file(
      "workers: 1\nlisten: {address: '1001'}\nadmin: {address: '1002'}\nlog: {level: debug}\n"
      "upstream: {url: 'redis://file'}\n");
  const std::vector<std::string> environment{"PILLION_WORKERS=2", "PILLION_LISTEN_ADDRESS=2001",
                                             "PILLION_UPSTREAM_URL=redis://env", "NOISE", "A=B"};
  auto line = parse({"--config", file.path()}, environment);
  ASSERT_EQ(line.text, "");
  EXPECT_EQ(line.loaded.config.workers, 2U);
  EXPECT_EQ(line.loaded.config.upstream.url, "redis://env");
  EXPECT_EQ(line.loaded.config.log.level, "debug");
  line = parse({"--config=" + file.path(), "--set", "workers=3", "redis://flag:1/2", "--listen",
                "3001", "--admin=3002", "--set", "cache.enabled=false"},
               environment);
  ASSERT_EQ(line.text, "");
  EXPECT_EQ(line.action, Action::kRun);
  EXPECT_EQ(line.loaded.config.workers, 3U);
  EXPECT_EQ(line.loaded.config.upstream.url, "redis://flag:1/2");
  EXPECT_EQ(line.loaded.config.listen.address, "3001");
  EXPECT_EQ(line.loaded.config.admin.address, "3002");
  EXPECT_FALSE(line.loaded.config.cache.enabled);
  EXPECT_EQ(line.loaded.config.log.level, "debug");
}

TEST(CommandLine, TheFileMayComeFromTheEnvironment) {
  const TemporaryFile file("workers: 7\n");
  EXPECT_EQ(parse({}, {"PILLION_CONFIG=" + file.path()}).loaded.config.workers, 7U);
}

TEST(CommandLine, NoEnvironmentAtAll) {
  const char* argv[] = {"pillion"};
  EXPECT_EQ(parse_command_line(1, argv, nullptr, "1").action, Action::kRun);
}

TEST(CommandLine, RunWithProblemsFailsWithAllOfThem) {
  const auto line = parse({"--listen", "x", "--set", "workers=y", "http://h"}, {"PILLION_Z=1"});
  EXPECT_EQ(line.action, Action::kRun);
  EXPECT_TRUE(line.failed());
  EXPECT_EQ(line.loaded.problems.size(), 4U);
  EXPECT_THAT(line.text, AllOf(HasSubstr("environment PILLION_Z: no such setting"),
                               HasSubstr("\n--set workers: workers: 'y'"),
                               HasSubstr("\n--listen: listen.address"),
                               HasSubstr("\nredis-url argument: upstream.url: the scheme 'http'")));
}

TEST(CommandLine, CheckConfig) {
  auto line = parse({"--check-config"});
  EXPECT_EQ(line.action, Action::kCheckConfig);
  EXPECT_FALSE(line.failed());
  EXPECT_EQ(line.text, "configuration ok\n");
  line = parse({"--check-config", "--set", "workers=0"});
  EXPECT_EQ(line.action, Action::kCheckConfig);
  EXPECT_TRUE(line.failed());
  EXPECT_THAT(line.text, StartsWith("--set workers: workers: '0'"));
}

TEST(CommandLine, PrintConfigHidesPasswords) {
  auto line = parse({"redis://u:hunter2@h", "--print-config"});
  EXPECT_EQ(line.action, Action::kPrintConfig);
  EXPECT_FALSE(line.failed());
  EXPECT_THAT(line.text, AllOf(HasSubstr("url: \"redis://u@h\""), HasSubstr("password: \"***\""),
                               Not(HasSubstr("hunter2"))));
  line = parse({"redis://u:hunter2@h:0", "--print-config"});
  EXPECT_TRUE(line.failed());
  EXPECT_THAT(line.text, AllOf(StartsWith("redis-url argument"), Not(HasSubstr("hunter2"))));
}

TEST(CommandLine, VersionAndHelpNeedNoConfiguration) {
  auto line = parse({"--version"}, {"PILLION_BAD=1"});
  EXPECT_EQ(line.action, Action::kVersion);
  EXPECT_EQ(line.text, "pillion 1.2.3\n");
  EXPECT_FALSE(line.failed());
  for (const auto* flag : {"--help", "-h"}) {
    line = parse({flag, "--config", "/nonexistent", "redis://u:hunter2@h"});
    EXPECT_EQ(line.action, Action::kHelp);
    EXPECT_FALSE(line.failed());
    EXPECT_THAT(line.text, Not(HasSubstr("hunter2")));
  }
  for (const auto* word : {"--config", "--listen", "--admin", "--set", "--check-config",
                           "--print-config", "--version", "--help", "healthcheck", "redis-url",
                           "redis://[user[:password]@]host[:port][/db]", "Examples:"}) {
    EXPECT_THAT(line.text, HasSubstr(word));
  }
  line = parse({"healthcheck", "--help"});
  EXPECT_EQ(line.action, Action::kHelp);
  EXPECT_THAT(line.text, AllOf(HasSubstr("--admin"), Not(HasSubstr("--listen"))));
}

TEST(CommandLine, Healthcheck) {
  auto line = parse({"healthcheck"});
  EXPECT_EQ(line.action, Action::kHealthcheck);
  EXPECT_FALSE(line.failed());
  EXPECT_EQ(line.healthcheck_address, "127.0.0.1:9380");
  EXPECT_EQ(parse({"healthcheck", "--admin", "9999"}).healthcheck_address, "127.0.0.1:9999");
  EXPECT_EQ(parse({"--admin", "9999", "healthcheck"}).healthcheck_address, "127.0.0.1:9999");
  EXPECT_EQ(parse({"healthcheck"}, {"PILLION_ADMIN_ADDRESS=[::1]:9"}).healthcheck_address,
            "[::1]:9");
  const TemporaryFile file("admin: {address: '127.0.0.9:8'}\n");
  EXPECT_EQ(parse({"healthcheck", "--config", file.path()}).healthcheck_address, "127.0.0.9:8");
}

TEST(CommandLine, HealthcheckOfAWildcardAsksLoopback) {
  const std::vector<std::string> remote{"PILLION_ADMIN_ALLOW_REMOTE=true"};
  EXPECT_EQ(parse({"healthcheck", "--admin", ":9"}, remote).healthcheck_address, "127.0.0.1:9");
  EXPECT_EQ(parse({"healthcheck", "--admin", "0.0.0.0:9"}, remote).healthcheck_address,
            "127.0.0.1:9");
  EXPECT_EQ(parse({"healthcheck", "--admin", "[::]:9"}, remote).healthcheck_address, "[::1]:9");
}

TEST(CommandLine, HealthcheckWithoutAnAdminPortFails) {
  auto line = parse({"healthcheck", "--set", "admin.address="});
  EXPECT_EQ(line.action, Action::kHealthcheck);
  EXPECT_TRUE(line.failed());
  EXPECT_THAT(line.text, HasSubstr("no admin port"));
  line = parse({"healthcheck", "--admin", "nope"});
  EXPECT_TRUE(line.failed());
  EXPECT_THAT(line.text, StartsWith("--admin: admin.address"));
  EXPECT_EQ(line.healthcheck_address, "");
}

TEST(CommandLine, SetOnBothSidesOfHealthcheckCounts) {
  const auto line = parse({"--set", "workers=x", "healthcheck", "--set", "drain_timeout=x"});
  EXPECT_EQ(line.loaded.problems.size(), 2U);
}

TEST(CommandLine, UsageErrors) {
  const auto why = [](std::vector<std::string> arguments) {
    const auto line = parse(std::move(arguments));
    EXPECT_EQ(line.action, Action::kUsageError);
    EXPECT_TRUE(line.failed());
    EXPECT_THAT(line.text, AllOf(StartsWith("pillion: "), HasSubstr("Try 'pillion --help'.\n")));
    return line.text;
  };
  EXPECT_THAT(why({"--listne", "1"}),
              HasSubstr("unknown option '--listne'; did you mean '--listen'?"));
  EXPECT_THAT(why({"--frobnicate"}), StartsWith("pillion: unknown option '--frobnicate'\n"));
  EXPECT_THAT(why({"-x"}), HasSubstr("unknown option '-x'"));
  EXPECT_THAT(why({"redis://a", "redis://b"}), HasSubstr("an argument too many"));
  EXPECT_THAT(why({"healthcheck", "redis://a"}), HasSubstr("an argument too many"));
  EXPECT_THAT(why({"--config"}), HasSubstr("--config"));
  EXPECT_THAT(why({"--set"}), HasSubstr("--set"));
  EXPECT_THAT(why({"--listen", "1", "--listen", "2"}), HasSubstr("--listen"));
  EXPECT_THAT(why({"--admin=", "redis://a"}), HasSubstr("--admin= has no value"));
  EXPECT_THAT(why({"--set", "workers=1", "--set", "workers"}), HasSubstr("--set number 2"));
  EXPECT_THAT(why({"--set", "=1"}), HasSubstr("--set number 1"));
  EXPECT_THAT(why({"--check-config", "--print-config"}), HasSubstr("choose one of"));
  EXPECT_THAT(why({"--check-config", "healthcheck"}), HasSubstr("choose one of"));
}

TEST(CommandLine, ValuesOfSetMayHoldEqualsSignsAndBeEmpty) {
  auto line = parse({"--set", "upstream.password=a=b", "--set", "listen.unix="});
  EXPECT_EQ(line.text, "");
  EXPECT_EQ(line.loaded.config.upstream.password, "a=b");
  line = parse({"--set", "cache.rules=[{match: a=*, cache: false}]"});
  EXPECT_EQ(line.text, "");
  ASSERT_EQ(line.loaded.config.cache.rules.size(), 1U);
  EXPECT_EQ(line.loaded.config.cache.rules[0].match, "a=*");
}

TEST(CommandLine, WhatIsRefusedIsNotRepeatedIfItMayBeASecret) {
  for (const auto& arguments :
       std::vector<std::vector<std::string>>{{"--password=hunter2"},
                                             {"--password", "hunter2"},
                                             {"-phunter2"},
                                             {"redis://a", "redis://:hunter2@b"},
                                             {"redis://:hunter2@a:0"},
                                             {"hunter2"},
                                             {"--set", "upstream.password:hunter2"},
                                             {"--set", "redis://:hunter2@h?a=b"},
                                             {"--set", "upstream.pasword=hunter2"},
                                             {"healthcheck", "redis://:hunter2@b"}}) {
    const auto line = parse(arguments);
    EXPECT_TRUE(line.failed());
    EXPECT_THAT(line.text, AllOf(Not(IsEmpty()), Not(HasSubstr("hunter2"))));
  }
}

}  // namespace
}  // namespace pillion
