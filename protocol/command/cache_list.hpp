// The allow-list of cacheable commands as data: what the dispatcher is told (CacheRule) beside the
// grammar that cache_form() checks. Private to this room; table.cpp takes Spec::cacheable from the
// positions in this list, so that a command is listed once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "protocol/command/cacheable.hpp"

namespace pillion::command {

/// What the arguments behind the key must look like.
enum class Grammar : std::uint8_t {
  kAny,          // fields, members: any bytes
  kIntegers,     // every argument is an integer as Redis reads it
  kBitOffset,    // GETBIT
  kBitCount,     // BITCOUNT key [start end [BYTE|BIT]]
  kScoreRange,   // ZCOUNT key min max
  kSortedRange,  // ZRANGE key start stop [BYSCORE|BYLEX] [REV] [LIMIT offset count] [WITHSCORES]
};

struct CacheListing {
  CacheRule rule;
  std::uint8_t min_args;  // counting the name
  std::uint8_t max_args;  // 0: no upper bound
  Grammar grammar;
};

inline constexpr std::array kCacheList{
    CacheListing{
        {"BITCOUNT", AgeClass::kValue, resp::Shape::kAsIs, false}, 2, 5, Grammar::kBitCount},
    CacheListing{{"EXISTS", AgeClass::kValue, resp::Shape::kAsIs, false}, 2, 2, Grammar::kAny},
    CacheListing{{"GET", AgeClass::kValue, resp::Shape::kAsIs, false}, 2, 2, Grammar::kAny},
    CacheListing{
        {"GETBIT", AgeClass::kValue, resp::Shape::kAsIs, false}, 3, 3, Grammar::kBitOffset},
    CacheListing{
        {"GETRANGE", AgeClass::kValue, resp::Shape::kAsIs, false}, 4, 4, Grammar::kIntegers},
    CacheListing{{"HEXISTS", AgeClass::kHash, resp::Shape::kAsIs, false}, 3, 3, Grammar::kAny},
    CacheListing{{"HGET", AgeClass::kHash, resp::Shape::kAsIs, false}, 3, 3, Grammar::kAny},
    CacheListing{{"HGETALL", AgeClass::kHash, resp::Shape::kAsIs, false}, 2, 2, Grammar::kAny},
    CacheListing{{"HKEYS", AgeClass::kHash, resp::Shape::kAsIs, false}, 2, 2, Grammar::kAny},
    CacheListing{{"HLEN", AgeClass::kHash, resp::Shape::kAsIs, false}, 2, 2, Grammar::kAny},
    CacheListing{{"HMGET", AgeClass::kHash, resp::Shape::kAsIs, false}, 3, 0, Grammar::kAny},
    CacheListing{{"HVALS", AgeClass::kHash, resp::Shape::kAsIs, false}, 2, 2, Grammar::kAny},
    CacheListing{{"LINDEX", AgeClass::kValue, resp::Shape::kAsIs, false}, 3, 3, Grammar::kIntegers},
    CacheListing{{"LLEN", AgeClass::kValue, resp::Shape::kAsIs, false}, 2, 2, Grammar::kAny},
    CacheListing{{"LRANGE", AgeClass::kValue, resp::Shape::kAsIs, false}, 4, 4, Grammar::kIntegers},
    CacheListing{{"MGET", AgeClass::kValue, resp::Shape::kAsIs, true}, 2, 0, Grammar::kAny},
    CacheListing{{"SCARD", AgeClass::kValue, resp::Shape::kAsIs, false}, 2, 2, Grammar::kAny},
    CacheListing{{"SISMEMBER", AgeClass::kValue, resp::Shape::kAsIs, false}, 3, 3, Grammar::kAny},
    CacheListing{{"SMEMBERS", AgeClass::kValue, resp::Shape::kAsIs, false}, 2, 2, Grammar::kAny},
    CacheListing{{"SMISMEMBER", AgeClass::kValue, resp::Shape::kAsIs, false}, 3, 0, Grammar::kAny},
    CacheListing{{"STRLEN", AgeClass::kValue, resp::Shape::kAsIs, false}, 2, 2, Grammar::kAny},
    CacheListing{{"TYPE", AgeClass::kValue, resp::Shape::kAsIs, false}, 2, 2, Grammar::kAny},
    CacheListing{{"ZCARD", AgeClass::kValue, resp::Shape::kAsIs, false}, 2, 2, Grammar::kAny},
    CacheListing{
        {"ZCOUNT", AgeClass::kValue, resp::Shape::kAsIs, false}, 4, 4, Grammar::kScoreRange},
    CacheListing{{"ZMSCORE", AgeClass::kValue, resp::Shape::kAsIs, false}, 3, 0, Grammar::kAny},
    CacheListing{
        {"ZRANGE", AgeClass::kValue, resp::Shape::kAsIs, false}, 4, 10, Grammar::kSortedRange},
    CacheListing{{"ZRANK", AgeClass::kValue, resp::Shape::kAsIs, false}, 3, 3, Grammar::kAny},
    CacheListing{{"ZSCORE", AgeClass::kValue, resp::Shape::kAsIs, false}, 3, 3, Grammar::kAny},
};
static_assert(kCacheList.size() <= 64, "a server's veto is one bit of a 64-bit mask");

}  // namespace pillion::command
