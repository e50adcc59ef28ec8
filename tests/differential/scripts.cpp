#include "tests/differential/scripts.hpp"

#include <openssl/sha.h>

#include <array>

#include "tests/differential/commands.hpp"

namespace pillion::test {
namespace {

struct Script {
  std::string_view text;
  std::string_view arguments;  // a template: the number of keys, keys, arguments
};

constexpr Script kScripts[] = {
    {"return redis.call('GET', KEYS[1])", "1 %s"},
    {"return redis.call('GET', KEYS[1])", "1 %k"},
    {"return redis.call('SET', KEYS[1], ARGV[1])", "1 %s %v"},
    {"redis.call('SET', KEYS[1], ARGV[1]); return redis.call('GET', KEYS[2])", "2 %s %s %v"},
    {"return redis.call('SET', ARGV[1], ARGV[2])", "0 %s %v"},
    {"return redis.call('DEL', ARGV[1])", "0 %k"},
    {"return redis.call('INCRBY', KEYS[1], ARGV[1])", "1 %c %i"},
    {"return redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])", "1 %h %f %v"},
    {"return redis.call('LRANGE', KEYS[1], 0, -1)", "1 %l"},
    {"return redis.pcall('INCR', KEYS[1])", "1 %k"},
    {"local r = redis.pcall('LPUSH', KEYS[1], 'x'); return type(r) == 'table' and 'failed' or r",
     "1 %k"},
    {"return {1, 2.9, 'three', {4, {5}}, true, false, 'after false'}", "0"},
    {"return {1, nil, 3}", "0"},
    {"return redis.error_reply('MINE is broken')", "0"},
    {"return {err = 'no code before this text'}", "0"},
    {"return redis.status_reply('FINE')", "0"},
    {"return {ok = 'ALSO'}", "0"},
    {"redis.setresp(3); return redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')", "1 %z"},
    {"redis.setresp(3); return redis.call('ZSCORE', KEYS[1], 'apple')", "1 %z"},
    {"return {double = 3.25}", "0"},
    {"return {map = {one = 1}}", "0"},
    {"return {big_number = '123456789012345678901234567890'}", "0"},
    {"return {verbatim_string = {format = 'txt', string = 'words'}}", "0"},
    {"redis.call('SELECT', 1); return redis.call('SET', KEYS[1], 'elsewhere')", "1 %s"},
    {"redis.call('SET', KEYS[1], 'half'); return redis.call('LPUSH', KEYS[1], 'x')", "1 %s"},
    {"return redis.sha1hex(ARGV[1])", "0 %v"},
    {"return cjson.encode({1, 'a', {true}})", "0"},
    {"return cmsgpack.pack({1, 'a'})", "0"},
    {"return #KEYS + #ARGV", "2 %s %s %v %v"},
    {"return string.rep('x', 20000)", "0"},
    {"local t = {}; for i = 1, 300 do t[i] = i end; return t", "0"},
    {"return redis.call('NOSUCH')", "0"},
    {"return redis.call('GET')", "0"},
    {"return redis.call('BLPOP', KEYS[1], 0)", "1 %l"},
    {"retur 1", "0"},
    {"return undefined_name", "0"},
    {"error('thrown')", "0"},
    {"error({err = 'THROWN as a table'})", "0"},
    {"#!lua flags=no-writes\nreturn redis.call('SET', KEYS[1], 'x')", "1 %s"},
    {"#!lua name=wrong\nreturn 1", "0"},
    {"#!python\nreturn 1", "0"},
    {"return redis.call('RENAME', KEYS[1], KEYS[2])", "2 %k %k"},
    {"redis.call('FLUSHDB'); return redis.call('SET', KEYS[1], 'alone')", "1 %s"},
    {"return redis.call('MGET', KEYS[1], ARGV[1])", "1 %s %s"},
    {"local n = redis.call('LLEN', KEYS[1]); redis.call('RPUSH', KEYS[1], n); return n", "1 %l"},
    {"return redis.call('EXPIRE', KEYS[1], 500000)", "1 %k"},
    {"return redis.call('SCARD', KEYS[1]) + redis.call('HLEN', KEYS[2])", "2 %t %h"},
    {"return redis.call('XLEN', KEYS[1])", "1 %x"},
    {"return ''", "0"},
    {"", "0"},
};

// One function each: their order in FUNCTION LIST is a hash table's.
constexpr std::string_view kLibraries[] = {
    "#!lua name=tools\n"
    "redis.register_function('put', function(keys, args) return redis.call('SET', keys[1], "
    "args[1]) "
    "end)",
    "#!lua name=readers\n"
    "redis.register_function{function_name='take', callback=function(keys, args) return "
    "redis.call('GET', keys[1]) end, flags={'no-writes'}}",
    "#!lua name=tools\n"
    "redis.register_function('put', function(keys, args) redis.call('DEL', keys[1]); return 'put "
    "2' "
    "end)",
    "#!lua name=broken\nredis.register_function('put')",
    "#!lua name=tools\nthis is no Lua",
    "return 1",
    "#!lua name=bad name\nreturn 1",
};

std::string hex_sha1(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  std::string hex;
  for (const unsigned char byte : digest) {
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

Arguments with_head(Arguments head, const Arguments& rest) {
  head.insert(head.end(), rest.begin(), rest.end());
  return head;
}

}  // namespace

ScriptCommand script_command(Random& random, Words& source) {
  const Script& script = random.one_of(kScripts);
  const std::string text(script.text);
  const std::string digest = hex_sha1(script.text);
  const auto made = [&](std::string_view words) { return expand(words, random, source); };
  const std::size_t chance = random.below(100);
  if (chance < 30) {
    const std::string name = random.percent(12) ? "EVAL_RO" : "EVAL";
    return {with_head({name, text}, made(script.arguments))};
  }
  if (chance < 50) {
    const std::string name = random.percent(12) ? "EVALSHA_RO" : "EVALSHA";
    return {with_head({name, digest}, made(script.arguments))};
  }
  if (chance < 52) {
    return {made("EVALSHA {ffffffffffffffffffffffffffffffffffffffff|abc|%v} {0|1 %s|x}")};
  }
  if (chance < 62) return {{"SCRIPT", "LOAD", text}};
  if (chance < 66) return {{"SCRIPT", "EXISTS", digest, "abc"}};
  if (chance < 69) {
    return {made("SCRIPT {FLUSH|FLUSH ASYNC|FLUSH SYNC|FLUSH BOGUS|KILL|KILL x|HELP|BOGUS|LOAD}")};
  }
  if (chance < 73) return {made("EVAL {returnX|return} {|-1|abc|5 a|9223372036854775807 a|}")};
  if (chance < 80) {
    return {{"FUNCTION", "LOAD", "REPLACE", std::string(random.one_of(kLibraries))}};
  }
  if (chance < 82) return {{"FUNCTION", "LOAD", std::string(random.one_of(kLibraries))}};
  if (chance < 84) {
    return {made("FUNCTION {LIST|LIST LIBRARYNAME t* WITHCODE}"), Rule::kUnordered};
  }
  if (chance < 85) return {{"FUNCTION", "DUMP"}, Rule::kType};
  if (chance < 88) {
    return {
        made("FUNCTION {STATS|DELETE tools|DELETE nosuch|FLUSH|KILL|HELP|BOGUS|RESTORE abc|"
             "LIST BOGUS}")};
  }
  return {
      made("{FCALL put 1 %s %v|FCALL put 1 %k %v|FCALL take 1 %s|FCALL_RO take 1 %s|"
           "FCALL_RO put 1 %s x|FCALL nosuch 0|FCALL put|FCALL put abc|fcall take 1 %k}")};
}

}  // namespace pillion::test
