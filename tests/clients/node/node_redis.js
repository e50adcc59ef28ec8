'use strict';
// node-redis as applications use it; the argument names the package (redis, redis5, redis4).
const { host, port, upstreamPort, cluster, check, equal, rejects, sleep, within, kept, version, main, freshness } = require('./support');

const name = process.argv[2];
const library = require(name);
const major = Number(version(name).split('.')[0]);
const { createClient, defineScript } = library;

const scripts = {
  raise: defineScript({
    NUMBER_OF_KEYS: 1,
    SCRIPT: 'return redis.call("INCRBY", KEYS[1], ARGV[1])',
    transformArguments: (key, by) => [key, String(by)],
    parseCommand(parser, key, by) {
      parser.pushKey(key);
      parser.push(String(by));
    },
    transformReply: (reply) => reply,
  }),
};

async function connect(options = {}, at = port) {
  const client = createClient({ scripts, ...options, socket: { host, port: at, reconnectStrategy: () => 20, ...options.socket } });
  // Without a listener a lost connection ends the program.
  client.on('error', () => {});
  await client.connect();
  return client;
}

// Bytes as Buffer: an option of the call in 4, a view of the client since 5.
function getBytes(client, key) {
  if (major < 5) return client.get(library.commandOptions({ returnBuffers: true }), key);
  return client.withTypeMapping({ [library.RESP_TYPES.BLOB_STRING]: Buffer }).get(key);
}

async function values(client, other) {
  equal('PING', await client.ping(), 'PONG');
  equal('SET EX', await client.set('text', 'héllo', { EX: 60 }), 'OK');
  equal('SET NX of what is there', await client.set('text', 'other', { NX: true }), null);
  equal('a text', await other.get('text'), 'héllo');
  check('its time to live', (await client.pTTL('text')) > 55000);
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  await client.set('bytes', bytes);
  check('a binary value', bytes.equals(await getBytes(other, 'bytes')));
  await client.hSet('hash', { one: '1', two: '2' });
  equal('a hash as an object', { ...(await other.hGetAll('hash')) }, { one: '1', two: '2' });
  await client.zAdd('board', [{ score: 1, value: 'a' }, { score: 2.5, value: 'b' }]);
  equal('a sorted set with scores', (await other.zRangeWithScores('board', 0, -1)).map((item) => ({ ...item })),
    [{ value: 'a', score: 1 }, { value: 'b', score: 2.5 }]);
  equal('mGet with a hole', await client.mGet(['text', 'nowhere']), ['héllo', null]);
  const got = await Promise.all(Array.from({ length: 1000 }, (_, i) => client.set(`many:${i}`, String(i)).then(() => other.get(`many:${i}`))));
  check('1,000 pairs at once', got.every((reply, i) => reply === String(i)));
  await rejects('WRONGTYPE is an error', client.incr('hash'), /WRONGTYPE/);
}

async function transactions(client, other) {
  equal('MULTI', await client.multi().set('m', '1').incr('m').get('m').exec(), ['OK', 2, '2']);
  equal('read by another connection', await other.get('m'), '2');
  const alone = await connect();
  await alone.watch('watched');
  await other.set('watched', 'changed');
  await rejects('WATCH aborts', alone.multi().set('watched', 'mine').exec(), /watched|aborted/i);
  await alone.watch('watched');
  equal('what is read after WATCH', await alone.get('watched'), 'changed');
  equal('WATCH lets pass', await alone.multi().set('watched', 'mine').exec(), ['OK']);
  equal('and the write is seen', await other.get('watched'), 'mine');
  await alone.quit();
}

async function messages(client) {
  const subscriber = await connect();
  const received = [];
  await subscriber.subscribe('news', (message, channel) => received.push(`${channel}:${message}`));
  await subscriber.pSubscribe('ne?s', (message) => received.push(`pattern:${message}`));
  equal('PUBLISH counts subscribers', await client.publish('news', 'first'), 2);
  check('both kinds arrive', await within(2000, () => received.length === 2), received.join());
  await subscriber.pUnsubscribe('ne?s');
  received.length = 0;
  await Promise.all(Array.from({ length: 300 }, (_, i) => client.publish('news', String(i))));
  check('300 messages arrive', await within(3000, () => received.length === 300), String(received.length));
  check('in order', received.every((message, i) => message === `news:${i}`));
  await subscriber.unsubscribe('news');
  equal('nobody is left', await client.publish('news', 'late'), 0);
  // As text: node-redis 5 leaves a connection that was subscribed in RESP2 replying Buffers.
  equal('commands work again after the last unsubscribe', String(await subscriber.get('text')), 'héllo');
  const sharded = [];
  await subscriber.sSubscribe('shard', (message) => sharded.push(message));
  equal('SPUBLISH', await client.sPublish('shard', 's'), 1);
  check('a sharded message', await within(2000, () => sharded.length === 1));
  await subscriber.quit();
}

