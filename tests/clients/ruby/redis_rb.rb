# frozen_string_literal: true

# redis-rb 4: its API with two connections, threads and a subscription.
require_relative 'support'
require_or_skip 'redis', 'ruby-redis'
require 'digest'
puts "version #{Redis::VERSION}"

def connect(port = PORT, **options)
  Redis.new(host: HOST, port: port, timeout: 5, **options)
end

one = connect
two = connect
around = connect(UPSTREAM_PORT)

equal 'PING', one.ping, 'PONG'
one.set('text', 'héllo', ex: 60)
equal 'a text', two.get('text').force_encoding('UTF-8'), 'héllo'
equal 'SET NX of what is there', one.set('text', 'x', nx: true), false
bytes = (0..255).to_a.pack('C*')
one.set('bytes', bytes)
equal 'a binary value', two.get('bytes').b, bytes
one.hset('hash', 'one', '1', 'two', '2')
equal 'a hash', two.hgetall('hash'), { 'one' => '1', 'two' => '2' }
one.zadd('board', [[1, 'a'], [2.5, 'b']])
equal 'a sorted set with scores', two.zrange('board', 0, -1, with_scores: true), [['a', 1.0], ['b', 2.5]]
equal 'mget with a hole', one.mget('m1', 'nowhere'), [nil, nil]
equal 'mapped_mget', one.mapped_mget('bytes', 'nowhere').transform_values { |value| value&.b }, { 'bytes' => bytes, 'nowhere' => nil }
begin
  one.incr('hash')
  check 'WRONGTYPE is an error', false
rescue Redis::CommandError => e
  check 'WRONGTYPE is an error', e.message.start_with?('WRONGTYPE')
end

replies = one.pipelined { |pipe| 1000.times { |i| pipe.set("many:#{i}", i) && pipe.get("many:#{i}") } }
equal '1,000 pairs in a pipeline', replies.each_slice(2).map(&:last), (0...1000).map(&:to_s)
equal 'MULTI', one.multi { |tx| tx.set('m', 1) && tx.incr('m') && tx.get('m') }, ['OK', 2, '2']
aborted = one.watch('watched') do
  two.set('watched', 'changed')
  one.multi { |tx| tx.set('watched', 'mine') }
end
equal 'WATCH aborts', aborted, nil
passed = one.watch('watched') do
  equal 'what is read after WATCH', one.get('watched'), 'changed'
  one.multi { |tx| tx.set('watched', 'mine') }
end
equal 'WATCH lets pass', passed, ['OK']
equal 'and the write is seen', two.get('watched'), 'mine'

# A script that nobody ever sent: Pillion sends one that it knows again by itself.
script = "return redis.call('incrby', KEYS[1], ARGV[1]) -- #{Process.pid} #{Time.now.to_f}"
begin
  one.evalsha(Digest::SHA1.hexdigest(script), ['scripted'], [5])
  check 'an unknown script is said to be unknown', false
rescue Redis::CommandError => e
  check 'an unknown script is said to be unknown', e.message.start_with?('NOSCRIPT')
end
equal 'a script', one.eval(script, ['scripted'], [5]), 5
equal 'and by its digest', two.evalsha(Digest::SHA1.hexdigest(script), ['scripted'], [5]), 10
equal 'its write is seen', one.get('scripted'), '10'
equal 'SCAN finds every key', one.scan_each(match: 'many:*', count: 100).to_a.uniq.size, 1000

popped = Thread.new { connect.blpop('list', timeout: 5) }
sleep 0.05
one.rpush('list', 'job')
equal 'BLPOP wakes up', popped.value, %w[list job]
equal 'BLPOP gives up', one.blpop('list', timeout: 1), nil

received = []
listening = Thread.new do
  connect.subscribe('news') do |on|
    on.message do |_, message|
      received << message.to_i unless message == 'start'
      Thread.current[:client]&.unsubscribe
    end
  end
end
check 'somebody listens', within(2) { one.publish('news', 'start') == 1 }
100.times { |i| two.publish('news', i) }
check '100 messages arrive', within(3) { received.size == 100 }
equal 'in order', received, (0..99).to_a
listening.kill

one.set('fresh', 1)
one.get('fresh')
two.set('fresh', 2)
equal 'fresh after another connection wrote it', one.get('fresh'), '2'
around.set('fresh', 3)
check('and within a second after a write that went around', within(1) { one.get('fresh') == '3' })
stale = (0...200).count do |i|
  two.set('fresh:sequence', i)
  one.get('fresh:sequence') != i.to_s
end
equal '200 writes, each read at once by the other: stale reads', stale, 0
equal 'a lock is taken', one.set('lock', 'a', nx: true, px: 30_000), true
equal 'and refused to the other', two.set('lock', 'b', nx: true, px: 30_000), false
equal 'who sees the owner', two.get('lock'), 'a'
equal 'it is released', one.eval(RELEASE, ['lock'], ['a']), 1
equal 'and free at once', two.get('lock'), nil
equal 'a token that is not on the blacklist', one.exists?('blacklist'), false
two.setex('blacklist', 60, 1)
equal 'is seen there as soon as it was put on it', one.exists?('blacklist'), true
one.hset('session', 'user', 'ada')
one.hgetall('session')
two.del('session')
equal 'a session is gone at once after logout', one.hgetall('session'), {}

lost = connect(reconnect_attempts: 3)
number = lost.call('CLIENT', 'ID')
check 'CLIENT LIST has the connection by its id', two.client(:list).any? { |line| line['id'] == number.to_s }
equal 'CLIENT KILL ends it', two.call('CLIENT', 'KILL', 'ID', number), 1
equal 'and it comes back', lost.get('fresh'), '3'
check 'as another', lost.call('CLIENT', 'ID') != number
finish
