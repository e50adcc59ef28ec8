#include "protocol/command/keys.hpp"

#include <cstddef>
#include <cstdint>

#include "protocol/command/arguments.hpp"
#include "protocol/command/table.hpp"
#include "protocol/resp/number.hpp"

namespace pillion::command {
namespace {

using Keys = std::vector<std::string_view>;

std::size_t index(std::int8_t at) {
  return static_cast<std::size_t>(at);
}

KeySet range_keys(const Spec& spec, const resp::Command& command, Keys& keys) {
  const auto argc = static_cast<std::int64_t>(command.argc());
  const std::int64_t last = spec.last_key < 0 ? argc + spec.last_key : spec.last_key;
  if (last >= argc) return KeySet::kUnknown;
  for (std::size_t i = index(spec.first_key); static_cast<std::int64_t>(i) <= last;
       i += index(spec.key_step)) {
    keys.push_back(command.arg(i));
  }
  return KeySet::kExact;
}

KeySet counted_keys(const Spec& spec, const resp::Command& command, Keys& keys) {
  const std::size_t numkeys_at = index(spec.first_key);
  if (numkeys_at >= command.argc()) return KeySet::kUnknown;
  if (spec.extra == 1) keys.push_back(command.arg(1));
  std::int64_t count = 0;
  const auto available = static_cast<std::int64_t>(command.argc() - numkeys_at - 1);
  if (!resp::parse_integer(command.arg(numkeys_at), count) || count < 0 || count > available) {
    return KeySet::kUnknown;
  }
  for (std::size_t i = 1; i <= static_cast<std::size_t>(count); ++i) {
    keys.push_back(command.arg(numkeys_at + i));
  }
  // A script may touch keys it did not declare.
  return spec.route == Route::kScript ? KeySet::kUnknown : KeySet::kExact;
}

KeySet sort_keys(const Spec& spec, const resp::Command& command, Keys& keys) {
  const std::size_t argc = command.argc();
  bool reads_others = false;
  keys.push_back(command.arg(index(spec.first_key)));
  for (std::size_t i = index(spec.last_key); i < argc; ++i) {
    const std::string_view option = command.arg(i);
    const std::size_t left = argc - i - 1;
    if (is_word(option, "ASC") || is_word(option, "DESC") || is_word(option, "ALPHA")) continue;
    if (is_word(option, "LIMIT") && left >= 2) {
      i += 2;
    } else if (is_word(option, "STORE") && left >= 1 && spec.is(kWrite)) {
      keys.push_back(command.arg(++i));
    } else if ((is_word(option, "BY") || is_word(option, "GET")) && left >= 1) {
      // Without a '*' the pattern names no key: "BY nosort", "GET #".
      ++i;
      reads_others = reads_others || command.arg(i).find('*') != std::string_view::npos;
    } else {
      return KeySet::kUnknown;
    }
  }
  return reads_others ? KeySet::kUnknown : KeySet::kExact;
}

KeySet geo_store_keys(const Spec& spec, const resp::Command& command, Keys& keys) {
  const std::size_t argc = command.argc();
  keys.push_back(command.arg(index(spec.first_key)));
  for (std::size_t i = index(spec.last_key); i < argc; ++i) {
    if (!is_word(command.arg(i), "STORE") && !is_word(command.arg(i), "STOREDIST")) continue;
    if (i + 1 == argc) return KeySet::kUnknown;
    keys.push_back(command.arg(++i));
  }
  return KeySet::kExact;
}

KeySet migrate_keys(const Spec& spec, const resp::Command& command, Keys& keys) {
  const std::size_t argc = command.argc();
  const std::string_view single = command.arg(index(spec.first_key));
  for (std::size_t i = index(spec.last_key); i < argc; ++i) {
    const std::string_view option = command.arg(i);
    const std::size_t left = argc - i - 1;
    if (is_word(option, "COPY") || is_word(option, "REPLACE")) continue;
    if (is_word(option, "AUTH") && left >= 1) {
      i += 1;
    } else if (is_word(option, "AUTH2") && left >= 2) {
      i += 2;
    } else if (is_word(option, "KEYS") && left >= 1 && single.empty()) {
      while (++i < argc) keys.push_back(command.arg(i));
      return KeySet::kExact;
    } else {
      return KeySet::kUnknown;
    }
  }
  keys.push_back(single);
  return KeySet::kExact;
}

KeySet stream_keys(const Spec& spec, const resp::Command& command, Keys& keys) {
  const std::size_t argc = command.argc();
  for (std::size_t i = index(spec.last_key); i < argc; ++i) {
    const std::string_view option = command.arg(i);
    const std::size_t left = argc - i - 1;
    if (is_word(option, "NOACK")) continue;
    if ((is_word(option, "COUNT") || is_word(option, "BLOCK")) && left >= 1) {
      i += 1;
    } else if (is_word(option, "GROUP") && left >= 2) {
      i += 2;
    } else if (is_word(option, "STREAMS") && left >= 2 && left % 2 == 0) {
      for (std::size_t key = i + 1; key <= i + left / 2; ++key) keys.push_back(command.arg(key));
      return KeySet::kExact;
    } else {
      return KeySet::kUnknown;
    }
  }
  return KeySet::kUnknown;
}

KeySet special_keys(const Spec& spec, const resp::Command& command, Keys& keys) {
  switch (static_cast<KeyTokens>(spec.extra)) {
    case KeyTokens::kSort:
      return sort_keys(spec, command, keys);
    case KeyTokens::kGeoStore:
      return geo_store_keys(spec, command, keys);
    case KeyTokens::kMigrate:
      return migrate_keys(spec, command, keys);
    case KeyTokens::kStreams:
      return stream_keys(spec, command, keys);
  }
  return KeySet::kUnknown;
}

}  // namespace

KeySet keys_of(const Spec& spec, const resp::Command& command, Keys& keys) {
  // The rules below rely on the arguments that the arity promises; Redis answers an error without
  // them, and a version that takes fewer is one we do not know.
  if (!arity_ok(spec, command.argc())) return KeySet::kUnknown;
  switch (spec.key_rule) {
    case KeyRule::kNone:
      return KeySet::kExact;
    case KeyRule::kRange:
      return range_keys(spec, command, keys);
    case KeyRule::kKeyNum:
      return counted_keys(spec, command, keys);
    case KeyRule::kSpecial:
      return special_keys(spec, command, keys);
    case KeyRule::kUnknown:
      break;
  }
  return KeySet::kUnknown;
}

}  // namespace pillion::command
