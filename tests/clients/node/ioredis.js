'use strict';
// ioredis as applications use it; the argument names the package, so that several majors can be tried.
const { host, port, upstreamPort, cluster, check, equal, rejects, sleep, within, kept, main, freshness } = require('./support');

const name = process.argv[2];
const Redis = require(name);

const connect = (options = {}) => new Redis({ host, port, ...options });

async function values(redis, other) {
  equal('PING', await redis.ping(), 'PONG');
  await redis.setex('text', 60, 'héllo');
  equal('a text', await other.get('text'), 'héllo');
  check('its time to live', (await redis.pttl('text')) > 55000);
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  await redis.set('bytes', bytes);
  check('a binary value', bytes.equals(await other.getBuffer('bytes')));
  const large = 'x'.repeat(3 << 20);
  await redis.set('large', large);
  check('a value of 3 MiB', (await other.get('large')) === large);
  await redis.hset('hash', { one: '1', two: '2' });
  equal('a hash as an object', { ...(await other.hgetall('hash')) }, { one: '1', two: '2' });
  await redis.zadd('board', 1, 'a', 2.5, 'b');
  const scores = (await other.zrange('board', 0, -1, 'WITHSCORES')).flat().map(String);
  equal('a sorted set with scores', scores, ['a', '1', 'b', '2.5']);
  equal('mget with a hole', await redis.mget('text', 'nowhere'), ['héllo', null]);
  await rejects('WRONGTYPE is an error', redis.incr('hash'), /WRONGTYPE/);
}

async function pipelines(redis, other) {
  const pipeline = redis.pipeline();
  for (let i = 0; i < 1000; i += 1) pipeline.set(`many:${i}`, i).get(`many:${i}`);
  const replies = await pipeline.exec();
  check('1,000 pairs in a pipeline', replies.every(([error, reply], i) => !error && reply === (i % 2 ? String((i - 1) / 2) : 'OK')));

  const auto = connect({ enableAutoPipelining: true });
  const got = await Promise.all(Array.from({ length: 500 }, (_, i) => auto.get(`many:${i}`)));
  check('automatic pipelining', got.every((reply, i) => reply === String(i)));
  await auto.quit();

  equal('MULTI', await redis.multi().set('m', '1').incr('m').get('m').exec(), [[null, 'OK'], [null, 2], [null, '2']]);
  equal('read by another connection', await other.get('m'), '2');
  const mixed = await redis.multi().set('m', 'text').incr('m').exec();
  check('an error inside EXEC stays inside', mixed[0][1] === 'OK' && /not an integer/.test(mixed[1][0].message));
  await rejects('an error before EXEC aborts it', redis.multi().set('m').exec(), /EXECABORT|wrong number/);

  await redis.watch('watched');
  await other.set('watched', 'changed');
  equal('WATCH aborts', await redis.multi().set('watched', 'mine').exec(), null);
  await redis.watch('watched');
  equal('what is read after WATCH', await redis.get('watched'), 'changed');
  equal('WATCH lets pass', await redis.multi().set('watched', 'mine').exec(), [[null, 'OK']]);
  equal('and the write is seen', await other.get('watched'), 'mine');
}

async function messages(redis) {
  const subscriber = connect();
  const received = [];
  subscriber.on('message', (channel, message) => received.push([channel, message]));
  subscriber.on('pmessage', (pattern, channel, message) => received.push([pattern, channel, message]));
  equal('SUBSCRIBE counts', await subscriber.subscribe('news', 'sport'), 2);
  await subscriber.psubscribe('ne?s');
  equal('PUBLISH counts subscribers', await redis.publish('news', 'first'), 2);
  check('both kinds arrive', await within(2000, () => received.length === 2));
  received.length = 0;
  await subscriber.punsubscribe('ne?s');
  await Promise.all(Array.from({ length: 300 }, (_, i) => redis.publish('sport', String(i))));
  check('300 messages arrive', await within(3000, () => received.length === 300));
  check('in order', received.every(([, message], i) => message === String(i)));
  await subscriber.unsubscribe();
  equal('commands work again after the last unsubscribe', await subscriber.get('text'), 'héllo');
  await subscriber.ssubscribe('shard');
  const sharded = new Promise((resolve) => { subscriber.once('smessage', (_, message) => resolve(message)); });
  equal('SPUBLISH', await redis.spublish('shard', 's'), 1);
  equal('a sharded message', await sharded, 's');
  subscriber.disconnect();
}

