/* hiredis, blocking API: formatted and binary commands, pipelines, MULTI, scripts, a subscription, freshness. */
#define _POSIX_C_SOURCE 200809L
#include <hiredis/hiredis.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

static int failures = 0;

static void check(const char* what, int holds) {
  printf("%s - %s\n", holds ? "ok" : "NOT OK", what);
  if (!holds) ++failures;
}

static redisContext* connect_to(const char* port) {
  const struct timeval limit = {5, 0};
  redisContext* context = redisConnectWithTimeout(getenv("REDIS_HOST"), atoi(port), limit);
  if (context == NULL || context->err) {
    printf("NOT OK - connect: %s\n", context ? context->errstr : "no memory");
    exit(1);
  }
  redisSetTimeout(context, limit);
  return context;
}

/* The reply to one command; a lost connection ends the program. */
static redisReply* ask(redisContext* context, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  redisReply* reply = redisvCommand(context, format, arguments);
  va_end(arguments);
  if (reply == NULL) {
    printf("NOT OK - %s: %s\n", format, context->errstr);
    exit(1);
  }
  return reply;
}

/* Is the reply this text (status, string or error)? Frees it. NULL stands for the null reply. */
static int is_text(redisReply* reply, const char* want) {
  const int same = want == NULL ? reply->type == REDIS_REPLY_NIL
                                : reply->str != NULL && strcmp(reply->str, want) == 0;
  if (!same) printf("     got %s\n", reply->str ? reply->str : "(not a text)");
  freeReplyObject(reply);
  return same;
}

static int is_number(redisReply* reply, long long want) {
  const int same = reply->type == REDIS_REPLY_INTEGER && reply->integer == want;
  if (!same) printf("     got type %d, %lld\n", reply->type, reply->integer);
  freeReplyObject(reply);
  return same;
}

static void pause_ms(long milliseconds) {
  const struct timespec length = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  nanosleep(&length, NULL);
}

static void values(redisContext* one, redisContext* two) {
  check("PING", is_text(ask(one, "PING"), "PONG"));
  check("SET EX", is_text(ask(one, "SET text %s EX 60", "hello"), "OK"));
  check("a text", is_text(ask(two, "GET text"), "hello"));
  check("a missing key", is_text(ask(two, "GET nowhere"), NULL));
  char every[256];
  for (int i = 0; i < 256; ++i) every[i] = (char)i;
  freeReplyObject(ask(one, "SET bytes %b", every, sizeof every));
  redisReply* reply = ask(two, "GET bytes");
  check("a binary value", reply->len == sizeof every && memcmp(reply->str, every, sizeof every) == 0);
  freeReplyObject(reply);
  freeReplyObject(ask(one, "HSET hash field value"));
  reply = ask(two, "HGETALL hash");
  check("a hash", reply->type == REDIS_REPLY_ARRAY && reply->elements == 2);
  freeReplyObject(reply);
  reply = ask(one, "INCR hash");
  check("WRONGTYPE is an error", reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "WRONGTYPE", 9) == 0);
  freeReplyObject(reply);

  for (int i = 0; i < 1000; ++i) {
    redisAppendCommand(one, "SET many:%d %d", i, i);
    redisAppendCommand(one, "GET many:%d", i);
  }
  int wrong = 0;
  for (int i = 0; i < 2000; ++i) {
    void* next = NULL;
    if (redisGetReply(one, &next) != REDIS_OK) {
      printf("NOT OK - pipeline: %s\n", one->errstr);
      exit(1);
    }
    reply = next;
    if (i % 2 == 1 && (reply->str == NULL || atoi(reply->str) != i / 2)) ++wrong;
    freeReplyObject(reply);
  }
  check("1,000 pairs in a pipeline", wrong == 0);
}

static void transactions(redisContext* one, redisContext* two) {
  check("MULTI", is_text(ask(one, "MULTI"), "OK"));
  check("a queued command", is_text(ask(one, "SET m 1"), "QUEUED"));
  check("another", is_text(ask(one, "INCR m"), "QUEUED"));
  redisReply* reply = ask(one, "EXEC");
  check("EXEC", reply->elements == 2 && reply->element[1]->integer == 2);
  freeReplyObject(reply);
  check("read by another connection", is_text(ask(two, "GET m"), "2"));
  freeReplyObject(ask(one, "WATCH watched"));
  freeReplyObject(ask(two, "SET watched changed"));
  freeReplyObject(ask(one, "MULTI"));
  freeReplyObject(ask(one, "SET watched mine"));
  check("WATCH aborts", is_text(ask(one, "EXEC"), NULL));
  check("a script", is_number(ask(one, "EVAL %s 1 scripted 5", "return redis.call('incrby', KEYS[1], ARGV[1])"), 5));
  check("its write is seen", is_text(ask(two, "GET scripted"), "5"));
  freeReplyObject(ask(two, "RPUSH list job"));
  reply = ask(one, "BLPOP list 1");
  check("BLPOP", reply->elements == 2 && strcmp(reply->element[1]->str, "job") == 0);
  freeReplyObject(reply);
}

