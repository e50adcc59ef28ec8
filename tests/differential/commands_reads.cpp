// What the L1 may answer, asked again and again by steps that only read.
#include "tests/differential/commands.hpp"

namespace pillion::test {
namespace {

constexpr Template kReads[] = {
    {20, "GET {%s|%s|%s|%c|%k}"},
    {6, "MGET <%s>"},
    {4, "STRLEN %s"},
    {4, "GETRANGE %s {0 3|-3 -1|1 2|%i %i}"},
    {4, "EXISTS {%k|%s %s}"},
    {4, "TYPE %k"},
    {8, "HGET %h %f"},
    {4, "HMGET %h f0 f1 %f"},
    {6, "HGETALL %h", Rule::kPairs},
    {3, "HLEN %h"},
    {3, "HEXISTS %h %f"},
    {3, "{HKEYS|HVALS} %h", Rule::kUnordered},
    {5, "SISMEMBER %t %m"},
    {3, "SMISMEMBER %t %m 1 apple"},
    {4, "SMEMBERS %t", Rule::kUnordered},
    {3, "SCARD %t"},
    {5, "LRANGE %l {0 -1|0 3|-2 -1}"},
    {3, "LLEN %l"},
    {3, "LINDEX %l {0|-1|%i}"},
    {5, "ZSCORE %z %m"},
    {3, "ZMSCORE %z %m apple 3"},
    {5, "ZRANGE %z {0 -1|0 3 REV|-inf +inf BYSCORE|- + BYLEX} {|WITHSCORES}"},
    {3, "ZRANK %z %m"},
    {3, "ZCARD %z"},
    {3, "ZCOUNT %z {-inf +inf|0 (5|%r %r}"},
    {3, "GETBIT %s {1|7|%i}"},
    {3, "BITCOUNT %s {|0 1|0 -1 BIT}"},
};

}  // namespace

std::span<const Template> cacheable_reads() {
  return kReads;
}

}  // namespace pillion::test
