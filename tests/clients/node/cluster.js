'use strict';
// The cluster clients of ioredis and node-redis; the argument names the package.
const { host, port, upstreamPort, check, equal, sleep, within, kept, main, freshness } = require('./support');

const name = process.argv[2];
const library = require(name);

// What both have, in the words of neither.
async function ioredis() {
  const cluster = new library.Cluster([{ host, port }], { scaleReads: 'slave', clusterRetryStrategy: () => 20 });
  cluster.on('error', () => {});
  return {
    call: (...words) => cluster.call(...words),
    get: (key) => cluster.get(key),
    set: (key, value) => cluster.set(key, value),
    nodes: () => cluster.nodes('master').map(({ options }) => [options.host, options.port]),
    multi: async () => (await cluster.multi().set('{m}a', '1').incr('{m}a').exec()).map(([, reply]) => reply),
    subscribe: (channel, listener) => {
      cluster.on('message', (_, message) => listener(message));
      return cluster.subscribe(channel);
    },
    end: () => cluster.disconnect(),
  };
}

async function node_redis() {
  const cluster = library.createCluster({
    rootNodes: [{ url: `redis://${host}:${port}` }], useReplicas: true, defaults: { socket: { reconnectStrategy: () => 20 } },
  });
  cluster.on('error', () => {});
  await cluster.connect();
  return {
    call: (...words) => cluster.sendCommand(words[0] === 'EVAL' ? words[3] : words[1], false, words),
    get: (key) => cluster.get(key),
    set: (key, value) => cluster.set(key, value),
    nodes: () => cluster.masters.map((node) => [node.host, node.port]),
    multi: () => cluster.multi().set('{m}a', '1').incr('{m}a').exec(),
    subscribe: (channel, listener) => cluster.subscribe(channel, listener),
    end: () => (cluster.destroy ? cluster.destroy() : cluster.disconnect()),
  };
}

const connect = name.startsWith('ioredis') ? ioredis : node_redis;

main([name], async () => {
  const client = await connect();
  const other = await connect();
  const subscriber = await connect();
  equal('SET and GET', [await client.set('k', '1'), await other.get('k')], ['OK', '1']);
  equal('one node, and it is where the client came from', client.nodes(), [[host, port]]);
  const got = await Promise.all(Array.from({ length: 1000 }, (_, i) => client.set(`many:${i}`, String(i)).then(() => other.get(`many:${i}`))));
  check('1,000 pairs at once over all slots', got.every((reply, i) => reply === String(i)));
  equal('MULTI within a slot', await client.multi(), ['OK', 2]);

  const received = [];
  await subscriber.subscribe('news', (message) => received.push(message));
  check('PUBLISH counts the subscriber', await within(2000, async () => Number(await client.call('PUBLISH', 'news', 'first')) === 1));
  await Promise.all(Array.from({ length: 100 }, (_, i) => client.call('PUBLISH', 'news', String(i))));
  check('100 messages arrive', await within(3000, () => received.at(-1) === '99'), String(received.length));
  equal('in order', received.slice(-100), Array.from({ length: 100 }, (_, i) => String(i)));

  const upstream = new (require('ioredis'))({ host, port: upstreamPort });
  await freshness(client.call, other.call, (...words) => upstream.call(...words));

  const killer = new (require('ioredis'))({ host, port });
  const killed = Number(await killer.client('KILL', 'TYPE', 'normal', 'SKIPME', 'yes'));
  check('CLIENT KILL ends their connections', killed >= 2, String(killed));
  await sleep(50);
  check('which are made again', await kept(10000, client.set('again', '1')));
  equal('and work', await other.get('again'), '1');
  killer.disconnect();
  for (const one of [client, other, subscriber]) await one.end();
  upstream.disconnect();
});