static void messages(redisContext* subscriber, redisContext* one) {
  redisReply* reply = ask(subscriber, "SUBSCRIBE news");
  check("SUBSCRIBE", reply->elements == 3 && reply->element[2]->integer == 1);
  freeReplyObject(reply);
  for (int i = 0; i < 300; ++i) freeReplyObject(ask(one, "PUBLISH news %d", i));
  int in_order = 1;
  for (int i = 0; i < 300; ++i) {
    void* next = NULL;
    if (redisGetReply(subscriber, &next) != REDIS_OK) {
      in_order = 0;
      break;
    }
    reply = next;
    in_order = in_order && reply->elements == 3 && atoi(reply->element[2]->str) == i;
    freeReplyObject(reply);
  }
  check("300 messages in order", in_order);
}

static void freshness(redisContext* one, redisContext* two, redisContext* around) {
  freeReplyObject(ask(one, "SET fresh 1"));
  freeReplyObject(ask(one, "GET fresh"));
  freeReplyObject(ask(two, "SET fresh 2"));
  check("fresh after another connection wrote it", is_text(ask(one, "GET fresh"), "2"));
  freeReplyObject(ask(around, "SET fresh 3"));
  int seen = 0;
  for (int i = 0; i < 200 && !seen; ++i) {
    redisReply* reply = ask(one, "GET fresh");
    seen = reply->str != NULL && strcmp(reply->str, "3") == 0;
    freeReplyObject(reply);
    if (!seen) pause_ms(5);
  }
  check("and within a second after a write that went around", seen);
  int stale = 0;
  for (int i = 0; i < 200; ++i) {
    freeReplyObject(ask(two, "SET fresh:sequence %d", i));
    redisReply* reply = ask(one, "GET fresh:sequence");
    if (reply->str == NULL || atoi(reply->str) != i) ++stale;
    freeReplyObject(reply);
  }
  check("200 writes, each read at once by the other", stale == 0);
  check("a lock is taken", is_text(ask(one, "SET lock a NX PX 30000"), "OK"));
  check("and refused to the other", is_text(ask(two, "SET lock b NX PX 30000"), NULL));
  check("who sees the owner", is_text(ask(two, "GET lock"), "a"));
  check("it is released", is_number(ask(one, "EVAL %s 1 lock a",
      "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"), 1));
  check("and free at once", is_text(ask(two, "GET lock"), NULL));
  check("a token that is not on the blacklist", is_number(ask(one, "EXISTS blacklist"), 0));
  freeReplyObject(ask(two, "SETEX blacklist 60 1"));
  check("is seen there as soon as it was put on it", is_number(ask(one, "EXISTS blacklist"), 1));
  freeReplyObject(ask(one, "HSET session user ada"));
  freeReplyObject(ask(one, "HGETALL session"));
  freeReplyObject(ask(two, "DEL session"));
  redisReply* reply = ask(one, "HGETALL session");
  check("a session is gone at once after logout", reply->type == REDIS_REPLY_ARRAY && reply->elements == 0);
  freeReplyObject(reply);
  freeReplyObject(ask(one, "SET short x PX 150"));
  freeReplyObject(ask(one, "GET short"));
  pause_ms(200);
  check("a short value ends", is_text(ask(one, "GET short"), NULL));
}

int main(void) {
  printf("version %d.%d.%d\n", HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH);
  redisContext* one = connect_to(getenv("REDIS_PORT"));
  redisContext* two = connect_to(getenv("REDIS_PORT"));
  redisContext* subscriber = connect_to(getenv("REDIS_PORT"));
  redisContext* around = connect_to(getenv("UPSTREAM_PORT"));
  values(one, two);
  transactions(one, two);
  messages(subscriber, one);
  freshness(one, two, around);
  redisFree(subscriber);
  redisFree(around);
  redisFree(two);
  redisFree(one);
  return failures == 0 ? 0 : 1;
}
