// Redigo as Go services use it: a pool shared by goroutines, pipelines, scripts, subscriptions.
package main

import (
	"bytes"
	"fmt"
	"os"
	"reflect"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"
)

var failures int

func check(what string, holds bool, detail ...interface{}) {
	if holds {
		fmt.Println("ok -", what)
		return
	}
	failures++
	fmt.Println("NOT OK -", what, fmt.Sprint(detail...))
}

func equal(what string, got, want interface{}) {
	check(what, reflect.DeepEqual(got, want), fmt.Sprintf(": got %#v, expected %#v", got, want))
}

func within(limit time.Duration, probe func() bool) bool {
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if probe() {
			return true
		}
	}
	return false
}

func dial(port string) (redis.Conn, error) {
	return redis.Dial("tcp", os.Getenv("REDIS_HOST")+":"+port, redis.DialConnectTimeout(5*time.Second),
		redis.DialReadTimeout(10*time.Second), redis.DialWriteTimeout(5*time.Second), redis.DialClientName("redigo"))
}

func mustDial(port string) redis.Conn {
	connection, err := dial(port)
	if err != nil {
		fmt.Println("NOT OK - connect:", err)
		os.Exit(1)
	}
	return connection
}

func text(connection redis.Conn, words ...interface{}) string {
	reply, err := redis.String(connection.Do(words[0].(string), words[1:]...))
	if err == redis.ErrNil {
		return "(nil)"
	}
	if err != nil {
		return "error: " + err.Error()
	}
	return reply
}

func number(connection redis.Conn, words ...interface{}) int {
	reply, err := redis.Int(connection.Do(words[0].(string), words[1:]...))
	if err != nil {
		return -999
	}
	return reply
}

func values(one, two redis.Conn) {
	equal("PING", text(one, "PING"), "PONG")
	equal("SET EX", text(one, "SET", "text", "héllo", "EX", 60), "OK")
	equal("a text", text(two, "GET", "text"), "héllo")
	equal("SET NX of what is there", text(one, "SET", "text", "x", "NX"), "(nil)")
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	one.Do("SET", "bytes", every)
	got, _ := redis.Bytes(two.Do("GET", "bytes"))
	check("a binary value", bytes.Equal(got, every))
	one.Do("HSET", redis.Args{}.Add("hash").AddFlat(map[string]int{"one": 1, "two": 2})...)
	hash, _ := redis.IntMap(two.Do("HGETALL", "hash"))
	equal("a hash", hash, map[string]int{"one": 1, "two": 2})
	list, err := redis.Strings(one.Do("MGET", "text", "nowhere"))
	equal("mget with a hole", []interface{}{list, err}, []interface{}{[]string{"héllo", ""}, nil})
	check("WRONGTYPE is an error", strings.Contains(text(one, "INCR", "hash"), "WRONGTYPE"))
	equal("the name given to the connection", text(one, "CLIENT", "GETNAME"), "redigo")
	for i := 0; i < 1000; i++ {
		one.Send("SET", fmt.Sprint("many:", i), i)
		one.Send("GET", fmt.Sprint("many:", i))
	}
	one.Flush()
	wrong := 0
	for i := 0; i < 2000; i++ {
		reply, err := redis.String(one.Receive())
		if err != nil || (i%2 == 1 && reply != fmt.Sprint(i/2)) {
			wrong++
		}
	}
	equal("1,000 pairs in a pipeline: wrong replies", wrong, 0)
}

func transactions(one, two redis.Conn) {
	one.Send("MULTI")
	one.Send("SET", "m", 1)
	one.Send("INCR", "m")
	one.Send("GET", "m")
	replies, err := redis.Values(one.Do("EXEC"))
	equal("MULTI", fmt.Sprintf("%s %v", replies, err), "[OK %!s(int64=2) 2] <nil>")
	one.Do("WATCH", "watched")
	two.Do("SET", "watched", "changed")
	one.Send("MULTI")
	one.Send("SET", "watched", "mine")
	reply, err := one.Do("EXEC")
	check("WATCH aborts", reply == nil && err == nil, reply, err)
	script := redis.NewScript(1, "return redis.call('incrby', KEYS[1], ARGV[1])")
	first, _ := redis.Int(script.Do(one, "scripted", 5))
	second, _ := redis.Int(script.Do(two, "scripted", 5))
	equal("a script, unknown and then by its digest", []int{first, second}, []int{5, 10})
	equal("its write is seen", text(one, "GET", "scripted"), "10")
	seen := map[string]bool{}
	for cursor := 0; ; {
		page, _ := redis.Values(one.Do("SCAN", cursor, "MATCH", "many:*", "COUNT", 100))
		var keys []string
		redis.Scan(page, &cursor, &keys)
		for _, key := range keys {
			seen[key] = true
		}
		if cursor == 0 {
			break
		}
	}
	equal("SCAN finds every key", len(seen), 1000)
}

