#include "proxy/data/request/learned_spec.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "protocol/command/keys.hpp"
#include "proxy/data/request/effects.hpp"
#include "tests/unit/protocol/command/parsed.hpp"

namespace pillion::data::request {
namespace {

using command::Effect;
using command::KeyRule;
using command::Route;
using state::LearnedCommand;

LearnedCommand learned(std::uint32_t flags, std::int64_t first = 1, std::int64_t last = 1,
                       std::int64_t step = 1) {
  return {"X.CMD", -2, flags, first, last, step};
}

std::vector<std::string> keys_of(const LearnedCommand& command, const std::string& line) {
  const command::Parsed parsed(command::words(line));
  std::vector<std::string_view> keys;
  if (command::keys_of(spec_of(command), parsed.command(), keys) == command::KeySet::kUnknown)
    return {"(unknown)"};
  return {keys.begin(), keys.end()};
}

TEST(SpecOf, AReadTouchesNothing) {
  const LearnedCommand command = learned(state::kLearnedReadonly);
  const command::Spec spec = spec_of(command);
  EXPECT_EQ(spec.name, "X.CMD");
  EXPECT_EQ(spec.arity, -2);
  EXPECT_EQ(spec.route, Route::kForward);
  EXPECT_EQ(spec.effect, Effect::kNone);
  EXPECT_TRUE(spec.is(command::kReadonly));
  EXPECT_EQ(spec.cacheable, 0);
  EXPECT_EQ(spec.id, command::unknown().id);
}

TEST(SpecOf, AReadWithoutFixedKeysIsStillARead) {
  EXPECT_EQ(spec_of(learned(state::kLearnedReadonly, 0, 0, 0)).effect, Effect::kNone);
  EXPECT_EQ(spec_of(learned(state::kLearnedReadonly | state::kLearnedMovableKeys)).effect,
            Effect::kNone);
}

TEST(SpecOf, AWriteOfFixedKeysErasesThese) {
  EXPECT_EQ(spec_of(learned(state::kLearnedWrite)).effect, Effect::kKeys);
  EXPECT_EQ(keys_of(learned(state::kLearnedWrite), "X.CMD a b c"), (std::vector<std::string>{"a"}));
  EXPECT_EQ(keys_of(learned(state::kLearnedWrite, 1, -1, 1), "X.CMD a b c"),
            (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(keys_of(learned(state::kLearnedWrite, 1, -1, 3), "X.CMD a $ 1 b $ 2"),
            (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(keys_of(learned(state::kLearnedWrite, 2, 3, 1), "X.CMD x a b"),
            (std::vector<std::string>{"a", "b"}));
}

TEST(SpecOf, AWriteErasesThroughEffectOf) {
  const LearnedCommand json_set{"JSON.SET", -4, state::kLearnedWrite, 1, 1, 1};
  const command::Spec spec = spec_of(json_set);
  const command::Parsed parsed(command::words("JSON.SET doc $ 1"));
  std::vector<std::string_view> scratch;
  std::vector<cache::NameHash> names;
  const auto effect = effect_of(spec, parsed.command(), scratch, names);
  EXPECT_EQ(effect.kind, EffectKind::kKeys);
  EXPECT_EQ(names, std::vector<cache::NameHash>{cache::hash_name("doc")});
}

TEST(SpecOf, FewerArgumentsThanTheKeysNeedAreUnknownKeys) {
  EXPECT_EQ(keys_of(learned(state::kLearnedWrite, 3, 3, 1), "X.CMD a"),
            (std::vector<std::string>{"(unknown)"}));
}

TEST(SpecOf, WhatDoesNotSayWhichKeysItWritesFences) {
  const LearnedCommand careful[] = {
      learned(state::kLearnedWrite, 0, 0, 0),
      learned(state::kLearnedWrite | state::kLearnedMovableKeys),
      learned(0),
      learned(state::kLearnedAdmin),
      learned(state::kLearnedWrite | state::kLearnedContainer),
      learned(state::kLearnedReadonly | state::kLearnedContainer),
      learned(state::kLearnedWrite | state::kLearnedReadonly, 0, 0, 0),
  };
  for (const LearnedCommand& command : careful) {
    const command::Spec spec = spec_of(command);
    EXPECT_EQ(spec.effect, Effect::kUnknown) << command.flags;
    EXPECT_EQ(spec.key_rule, KeyRule::kUnknown) << command.flags;
    EXPECT_EQ(spec.route, Route::kForward) << command.flags;
  }
}

TEST(SpecOf, BothReadAndWriteIsAWrite) {
  EXPECT_EQ(spec_of(learned(state::kLearnedWrite | state::kLearnedReadonly)).effect, Effect::kKeys);
}

TEST(SpecOf, NumbersThatMakeNoSenseAreNotUsed) {
  const LearnedCommand odd[] = {
      learned(state::kLearnedWrite, -1, 1, 1),  learned(state::kLearnedWrite, 1, 0, 1),
      learned(state::kLearnedWrite, 1, 1, 0),   learned(state::kLearnedWrite, 1, 1, -1),
      learned(state::kLearnedWrite, 3, 2, 1),   learned(state::kLearnedWrite, 200, 200, 1),
      learned(state::kLearnedWrite, 1, 999, 1), learned(state::kLearnedWrite, 1, -999, 1),
      learned(state::kLearnedWrite, 1, 1, 300)};
  for (const LearnedCommand& command : odd) {
    EXPECT_EQ(spec_of(command).effect, Effect::kUnknown)
        << command.first_key << " " << command.last_key << " " << command.step;
  }
  LearnedCommand arity = learned(state::kLearnedWrite);
  arity.arity = -1000;
  EXPECT_EQ(spec_of(arity).effect, Effect::kUnknown);
  EXPECT_EQ(spec_of(arity).arity, -1);
}

TEST(SpecOf, BlockingGetsAConnectionOfItsOwn) {
  const command::Spec pop = spec_of(learned(state::kLearnedWrite | state::kLearnedBlocking));
  EXPECT_EQ(pop.route, Route::kBlock);
  EXPECT_EQ(pop.effect, Effect::kKeys);
  const command::Spec read = spec_of(learned(state::kLearnedReadonly | state::kLearnedBlocking));
  EXPECT_EQ(read.route, Route::kBlock);
  EXPECT_EQ(read.effect, Effect::kNone);
}

TEST(SpecOf, PubsubLeavesTheSharedConnections) {
  const command::Spec spec = spec_of(learned(state::kLearnedPubsub | state::kLearnedReadonly));
  EXPECT_EQ(spec.route, Route::kDisposable);
  EXPECT_EQ(spec.effect, Effect::kUnknown);
}

TEST(LearnedCommands, FoundInAnyCase) {
  state::LearnedCommands commands;
  EXPECT_EQ(commands.find("X.CMD"), nullptr);
  EXPECT_TRUE(commands.add(learned(state::kLearnedWrite)));
  ASSERT_NE(commands.find("x.cmd"), nullptr);
  EXPECT_EQ(commands.find("x.cmd"), commands.find("X.CMD"));
  EXPECT_EQ(commands.find("x.cm"), nullptr);
  EXPECT_EQ(commands.find(""), nullptr);
  EXPECT_EQ(commands.find(std::string(100, 'x')), nullptr);
}

TEST(LearnedCommands, AreBounded) {
  state::LearnedCommands commands;
  LearnedCommand command;
  EXPECT_FALSE(commands.add(command)) << "no name";
  command.name = std::string(state::LearnedCommands::kMaxName + 1, 'X');
  EXPECT_FALSE(commands.add(command));
  for (std::size_t i = 0; i < state::LearnedCommands::kMaxCommands; ++i) {
    command.name = "X." + std::to_string(i);
    EXPECT_TRUE(commands.add(command));
  }
  EXPECT_TRUE(commands.add(command)) << "known already";
  command.name = "ONE.MORE";
  EXPECT_FALSE(commands.add(command));
}

}  // namespace
}  // namespace pillion::data::request
