// Keys of any type, databases, and what is asked of the server or the connection.
#include "tests/differential/commands.hpp"

namespace pillion::test {
namespace {

constexpr Template kKeyspace[] = {
    {12, "EXISTS <%k>"},
    {10, "TYPE %k"},
    {12, "{DEL|UNLINK} <%k>"},
    {3, "TOUCH <%k>"},
    {6, "RENAME %k %k"},
    {2, "RENAMENX %k %k"},
    {5, "COPY %k %k {||DB %d} {|REPLACE}"},
    {2, "MOVE %k %d"},
    {4, "EXPIRE %k %e {|||NX|XX|GT|LT|BOGUS}"},
    {3, "PEXPIRE %k %q {|NX|XX|GT|LT}"},
    {3, "EXPIREAT %k %a {|GT|LT}"},
    {3, "PEXPIREAT %k %A"},
    {1, "EXPIREAT %k {0|1|-5|1500000000}"},
    {3, "PERSIST %k"},
    {5, "TTL %k", Rule::kAbout},
    {4, "PTTL %k", Rule::kAbout},
    {2, "{EXPIRETIME|PEXPIRETIME} %k", Rule::kAbout},
    {2, "KEYS %P", Rule::kUnordered},
    {2, "!SCAN 0 COUNT 100000 {||MATCH %P} {||TYPE string|TYPE hash|TYPE bogus}", Rule::kScan},
    {1, "!SCAN {abc|-1x|0 COUNT 0|0 BOGUS|0 TYPE}"},
    // Equal weights of a set's members under ALPHA stay in the order of the hash table.
    {4,
     "SORT %l {|ALPHA|BY s:*|BY %H} {|LIMIT %i %i} {|GET #|GET s:* GET #|GET %H} {|DESC} "
     "{||STORE %l}"},
    {2, "!SORT %t {|ALPHA|DESC ALPHA|BY %H}"},
    {1, "!SORT %l BY nosort {|GET #}", Rule::kUnordered},
    {1, "!SORT %t BY nosort ALPHA STORE %l"},
    {2, "SORT_RO %l {|ALPHA} {|LIMIT 0 2} {||STORE %l}"},
    {5, "OBJECT ENCODING %k"},
    {1, "OBJECT REFCOUNT %s"},
    {1, "!OBJECT IDLETIME %k", Rule::kType},
    {1, "OBJECT {FREQ %k|HELP|BOGUS %k|ENCODING}"},
    {2, "!MEMORY USAGE %k {|SAMPLES 0}", Rule::kType},
    {4, "!DUMP %k", Rule::kDump},
    {2, "DBSIZE"},
    {6, "SELECT %d"},
    {1, "SELECT {16|-1|abc|99999999999||0 1}"},
    {1, "!MIGRATE 127.0.0.1 1 none:0 0 10"},
    {1, "WAIT 0 0"},
    {1, "!WAIT 1 2"},
};

constexpr Template kServer[] = {
    {6, "PING {||%v|a b}"},
    {4, "ECHO {%v|%m||%v %v}"},
    {1, "MULTI"},
    {4, "EXEC", Rule::kExec},
    {2, "DISCARD", Rule::kDiscard},
    {2, "WATCH <%k>"},
    {1, "UNWATCH"},
    {1, "MULTI now"},
    {8, "NOSUCH <%v>"},
    {1, "%O <%v>"},
    {1, "%L <%L>"},
    {1, "{FOO|foo|Get-|GETT|NOSUCH|OBJECTT|CLIENTX|MULTIX} {|%L}"},
    {3, "!HELLO {|2|3|2|3}", Rule::kHello},
    {1, "!HELLO {4|1|abc|3 AUTH|3 SETNAME|2 BOGUS|03|3 SETNAME two_names SETNAME x|2 SETNAME}",
     Rule::kHello},
    {1, "!HELLO {2|3} SETNAME {%n|worker}", Rule::kHello},
    {1, "!HELLO {2|3} AUTH default secret SETNAME {app|%v}", Rule::kHello},
    {1, "!HELLO 3 AUTH nobody wrong", Rule::kHello},
    {1, "AUTH {wrong|default wrong|nobody wrong|a b c|}"},
    {1, "!AUTH limited open-sesame"},
    {2, "!AUTH default any"},
    {1,
     "ACL {WHOAMI|BOGUS|WHOAMI x|DRYRUN default get s:1|DRYRUN limited get h:1|DRYRUN nobody get "
     "a}"},
    {1, "ACL {CAT|CAT string|USERS}", Rule::kUnordered},
    {1, "ACL {GETUSER limited|GETUSER nobody|LIST}"},
    {3, "!CLIENT ID", Rule::kType},
    {3, "!CLIENT SETNAME {app|name-1|%n|UPPER|bad\xc3\xa9|%v}"},
    {4, "!CLIENT GETNAME"},
    {1, "!CLIENT {GETNAME x|SETNAME|ID x|BOGUS|BOGUS x|GETREDIR x|NO-EVICT|NO-EVICT maybe}"},
    {2,
     "!CLIENT {NO-EVICT ON|NO-EVICT OFF|GETREDIR|TRACKINGINFO|CACHING YES|CACHING NO|CACHING x}"},
    {1, "^CLIENT {TRACKING|TRACKING x|TRACKING ON PREFIX a|TRACKING OFF|TRACKING ON REDIRECT abc}"},
    {1, "^CLIENT {LIST|INFO}", Rule::kType},
    {1, "^CLIENT LIST {TYPE pubsub|ID 99999999|TYPE bogus|ID abc|BOGUS|ID|TYPE}"},
    {1,
     "^CLIENT KILL {1.2.3.4:5|ID 99999999|ID abc|ADDR 1.2.3.4:5|USER nobody|TYPE bogus|BOGUS "
     "x|ID}"},
    {1, "^CLIENT {UNBLOCK 99999999|UNBLOCK 99999999 ERROR|UNBLOCK abc|UNBLOCK 1 BOGUS|UNPAUSE}"},
    {1, "^CLIENT {PAUSE abc|PAUSE 0 BOGUS|PAUSE|HELP}"},
    {1, "!CLIENT {SETINFO LIB-NAME x|SETINFO BOGUS x|NO-TOUCH ON|NO-TOUCH OFF}", Rule::kAny},
    {1, "^CLIENT REPLY {x|}"},
    {2, "!RESET", Rule::kDiscard},
    {1, "RESET now"},
    {3, "!COMMAND {COUNT|INFO get|INFO set nosuch|GETKEYS <%k>|GETKEYS mset a b c d}"},
    {1, "!COMMAND {GETKEYS eval x 2 a b|GETKEYSANDFLAGS set a b|GETKEYS ping|GETKEYS|BOGUS|HELP}"},
    {1, "!COMMAND LIST {|FILTERBY ACLCAT hash|FILTERBY PATTERN x*|FILTERBY MODULE none|FILTERBY}",
     Rule::kUnordered},
    {1, "!COMMAND DOCS {get|lpush|nosuch}"},
    {2, "!CONFIG GET {maxmemory|databases|hash-max-listpack-entries|nosuch|maxmemory-policy}"},
    {1, "!CONFIG GET {hash-*|*-entries|hash-max-listpack-entries maxmemory}", Rule::kPairs},
    {1,
     "!CONFIG SET {hash-max-listpack-entries|set-max-intset-entries} "
     "{4|16|128}"},
    {1, "!CONFIG {SET nosuch 1|SET maxmemory x|SET port|BOGUS|REWRITE|GET|SET databases 4}"},
    {1, "!INFO {|server|stats|nosuch|all|everything|commandstats keyspace}", Rule::kType},
    {1, "{TIME|LASTSAVE|LOLWUT}", Rule::kType},
    {1, "ROLE"},
    {1, "!SLOWLOG {LEN|GET|GET 1|RESET}", Rule::kType},
    {1, "!SLOWLOG {GET 0|GET -5|GET abc|BOGUS|HELP}"},
    {1, "!LATENCY {RESET nosuch|LATEST|HISTORY command|HISTOGRAM nosuch|BOGUS|HELP}"},
    {1, "!MEMORY {STATS|DOCTOR|MALLOC-STATS}", Rule::kType},
    {1, "!MEMORY {HELP|BOGUS|USAGE}"},
    {1,
     "!DEBUG PROTOCOL "
     "{string|integer|double|null|array|set|map|attrib|verbatim|true|false|bignum}"},
    {1, "!DEBUG {SLEEP 0|STRINGMATCH-LEN 10 a*|OBJECT nowhere|BOGUS}"},
    {2, "PUBLISH {%m|quiet} %v"},
    {1, "SPUBLISH quiet %v"},
    {2,
     "PUBSUB {CHANNELS|NUMSUB|NUMSUB a b|NUMPAT|CHANNELS no*|SHARDCHANNELS|SHARDNUMSUB "
     "a|BOGUS|HELP}"},
    {1, "CLUSTER {INFO|SLOTS|NODES|KEYSLOT a|BOGUS}"},
    {1, "{READONLY|READWRITE|ASKING}"},
    {1, "MODULE {LIST|LOAD /nowhere.so|BOGUS|HELP}"},
    {1, "!{SUBSCRIBE|PSUBSCRIBE|SSUBSCRIBE}"},
    {1, "!{FLUSHDB|FLUSHALL} {BOGUS|ASYNC SYNC}"},
    {1, "!SWAPDB {0 1|0 2|1 2|0 0|0 99|a 1|1}"},
    {1, "{JSON.GET|FT.SEARCH|BF.ADD|TS.ADD} %k <%v>"},
};

}  // namespace

std::span<const Template> keyspace_commands() {
  return kKeyspace;
}

std::span<const Template> server_commands() {
  return kServer;
}

}  // namespace pillion::test
