// Sorted sets, places and streams.
#include "tests/differential/commands.hpp"

namespace pillion::test {
namespace {

constexpr Template kSortedSets[] = {
    {16, "ZADD %z {||||NX|XX|GT|LT|CH|XX CH|NX GT|NX CH} <%w %m>"},
    {2, "ZADD %z {|NX|XX} INCR %w %m"},
    {4, "ZINCRBY %z %w %m"},
    {10, "ZSCORE %z %m"},
    {6, "ZMSCORE %z <%m>"},
    {8, "ZRANK %z %m"},
    {2, "ZREVRANK %z %m"},
    {8, "ZCARD %z"},
    {8, "ZCOUNT %z %r %r"},
    // By name only where all scores are equal: otherwise Redis's answer depends on how high its
    // skip list happens to be. Never spoilt, so that no other score comes in.
    {4, "!ZADD {lex:0|lex:1} {|NX|XX|CH} 0 %m 0 %m"},
    {2, "!ZLEXCOUNT {lex:0|lex:1} %y %y"},
    {10, "ZRANGE %z {0 -1|%i %i} {|REV} {|WITHSCORES}"},
    {6, "ZRANGE %z %r %r BYSCORE {|REV} {|LIMIT %i %i} {|WITHSCORES}"},
    {4, "!ZRANGE {lex:0|lex:1} %y %y BYLEX {|REV} {|LIMIT %i %i}"},
    {2, "ZRANGESTORE %z %z {0 -1|%r %r BYSCORE}"},
    {1, "!ZRANGESTORE lex:2 {lex:0|lex:1} %y %y BYLEX LIMIT 0 2"},
    {2, "{ZREVRANGE|ZRANGE} %z %i %i {|WITHSCORES|BOGUS}"},
    {2, "{ZRANGEBYSCORE|ZREVRANGEBYSCORE} %z %r %r {|WITHSCORES} {|LIMIT %i %i}"},
    {2, "!{ZRANGEBYLEX|ZREVRANGEBYLEX} {lex:0|lex:1} %y %y {|LIMIT %i %i}"},
    {4, "ZREM %z <%m>"},
    {1, "ZREMRANGEBYRANK %z %i %i"},
    {1, "ZREMRANGEBYSCORE %z %r %r"},
    {1, "!ZREMRANGEBYLEX {lex:0|lex:1} %y %y"},
    {3, "{ZPOPMIN|ZPOPMAX} %z {||%n|-1}"},
    {2, "ZMPOP {1 %z|2 %z %z} {MIN|MAX|MID} {|COUNT %n}"},
    {1, "!{BZPOPMIN|BZPOPMAX} %z %z 0.002"},
    {1, "!BZMPOP 0.002 2 %z %z {MIN|MAX} {|COUNT 2}"},
    {1, "!{BZPOPMIN %z|BZPOPMAX %z -5|BZMPOP 0.01 0 %z MIN}"},
    {2, "{ZUNION|ZINTER} 2 %z %z {|WEIGHTS %w %w} {|AGGREGATE MIN|AGGREGATE MAX} {|WITHSCORES}"},
    {2, "ZDIFF 2 %z {%z|%t} {|WITHSCORES}"},
    {2, "{ZUNIONSTORE|ZINTERSTORE} %z 2 %z {%z|%t} {|WEIGHTS %w %w} {|AGGREGATE MAX}"},
    {1, "ZDIFFSTORE %z 2 %z %z"},
    {1, "ZINTERCARD 2 %z %z {|LIMIT %n}"},
    {1, "!ZRANDMEMBER %z 100000 {|WITHSCORES}", Rule::kPairs},
    {1, "!ZRANDMEMBER %z {0|abc}"},
    {2, "!ZSCAN %z 0 COUNT 100000 {|MATCH %P}", Rule::kScanPairs},
    {3, "GEOADD %g {|NX|XX|CH} <%G %m>"},
    {1, "GEOADD %g {200 100 far|%w %w %m}"},
    {2, "GEODIST %g %m %m {|m|km|ft|mi|parsec}"},
    {2, "GEOHASH %g <%m>"},
    {3, "GEOPOS %g <%m>"},
    {2,
     "GEORADIUS %g %G {5000 km|100 m|-1 km} {|WITHDIST|WITHCOORD WITHHASH} {|COUNT 2} {|ASC|DESC}"},
    {1, "GEORADIUS %g %G 3000 km {STORE %z|STOREDIST %z}"},
    {1, "GEORADIUS_RO %g %G 3000 mi {|WITHDIST} {|STORE %z}"},
    {1, "GEORADIUSBYMEMBER %g %m 3000 km {|STORE %z}"},
    {2,
     "GEOSEARCH %g {FROMLONLAT %G|FROMMEMBER %m} {BYRADIUS 2000 km|BYBOX 4000 4000 km} {|ASC|COUNT "
     "1 ANY} {|WITHDIST WITHCOORD}"},
    {1, "GEOSEARCHSTORE %z %g FROMLONLAT %G BYRADIUS 5000 km {|STOREDIST}"},
};

constexpr Template kStreams[] = {
    {10,
     "XADD %x {||NOMKSTREAM|MAXLEN 12|MAXLEN ~ 50|MINID ~ %u|MAXLEN ~ 1000 LIMIT 5} %U <%f %v>"},
    {4, "XLEN %x"},
    {4, "{XRANGE %x %u %u|XREVRANGE %x %u %u|XRANGE %x - +|XRANGE %x (%u +} {|COUNT %n}"},
    {2, "XDEL %x <%u>"},
    {1, "XTRIM %x {MAXLEN %n|MINID %u|MAXLEN ~ 10|MAXLEN}"},
    {1, "XSETID %x %U"},
    {4, "XREAD {|COUNT %n} STREAMS {%x %u|%x %x %u %u|%x 0|%x}"},
    {1, "!XREAD {|COUNT 3} BLOCK 2 STREAMS %x {0|$|%u}"},
    {5, "XGROUP CREATE %x %o {0|$|%u} {|MKSTREAM}"},
    {1, "XGROUP SETID %x %o {0|$|%u}"},
    {1, "XGROUP DESTROY %x %o"},
    {1, "XGROUP {CREATECONSUMER|DELCONSUMER} %x %o %j"},
    {1, "XGROUP BOGUS %x"},
    {6, "XREADGROUP GROUP %o %j {|COUNT %n} {|NOACK} STREAMS %x {%N|%N|0|%u}"},
    {1, "!XREADGROUP GROUP %o %j BLOCK 2 STREAMS %x %N"},
    {4, "XACK %x %o <%u>"},
    {2, "XPENDING %x %o"},
    {2, "!XPENDING %x %o - + 100 {|%j}", Rule::kPending},
    {2, "!XCLAIM %x %o %j 0 <%u> {|JUSTID|FORCE|RETRYCOUNT 3}"},
    {1, "!XCLAIM %x %o %j abc %u"},
    {2, "!XAUTOCLAIM %x %o %j 0 {0|%u} {|COUNT 5} {|JUSTID}"},
    {1, "XINFO STREAM %x"},
    {1, "!XINFO STREAM %x FULL {|COUNT 3}", Rule::kStamps},
    {1, "XINFO GROUPS %x"},
    {1, "!XINFO CONSUMERS %x %o", Rule::kConsumers},
    {1, "XINFO HELP"},
};

}  // namespace

std::span<const Template> sorted_set_commands() {
  return kSortedSets;
}

std::span<const Template> stream_commands() {
  return kStreams;
}

}  // namespace pillion::test