async function blocking(redis) {
  const waiting = connect();
  const popped = waiting.blpop('list', 5);
  await sleep(30);
  await redis.rpush('list', 'job');
  equal('BLPOP wakes up', await popped, ['list', 'job']);
  const before = Date.now();
  equal('BLPOP gives up', await waiting.blpop('list', 0.2), null);
  check('in its own time', Date.now() - before >= 150 && Date.now() - before < 2000, `${Date.now() - before} ms`);
  await redis.xgroup('CREATE', 'stream', 'group', '$', 'MKSTREAM');
  const read = waiting.call('XREADGROUP', 'GROUP', 'group', 'me', 'COUNT', '1', 'BLOCK', '5000', 'STREAMS', 'stream', '>');
  await sleep(30);
  const id = await redis.xadd('stream', '*', 'field', 'value');
  check('XREADGROUP wakes up', JSON.stringify(await read).includes(id));
  equal('XACK', await redis.xack('stream', 'group', id), 1);
  waiting.blpop('abandoned', 0).catch(() => {});
  await sleep(50);
  const ended = new Promise((resolve) => { waiting.once('end', resolve); });
  waiting.disconnect();
  check('a client that leaves while it waits is let go at once', await kept(1000, ended));
  await redis.rpush('abandoned', 'job');
  await sleep(50);
  equal('and takes no job with it', await redis.llen('abandoned'), 1);
}

async function scripts(redis, other) {
  const scripted = connect({ keyPrefix: 'app:' });
  scripted.defineCommand('raise', { numberOfKeys: 1, lua: 'return redis.call("incrby", KEYS[1], ARGV[1])' });
  equal('a script that the server does not know yet', await scripted.raise('scripted', 5), 5);
  equal('and again by its digest', await scripted.raise('scripted', 5), 10);
  equal('its write is seen behind the prefix', await other.get('app:scripted'), '10');
  equal('scripts in a pipeline', await scripted.pipeline().raise('scripted', 1).get('scripted').exec(), [[null, 11], [null, '11']]);
  equal('a table', await redis.eval('return {1, "two", {3}, false}', 0), [1, 'two', [3], null]);
  await scripted.quit();
}

async function scanning(redis) {
  const seen = new Set();
  for await (const keys of redis.scanStream({ match: 'many:*', count: 100 })) keys.forEach((key) => seen.add(key));
  equal('SCAN finds every key once', seen.size, 1000);
  if (cluster) return;
  const inSecond = connect({ db: 1 });
  await inSecond.set('text', 'elsewhere');
  equal('another database', await inSecond.get('text'), 'elsewhere');
  equal('does not mix with the first', await redis.get('text'), 'héllo');
  await inSecond.flushdb();
  equal('FLUSHDB empties its own only', [await inSecond.dbsize(), await redis.get('text')], [0, 'héllo']);
  inSecond.disconnect();
}

async function reconnecting(redis) {
  const lazy = connect({ lazyConnect: true, connectionName: 'reconnecting', retryStrategy: () => 20, maxRetriesPerRequest: 5 });
  await lazy.connect();
  equal('the name given to the connection', await lazy.client('GETNAME'), 'reconnecting');
  const ready = () => new Promise((resolve) => { lazy.once('ready', resolve); });
  let again = ready();
  lazy.stream.destroy();
  equal('a command issued while the connection is away', await lazy.get('text'), 'héllo');
  check('it is made again', await kept(2000, again));
  equal('the name is given again', await lazy.client('GETNAME'), 'reconnecting');
  again = ready();
  const id = await lazy.client('ID');
  const line = (await redis.client('LIST')).split('\n').find((entry) => entry.startsWith(`id=${id} `));
  check('CLIENT LIST has the connection by its id and name', /name=reconnecting/.test(line || ''), line);
  equal('CLIENT KILL ends it', Number(await redis.client('KILL', 'ID', id)), 1);
  check('and it comes back', await kept(2000, again));
  check('as another', (await lazy.client('ID')) !== id);
  await lazy.quit();
  const subscriber = connect({ retryStrategy: () => 20 });
  const received = [];
  subscriber.on('message', (_, message) => received.push(message));
  await subscriber.subscribe('comeback');
  again = new Promise((resolve) => { subscriber.once('ready', resolve); });
  subscriber.stream.destroy();
  await kept(2000, again);
  check('a subscription is made again', await within(2000, async () => (await redis.publish('comeback', 'hello')) === 1));
  check('and hears', await within(2000, () => received.includes('hello')));
  subscriber.disconnect();
}

main([name], async () => {
  const redis = connect();
  const other = connect();
  const upstream = new Redis({ host, port: upstreamPort });
  await values(redis, other);
  await pipelines(redis, other);
  await messages(redis);
  await blocking(redis);
  await scripts(redis, other);
  await scanning(redis);
  await freshness((...words) => redis.call(...words), (...words) => other.call(...words), (...words) => upstream.call(...words));
  await reconnecting(redis);
});
