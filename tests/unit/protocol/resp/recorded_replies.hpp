// Replies of one redis-server 7.0.15 to the same commands over RESP3 and over RESP2.
//
// Recorded after: SET s hello; SET n 10; SET bin "\r\n\x00\xff\""; SET blank "";
// HSET h f1 v1 f2 v2 e x blank ""; RPUSH l a b c; SADD st a b c;
// ZADD z 1 one 2.5 two 3 three -0.125 neg;
// ZADD zi inf pos -inf neg 1e300 big 0.1 tenth 3.0000000000000004 odd; ZADD zl 0 a 0 b 0 c
#pragma once

#include <string_view>
#include <vector>

#include "protocol/resp/downgrade.hpp"
#include "tests/unit/protocol/resp/bytes.hpp"

namespace pillion::resp {

struct Recorded {
  std::string_view command;
  Shape shape;
  std::string_view resp3;
  std::string_view resp2;
};

inline const std::vector<Recorded> kRecordedReplies = {
    Recorded{"GET s", Shape::kAsIs, bytes("$5\r\nhello\r\n"), bytes("$5\r\nhello\r\n")},
    Recorded{"GET bin", Shape::kAsIs, bytes("$5\r\n\r\n\000\377\"\r\n"),
             bytes("$5\r\n\r\n\000\377\"\r\n")},
    Recorded{"GET blank", Shape::kAsIs, bytes("$0\r\n\r\n"), bytes("$0\r\n\r\n")},
    Recorded{"GET no", Shape::kAsIs, bytes("_\r\n"), bytes("$-1\r\n")},
    Recorded{"GET l", Shape::kAsIs,
             bytes("-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
             bytes("-WRONGTYPE Operation against a key holding the wrong kind of value\r\n")},
    Recorded{"MGET s no n l", Shape::kAsIs, bytes("*4\r\n$5\r\nhello\r\n_\r\n$2\r\n10\r\n_\r\n"),
             bytes("*4\r\n$5\r\nhello\r\n$-1\r\n$2\r\n10\r\n$-1\r\n")},
    Recorded{"MGET no no2", Shape::kAsIs, bytes("*2\r\n_\r\n_\r\n"), bytes("*2\r\n$-1\r\n$-1\r\n")},
    Recorded{"STRLEN s", Shape::kAsIs, bytes(":5\r\n"), bytes(":5\r\n")},
    Recorded{"STRLEN no", Shape::kAsIs, bytes(":0\r\n"), bytes(":0\r\n")},
    Recorded{"GETRANGE s 1 3", Shape::kAsIs, bytes("$3\r\nell\r\n"), bytes("$3\r\nell\r\n")},
    Recorded{"GETRANGE s 9 12", Shape::kAsIs, bytes("$0\r\n\r\n"), bytes("$0\r\n\r\n")},
    Recorded{"GETRANGE no 0 -1", Shape::kAsIs, bytes("$0\r\n\r\n"), bytes("$0\r\n\r\n")},
    Recorded{"EXISTS s", Shape::kAsIs, bytes(":1\r\n"), bytes(":1\r\n")},
    Recorded{"EXISTS no", Shape::kAsIs, bytes(":0\r\n"), bytes(":0\r\n")},
    Recorded{"TYPE s", Shape::kAsIs, bytes("+string\r\n"), bytes("+string\r\n")},
    Recorded{"TYPE h", Shape::kAsIs, bytes("+hash\r\n"), bytes("+hash\r\n")},
    Recorded{"TYPE l", Shape::kAsIs, bytes("+list\r\n"), bytes("+list\r\n")},
    Recorded{"TYPE st", Shape::kAsIs, bytes("+set\r\n"), bytes("+set\r\n")},
    Recorded{"TYPE z", Shape::kAsIs, bytes("+zset\r\n"), bytes("+zset\r\n")},
    Recorded{"TYPE no", Shape::kAsIs, bytes("+none\r\n"), bytes("+none\r\n")},
    Recorded{"HGET h f1", Shape::kAsIs, bytes("$2\r\nv1\r\n"), bytes("$2\r\nv1\r\n")},
    Recorded{"HGET h blank", Shape::kAsIs, bytes("$0\r\n\r\n"), bytes("$0\r\n\r\n")},
    Recorded{"HGET h no", Shape::kAsIs, bytes("_\r\n"), bytes("$-1\r\n")},
    Recorded{"HGET no f", Shape::kAsIs, bytes("_\r\n"), bytes("$-1\r\n")},
    Recorded{"HMGET h f1 no blank", Shape::kAsIs, bytes("*3\r\n$2\r\nv1\r\n_\r\n$0\r\n\r\n"),
             bytes("*3\r\n$2\r\nv1\r\n$-1\r\n$0\r\n\r\n")},
    Recorded{"HMGET no f1 f2", Shape::kAsIs, bytes("*2\r\n_\r\n_\r\n"),
             bytes("*2\r\n$-1\r\n$-1\r\n")},
    Recorded{"HGETALL h", Shape::kAsIs,
             bytes("%4\r\n$2\r\nf1\r\n$2\r\nv1\r\n$2\r\nf2\r\n$2\r\nv2\r\n$1\r\ne\r\n$1\r\nx\r\n$"
                   "5\r\nblank\r\n$0\r\n\r\n"),
             bytes("*8\r\n$2\r\nf1\r\n$2\r\nv1\r\n$2\r\nf2\r\n$2\r\nv2\r\n$1\r\ne\r\n$1\r\nx\r\n$"
                   "5\r\nblank\r\n$0\r\n\r\n")},
    Recorded{"HGETALL no", Shape::kAsIs, bytes("%0\r\n"), bytes("*0\r\n")},
    Recorded{"HGETALL s", Shape::kAsIs,
             bytes("-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
             bytes("-WRONGTYPE Operation against a key holding the wrong kind of value\r\n")},
    Recorded{"HLEN h", Shape::kAsIs, bytes(":4\r\n"), bytes(":4\r\n")},
    Recorded{"HLEN no", Shape::kAsIs, bytes(":0\r\n"), bytes(":0\r\n")},
    Recorded{"HEXISTS h f1", Shape::kAsIs, bytes(":1\r\n"), bytes(":1\r\n")},
    Recorded{"HEXISTS h no", Shape::kAsIs, bytes(":0\r\n"), bytes(":0\r\n")},
    Recorded{"HEXISTS no f1", Shape::kAsIs, bytes(":0\r\n"), bytes(":0\r\n")},
    Recorded{"HKEYS h", Shape::kAsIs,
             bytes("*4\r\n$2\r\nf1\r\n$2\r\nf2\r\n$1\r\ne\r\n$5\r\nblank\r\n"),
             bytes("*4\r\n$2\r\nf1\r\n$2\r\nf2\r\n$1\r\ne\r\n$5\r\nblank\r\n")},
    Recorded{"HKEYS no", Shape::kAsIs, bytes("*0\r\n"), bytes("*0\r\n")},
    Recorded{"HVALS h", Shape::kAsIs, bytes("*4\r\n$2\r\nv1\r\n$2\r\nv2\r\n$1\r\nx\r\n$0\r\n\r\n"),
             bytes("*4\r\n$2\r\nv1\r\n$2\r\nv2\r\n$1\r\nx\r\n$0\r\n\r\n")},
    Recorded{"HVALS no", Shape::kAsIs, bytes("*0\r\n"), bytes("*0\r\n")},
    Recorded{"SISMEMBER st a", Shape::kAsIs, bytes(":1\r\n"), bytes(":1\r\n")},
    Recorded{"SISMEMBER st no", Shape::kAsIs, bytes(":0\r\n"), bytes(":0\r\n")},
    Recorded{"SISMEMBER no a", Shape::kAsIs, bytes(":0\r\n"), bytes(":0\r\n")},
    Recorded{"SMISMEMBER st a no c", Shape::kAsIs, bytes("*3\r\n:1\r\n:0\r\n:1\r\n"),
             bytes("*3\r\n:1\r\n:0\r\n:1\r\n")},
    Recorded{"SMISMEMBER no a b", Shape::kAsIs, bytes("*2\r\n:0\r\n:0\r\n"),
             bytes("*2\r\n:0\r\n:0\r\n")},
    Recorded{"SMEMBERS st", Shape::kAsIs, bytes("~3\r\n$1\r\nb\r\n$1\r\na\r\n$1\r\nc\r\n"),
             bytes("*3\r\n$1\r\nb\r\n$1\r\na\r\n$1\r\nc\r\n")},
    Recorded{"SMEMBERS no", Shape::kAsIs, bytes("~0\r\n"), bytes("*0\r\n")},
    Recorded{"SCARD st", Shape::kAsIs, bytes(":3\r\n"), bytes(":3\r\n")},
    Recorded{"SCARD no", Shape::kAsIs, bytes(":0\r\n"), bytes(":0\r\n")},
    Recorded{"LRANGE l 0 -1", Shape::kAsIs, bytes("*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n"),
             bytes("*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n")},
    Recorded{"LRANGE l 5 9", Shape::kAsIs, bytes("*0\r\n"), bytes("*0\r\n")},
    Recorded{"LRANGE no 0 -1", Shape::kAsIs, bytes("*0\r\n"), bytes("*0\r\n")},
    Recorded{"LLEN l", Shape::kAsIs, bytes(":3\r\n"), bytes(":3\r\n")},
    Recorded{"LLEN no", Shape::kAsIs, bytes(":0\r\n"), bytes(":0\r\n")},
    Recorded{"LINDEX l 0", Shape::kAsIs, bytes("$1\r\na\r\n"), bytes("$1\r\na\r\n")},
    Recorded{"LINDEX l 9", Shape::kAsIs, bytes("_\r\n"), bytes("$-1\r\n")},
    Recorded{"LINDEX no 0", Shape::kAsIs, bytes("_\r\n"), bytes("$-1\r\n")},
    Recorded{"ZSCORE z two", Shape::kAsIs, bytes(",2.5\r\n"), bytes("$3\r\n2.5\r\n")},
    Recorded{"ZSCORE z neg", Shape::kAsIs, bytes(",-0.125\r\n"), bytes("$6\r\n-0.125\r\n")},
    Recorded{"ZSCORE z no", Shape::kAsIs, bytes("_\r\n"), bytes("$-1\r\n")},
    Recorded{"ZSCORE no one", Shape::kAsIs, bytes("_\r\n"), bytes("$-1\r\n")},
    Recorded{"ZSCORE zi pos", Shape::kAsIs, bytes(",inf\r\n"), bytes("$3\r\ninf\r\n")},
    Recorded{"ZSCORE zi neg", Shape::kAsIs, bytes(",-inf\r\n"), bytes("$4\r\n-inf\r\n")},
    Recorded{"ZSCORE zi big", Shape::kAsIs, bytes(",1.0000000000000001e+300\r\n"),
             bytes("$23\r\n1.0000000000000001e+300\r\n")},
    Recorded{"ZSCORE zi tenth", Shape::kAsIs, bytes(",0.10000000000000001\r\n"),
             bytes("$19\r\n0.10000000000000001\r\n")},
    Recorded{"ZSCORE zi odd", Shape::kAsIs, bytes(",3.0000000000000004\r\n"),
             bytes("$18\r\n3.0000000000000004\r\n")},
    Recorded{"ZMSCORE z one no two", Shape::kAsIs, bytes("*3\r\n,1\r\n_\r\n,2.5\r\n"),
             bytes("*3\r\n$1\r\n1\r\n$-1\r\n$3\r\n2.5\r\n")},
    Recorded{"ZMSCORE zi pos neg tenth", Shape::kAsIs,
             bytes("*3\r\n,inf\r\n,-inf\r\n,0.10000000000000001\r\n"),
             bytes("*3\r\n$3\r\ninf\r\n$4\r\n-inf\r\n$19\r\n0.10000000000000001\r\n")},
    Recorded{"ZMSCORE no one two", Shape::kAsIs, bytes("*2\r\n_\r\n_\r\n"),
             bytes("*2\r\n$-1\r\n$-1\r\n")},
    Recorded{"ZRANGE z 0 -1", Shape::kAsIs,
             bytes("*4\r\n$3\r\nneg\r\n$3\r\none\r\n$3\r\ntwo\r\n$5\r\nthree\r\n"),
             bytes("*4\r\n$3\r\nneg\r\n$3\r\none\r\n$3\r\ntwo\r\n$5\r\nthree\r\n")},
    Recorded{"ZRANGE z 0 -1 WITHSCORES", Shape::kPairsToFlat,
             bytes("*4\r\n*2\r\n$3\r\nneg\r\n,-0.125\r\n*2\r\n$3\r\none\r\n,1\r\n*2\r\n$"
                   "3\r\ntwo\r\n,2.5\r\n*2\r\n$5\r\nthree\r\n,3\r\n"),
             bytes("*8\r\n$3\r\nneg\r\n$6\r\n-0.125\r\n$3\r\none\r\n$1\r\n1\r\n$3\r\ntwo\r\n$"
                   "3\r\n2.5\r\n$5\r\nthree\r\n$1\r\n3\r\n")},
    Recorded{"ZRANGE z 0 0 WITHSCORES", Shape::kPairsToFlat,
             bytes("*1\r\n*2\r\n$3\r\nneg\r\n,-0.125\r\n"),
             bytes("*2\r\n$3\r\nneg\r\n$6\r\n-0.125\r\n")},
    Recorded{"ZRANGE z 7 9 WITHSCORES", Shape::kPairsToFlat, bytes("*0\r\n"), bytes("*0\r\n")},
    Recorded{"ZRANGE no 0 -1", Shape::kAsIs, bytes("*0\r\n"), bytes("*0\r\n")},
    Recorded{"ZRANGE no 0 -1 WITHSCORES", Shape::kPairsToFlat, bytes("*0\r\n"), bytes("*0\r\n")},
    Recorded{"ZRANGE z 0 -1 REV", Shape::kAsIs,
             bytes("*4\r\n$5\r\nthree\r\n$3\r\ntwo\r\n$3\r\none\r\n$3\r\nneg\r\n"),
             bytes("*4\r\n$5\r\nthree\r\n$3\r\ntwo\r\n$3\r\none\r\n$3\r\nneg\r\n")},
    Recorded{"ZRANGE z 0 -1 REV WITHSCORES", Shape::kPairsToFlat,
             bytes("*4\r\n*2\r\n$5\r\nthree\r\n,3\r\n*2\r\n$3\r\ntwo\r\n,2.5\r\n*2\r\n$"
                   "3\r\none\r\n,1\r\n*2\r\n$3\r\nneg\r\n,-0.125\r\n"),
             bytes("*8\r\n$5\r\nthree\r\n$1\r\n3\r\n$3\r\ntwo\r\n$3\r\n2.5\r\n$3\r\none\r\n$"
                   "1\r\n1\r\n$3\r\nneg\r\n$6\r\n-0.125\r\n")},
    Recorded{"ZRANGE z 1 3 BYSCORE", Shape::kAsIs,
             bytes("*3\r\n$3\r\none\r\n$3\r\ntwo\r\n$5\r\nthree\r\n"),
             bytes("*3\r\n$3\r\none\r\n$3\r\ntwo\r\n$5\r\nthree\r\n")},
    Recorded{"ZRANGE z (1 +inf BYSCORE WITHSCORES", Shape::kPairsToFlat,
             bytes("*2\r\n*2\r\n$3\r\ntwo\r\n,2.5\r\n*2\r\n$5\r\nthree\r\n,3\r\n"),
             bytes("*4\r\n$3\r\ntwo\r\n$3\r\n2.5\r\n$5\r\nthree\r\n$1\r\n3\r\n")},
    Recorded{"ZRANGE z 3 1 BYSCORE REV", Shape::kAsIs,
             bytes("*3\r\n$5\r\nthree\r\n$3\r\ntwo\r\n$3\r\none\r\n"),
             bytes("*3\r\n$5\r\nthree\r\n$3\r\ntwo\r\n$3\r\none\r\n")},
    Recorded{
        "ZRANGE z 3 1 BYSCORE REV WITHSCORES", Shape::kPairsToFlat,
        bytes("*3\r\n*2\r\n$5\r\nthree\r\n,3\r\n*2\r\n$3\r\ntwo\r\n,2.5\r\n*2\r\n$3\r\none\r\n,"
              "1\r\n"),
        bytes(
            "*6\r\n$5\r\nthree\r\n$1\r\n3\r\n$3\r\ntwo\r\n$3\r\n2.5\r\n$3\r\none\r\n$1\r\n1\r\n")},
    Recorded{"ZRANGE z -inf +inf BYSCORE LIMIT 1 2", Shape::kAsIs,
             bytes("*2\r\n$3\r\none\r\n$3\r\ntwo\r\n"), bytes("*2\r\n$3\r\none\r\n$3\r\ntwo\r\n")},
    Recorded{"ZRANGE z -inf +inf BYSCORE LIMIT 1 2 WITHSCORES", Shape::kPairsToFlat,
             bytes("*2\r\n*2\r\n$3\r\none\r\n,1\r\n*2\r\n$3\r\ntwo\r\n,2.5\r\n"),
             bytes("*4\r\n$3\r\none\r\n$1\r\n1\r\n$3\r\ntwo\r\n$3\r\n2.5\r\n")},
    Recorded{"ZRANGE z +inf -inf BYSCORE REV LIMIT 0 1 WITHSCORES", Shape::kPairsToFlat,
             bytes("*1\r\n*2\r\n$5\r\nthree\r\n,3\r\n"), bytes("*2\r\n$5\r\nthree\r\n$1\r\n3\r\n")},
    Recorded{"ZRANGE zi -inf +inf BYSCORE WITHSCORES", Shape::kPairsToFlat,
             bytes("*5\r\n*2\r\n$3\r\nneg\r\n,-inf\r\n*2\r\n$5\r\ntenth\r\n,0."
                   "10000000000000001\r\n*2\r\n$3\r\nodd\r\n,3.0000000000000004\r\n*2\r\n$"
                   "3\r\nbig\r\n,1.0000000000000001e+300\r\n*2\r\n$3\r\npos\r\n,inf\r\n"),
             bytes("*10\r\n$3\r\nneg\r\n$4\r\n-inf\r\n$5\r\ntenth\r\n$19\r\n0."
                   "10000000000000001\r\n$3\r\nodd\r\n$18\r\n3.0000000000000004\r\n$3\r\nbig\r\n$"
                   "23\r\n1.0000000000000001e+300\r\n$3\r\npos\r\n$3\r\ninf\r\n")},
    Recorded{"ZRANGE zi 0 -1 WITHSCORES", Shape::kPairsToFlat,
             bytes("*5\r\n*2\r\n$3\r\nneg\r\n,-inf\r\n*2\r\n$5\r\ntenth\r\n,0."
                   "10000000000000001\r\n*2\r\n$3\r\nodd\r\n,3.0000000000000004\r\n*2\r\n$"
                   "3\r\nbig\r\n,1.0000000000000001e+300\r\n*2\r\n$3\r\npos\r\n,inf\r\n"),
             bytes("*10\r\n$3\r\nneg\r\n$4\r\n-inf\r\n$5\r\ntenth\r\n$19\r\n0."
                   "10000000000000001\r\n$3\r\nodd\r\n$18\r\n3.0000000000000004\r\n$3\r\nbig\r\n$"
                   "23\r\n1.0000000000000001e+300\r\n$3\r\npos\r\n$3\r\ninf\r\n")},
    Recorded{"ZRANGE zl - + BYLEX", Shape::kAsIs, bytes("*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n"),
             bytes("*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n")},
    Recorded{"ZRANGE zl [a (c BYLEX", Shape::kAsIs, bytes("*2\r\n$1\r\na\r\n$1\r\nb\r\n"),
             bytes("*2\r\n$1\r\na\r\n$1\r\nb\r\n")},
    Recorded{"ZRANGE zl + - BYLEX REV", Shape::kAsIs,
             bytes("*3\r\n$1\r\nc\r\n$1\r\nb\r\n$1\r\na\r\n"),
             bytes("*3\r\n$1\r\nc\r\n$1\r\nb\r\n$1\r\na\r\n")},
    Recorded{"ZRANGE zl - + BYLEX LIMIT 1 1", Shape::kAsIs, bytes("*1\r\n$1\r\nb\r\n"),
             bytes("*1\r\n$1\r\nb\r\n")},
    Recorded{"ZRANGE no - + BYLEX", Shape::kAsIs, bytes("*0\r\n"), bytes("*0\r\n")},
    Recorded{"ZRANGE s 0 -1 WITHSCORES", Shape::kPairsToFlat,
             bytes("-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
             bytes("-WRONGTYPE Operation against a key holding the wrong kind of value\r\n")},
    Recorded{"ZRANGE z 0 -1 BYLEX", Shape::kAsIs,
             bytes("-ERR min or max not valid string range item\r\n"),
             bytes("-ERR min or max not valid string range item\r\n")},
    Recorded{"ZRANK z two", Shape::kAsIs, bytes(":2\r\n"), bytes(":2\r\n")},
    Recorded{"ZRANK z no", Shape::kAsIs, bytes("_\r\n"), bytes("$-1\r\n")},
    Recorded{"ZRANK no two", Shape::kAsIs, bytes("_\r\n"), bytes("$-1\r\n")},
    Recorded{"ZCARD z", Shape::kAsIs, bytes(":4\r\n"), bytes(":4\r\n")},
    Recorded{"ZCARD no", Shape::kAsIs, bytes(":0\r\n"), bytes(":0\r\n")},
    Recorded{"ZCOUNT z 1 3", Shape::kAsIs, bytes(":3\r\n"), bytes(":3\r\n")},
    Recorded{"ZCOUNT no 1 3", Shape::kAsIs, bytes(":0\r\n"), bytes(":0\r\n")},
    Recorded{"GETBIT s 1", Shape::kAsIs, bytes(":1\r\n"), bytes(":1\r\n")},
    Recorded{"GETBIT s 99", Shape::kAsIs, bytes(":0\r\n"), bytes(":0\r\n")},
    Recorded{"GETBIT no 0", Shape::kAsIs, bytes(":0\r\n"), bytes(":0\r\n")},
    Recorded{"BITCOUNT s", Shape::kAsIs, bytes(":21\r\n"), bytes(":21\r\n")},
    Recorded{"BITCOUNT s 1 2", Shape::kAsIs, bytes(":8\r\n"), bytes(":8\r\n")},
    Recorded{"BITCOUNT s 1 9 BIT", Shape::kAsIs, bytes(":4\r\n"), bytes(":4\r\n")},
    Recorded{"BITCOUNT no", Shape::kAsIs, bytes(":0\r\n"), bytes(":0\r\n")},
};

}  // namespace pillion::resp
