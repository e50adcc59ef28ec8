'use strict';
// Two Socket.IO servers joined by Redis pub/sub, ordinary and sharded adapter.
const { createServer } = require('node:http');
const { Server } = require('socket.io');
const { io } = require('socket.io-client');
const { createAdapter, createShardedAdapter } = require('@socket.io/redis-adapter');
const { createClient } = require('redis');
const Redis = require('ioredis');
const { host, port, check, equal, within, main } = require('./support');

async function serve(adapter) {
  const http = createServer();
  const server = new Server(http, { adapter });
  server.on('connection', (socket) => {
    socket.on('join', (room, done) => Promise.resolve(socket.join(room)).then(done));
    socket.on('leave', (room, done) => Promise.resolve(socket.leave(room)).then(done));
  });
  await new Promise((resolve) => { http.listen(0, host, resolve); });
  return { server, url: `http://${host}:${http.address().port}` };
}

async function nodeRedisPair(options) {
  const pub = createClient({ ...options, socket: { host, port } });
  const sub = pub.duplicate();
  await Promise.all([pub.connect(), sub.connect()]);
  return [pub, sub];
}

async function scenario(name, adapters) {
  const [one, two] = [await serve(adapters[0]), await serve(adapters[1])];
  const clients = [one, two, two].map(({ url }) => io(url, { transports: ['websocket'], forceNew: true }));
  await Promise.all(clients.map((client) => new Promise((resolve) => { client.once('connect', resolve); })));
  const received = clients.map(() => []);
  clients.forEach((client, i) => client.on('news', (value) => received[i].push(value)));
  await Promise.all(clients.slice(0, 2).map((client) => client.emitWithAck('join', 'room')));

  check(`${name}: the servers know each other`, await within(3000, async () => (await one.server.of('/').adapter.serverCount()) === 2));
  equal(`${name}: the sockets of both`, (await one.server.fetchSockets()).length, 3);
  equal(`${name}: the sockets of a room`, (await two.server.in('room').fetchSockets()).length, 2);

  for (let i = 0; i < 200; i += 1) one.server.to('room').emit('news', i);
  const want = Array.from({ length: 200 }, (_, i) => i);
  check(`${name}: 200 messages to a room reach the other server`, await within(3000, () => received[1].length === 200), String(received[1].length));
  equal(`${name}: in order`, received[1], want);
  equal(`${name}: also here`, received[0], want);
  equal(`${name}: nobody outside the room`, received[2], []);

  await clients[1].emitWithAck('leave', 'room');
  one.server.to('room').emit('news', 'late');
  one.server.emit('news', 'all');
  check(`${name}: a broadcast reaches everybody`, await within(2000, () => received.every((list) => list.includes('all'))));
  check(`${name}: who left the room does not hear it`, !received[1].includes('late') && received[0].includes('late'));

  two.server.on('question', (value, answer) => answer(value * 2));
  equal(`${name}: a question to the other server`, await new Promise((resolve) => {
    one.server.serverSideEmit('question', 21, (error, answers) => resolve(error ? String(error) : answers));
  }), [42]);
  one.server.in(clients[2].id).disconnectSockets();
  check(`${name}: a socket of the other server can be disconnected`, await within(2000, () => !clients[2].connected));
  clients.forEach((client) => client.close());
  await Promise.all([one.server.close(), two.server.close()]);
}

main(['@socket.io/redis-adapter', 'socket.io'], async () => {
  const plain = await Promise.all([nodeRedisPair(), nodeRedisPair()]);
  await scenario('node-redis', plain.map(([pub, sub]) => createAdapter(pub, sub, { key: 'plain' })));
  const classic = [0, 1].map(() => [new Redis({ host, port }), new Redis({ host, port })]);
  await scenario('ioredis', classic.map(([pub, sub]) => createAdapter(pub, sub, { key: 'classic' })));
  const sharded = await Promise.all([nodeRedisPair(), nodeRedisPair()]);
  await scenario('sharded', sharded.map(([pub, sub]) => createShardedAdapter(pub, sub, { channelPrefix: 'sharded' })));
});