async function blocking(client) {
  const waiting = await connect();
  const popped = waiting.blPop('list', 5);
  await sleep(30);
  await client.rPush('list', 'job');
  equal('BLPOP wakes up', { ...(await popped) }, { key: 'list', element: 'job' });
  equal('BLPOP gives up', await waiting.blPop('list', 0.2), null);
  await client.xGroupCreate('stream', 'group', '$', { MKSTREAM: true });
  const read = waiting.xReadGroup('group', 'me', [{ key: 'stream', id: '>' }], { COUNT: 1, BLOCK: 5000 });
  await sleep(30);
  const id = await client.xAdd('stream', '*', { field: 'value' });
  check('XREADGROUP wakes up', JSON.stringify(await read).includes(id));
  equal('XACK', await client.xAck('stream', 'group', id), 1);
  await waiting.quit();
}

async function scanning(client) {
  equal('a script that the server does not know yet', await client.raise('scripted', 5), 5);
  equal('and again by its digest', await client.raise('scripted', 5), 10);
  equal('a script in MULTI', await client.multi().raise('scripted', 1).get('scripted').exec(), [11, '11']);
  const seen = new Set();
  for await (const found of client.scanIterator({ MATCH: 'many:*', COUNT: 100 })) [found].flat().forEach((key) => seen.add(key));
  equal('SCAN finds every key', seen.size, 1000);
  if (cluster) return;
  const inSecond = await connect({ database: 1 });
  await inSecond.set('text', 'elsewhere');
  equal('another database', [await inSecond.get('text'), await client.get('text')], ['elsewhere', 'héllo']);
  await inSecond.quit();
}

async function reconnecting(client) {
  const lost = await connect({ name: 'reconnecting' });
  equal('the name given to the connection', await lost.clientGetName(), 'reconnecting');
  const id = await lost.clientId();
  const ready = new Promise((resolve) => { lost.once('ready', resolve); });
  check('CLIENT LIST has the connection by its id and name',
    (await client.sendCommand(['CLIENT', 'LIST'])).split('\n').some((line) => line.startsWith(`id=${id} `) && /name=reconnecting/.test(line)));
  equal('CLIENT KILL ends it', Number(await client.sendCommand(['CLIENT', 'KILL', 'ID', String(id)])), 1);
  check('it comes back', await kept(2000, ready));
  equal('and works', await lost.get('text'), 'héllo');
  equal('under its name', await lost.clientGetName(), 'reconnecting');
  await lost.quit();
}

// The application's own cache in front of Pillion's, held right by the invalidations that Pillion passes on.
async function client_side_cache(other, upstream) {
  const cached = await connect({ RESP: 3, clientSideCache: { ttl: 0, maxEntries: 100 } });
  await other.set('csc', '1');
  equal('the application caches a read', [await cached.get('csc'), await cached.get('csc')], ['1', '1']);
  await other.set('csc', '2');
  check('and forgets it after a write by another connection', await within(1000, async () => (await cached.get('csc')) === '2'));
  await upstream.set('csc', '3');
  check('or around Pillion', await within(1000, async () => (await cached.get('csc')) === '3'));
  await cached.close();
}

main([name], async () => {
  const client = await connect();
  const other = await connect(major >= 5 ? { RESP: major === 5 ? 3 : 2 } : {});
  const upstream = await connect({}, upstreamPort);
  await values(client, other);
  await transactions(client, other);
  await messages(client);
  await blocking(client);
  await scanning(client);
  const raw = (connection) => (...words) => connection.sendCommand(words);
  await freshness(raw(client), raw(other), raw(upstream));
  await reconnecting(client);
  if (major >= 5) await client_side_cache(other, upstream);
});