func messages(port string, one redis.Conn) {
	subscription := redis.PubSubConn{Conn: mustDial(port)}
	subscription.Subscribe("news")
	subscription.PSubscribe("ne?s")
	subscription.Receive()
	subscription.Receive()
	equal("PUBLISH counts subscribers", number(one, "PUBLISH", "news", "first"), 2)
	subscription.Receive()
	subscription.Receive()
	subscription.PUnsubscribe("ne?s")
	subscription.Receive()
	for i := 0; i < 300; i++ {
		one.Send("PUBLISH", "news", i)
	}
	one.Do("")
	inOrder := true
	for i := 0; i < 300; i++ {
		message, isMessage := subscription.ReceiveWithTimeout(2 * time.Second).(redis.Message)
		inOrder = inOrder && isMessage && string(message.Data) == fmt.Sprint(i)
	}
	check("300 messages in order", inOrder)
	subscription.Ping("hello")
	pong, isPong := subscription.ReceiveWithTimeout(2 * time.Second).(redis.Pong)
	check("PING while subscribed", isPong && pong.Data == "hello")
	subscription.Close()
}

func pooled(port string) {
	pool := &redis.Pool{MaxIdle: 5, MaxActive: 20, Wait: true, Dial: func() (redis.Conn, error) { return dial(port) },
		TestOnBorrow: func(connection redis.Conn, _ time.Time) error { _, err := connection.Do("PING"); return err }}
	defer pool.Close()
	setup := pool.Get()
	for i := 0; i < 200; i++ {
		setup.Send("RPUSH", "jobs", i)
	}
	setup.Do("")
	setup.Close()
	var lock sync.Mutex
	var done []int
	var group sync.WaitGroup
	for worker := 0; worker < 8; worker++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for {
				connection := pool.Get()
				job, err := redis.Strings(connection.Do("BLPOP", "jobs", 1))
				connection.Do("INCR", "counter")
				connection.Close()
				if err != nil {
					return
				}
				var value int
				fmt.Sscan(job[1], &value)
				lock.Lock()
				done = append(done, value)
				lock.Unlock()
			}
		}()
	}
	group.Wait()
	sort.Ints(done)
	once := len(done) == 200
	for i, value := range done {
		once = once && i == value
	}
	check("200 jobs, each done once by eight goroutines", once, len(done))
	connection := pool.Get()
	defer connection.Close()
	equal("all of them counted", number(connection, "GET", "counter"), 208)
}

func fresh(one, two, around redis.Conn) {
	one.Do("SET", "fresh", 1)
	one.Do("GET", "fresh")
	two.Do("SET", "fresh", 2)
	equal("fresh after another connection wrote it", text(one, "GET", "fresh"), "2")
	around.Do("SET", "fresh", 3)
	check("and within a second after a write that went around", within(time.Second, func() bool { return text(one, "GET", "fresh") == "3" }))
	stale := 0
	for i := 0; i < 200; i++ {
		two.Do("SET", "fresh:sequence", i)
		if number(one, "GET", "fresh:sequence") != i {
			stale++
		}
	}
	equal("200 writes, each read at once by the other: stale reads", stale, 0)
	equal("a lock is taken", text(one, "SET", "lock", "a", "NX", "PX", 30000), "OK")
	equal("and refused to the other", text(two, "SET", "lock", "b", "NX", "PX", 30000), "(nil)")
	equal("who sees the owner", text(two, "GET", "lock"), "a")
	release := redis.NewScript(1, "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0")
	released, _ := redis.Int(release.Do(one, "lock", "a"))
	equal("it is released", released, 1)
	equal("and free at once", text(two, "GET", "lock"), "(nil)")
	equal("a token that is not on the blacklist", number(one, "EXISTS", "blacklist"), 0)
	two.Do("SETEX", "blacklist", 60, 1)
	equal("is seen there as soon as it was put on it", number(one, "EXISTS", "blacklist"), 1)
	one.Do("HSET", "session", "user", "ada")
	one.Do("HGETALL", "session")
	two.Do("DEL", "session")
	rest, _ := redis.StringMap(one.Do("HGETALL", "session"))
	equal("a session is gone at once after logout", len(rest), 0)
}

func main() {
	fmt.Println("version 1.8.3")
	port := os.Getenv("REDIS_PORT")
	one, two, around := mustDial(port), mustDial(port), mustDial(os.Getenv("UPSTREAM_PORT"))
	values(one, two)
	transactions(one, two)
	messages(port, one)
	pooled(port)
	fresh(one, two, around)
	if failures > 0 {
		os.Exit(1)
	}
}
