'use strict';
// Two processes' worth of limiters on one key must never admit more than the limit between them.
const Redis = require('ioredis');
const { createClient } = require('redis');
const { RateLimiterRedis, RLWrapperBlackAndWhite, BurstyRateLimiter } = require('rate-limiter-flexible');
const { host, port, check, equal, sleep, main } = require('./support');

// How many of the attempts were admitted.
async function admitted(limiters, key, attempts) {
  const results = await Promise.allSettled(Array.from({ length: attempts }, (_, i) => limiters[i % limiters.length].consume(key)));
  const errors = results.filter((result) => result.status === 'rejected' && result.reason instanceof Error);
  if (errors.length) throw errors[0].reason;
  return results.filter((result) => result.status === 'fulfilled').length;
}

main(['rate-limiter-flexible'], async () => {
  const clients = [new Redis({ host, port, enableOfflineQueue: false }), new Redis({ host, port, enableOfflineQueue: false })];
  await Promise.all(clients.map((client) => new Promise((resolve) => { client.once('ready', resolve); })));
  const options = { points: 10, duration: 1, keyPrefix: 'limit' };
  const limiters = clients.map((storeClient) => new RateLimiterRedis({ storeClient, ...options }));

  equal('30 attempts at once, 10 admitted', await admitted(limiters, 'user:1', 30), 10);
  equal('nothing remains', (await limiters[1].get('user:1')).remainingPoints, 0);
  equal('another user has its own', await admitted(limiters, 'user:2', 5), 5);
  equal('of which the other instance knows', (await limiters[1].get('user:2')).consumedPoints, 5);
  await limiters[0].penalty('user:2', 3);
  equal('a penalty is seen by the other', (await limiters[1].get('user:2')).consumedPoints, 8);
  await limiters[1].reward('user:2', 4);
  equal('a reward too', (await limiters[0].get('user:2')).consumedPoints, 4);
  await sleep(1100);
  equal('a new second', await admitted(limiters, 'user:1', 30), 10);
  await limiters[0].delete('user:1');
  equal('after delete the other sees nothing', await limiters[1].get('user:1'), null);
  await limiters[0].block('user:3', 30);
  equal('who is blocked by one is refused by the other', await admitted([limiters[1]], 'user:3', 3), 0);

  const bursty = new BurstyRateLimiter(limiters[0], new RateLimiterRedis({ storeClient: clients[1], points: 5, duration: 10, keyPrefix: 'burst' }));
  equal('a burst has its own points', await admitted([bursty], 'user:4', 20), 15);
  const listed = new RLWrapperBlackAndWhite({ limiter: limiters[0], blackList: ['banned'] });
  equal('a blacklist', await admitted([listed], 'banned', 1), 0);

  const other = createClient({ socket: { host, port } });
  await other.connect();
  const viaNodeRedis = new RateLimiterRedis({ storeClient: other, useRedisPackage: true, points: 10, duration: 30, keyPrefix: 'mixed' });
  const viaIoredis = new RateLimiterRedis({ storeClient: clients[0], points: 10, duration: 30, keyPrefix: 'mixed' });
  equal('node-redis and ioredis on one limit', await admitted([viaNodeRedis, viaIoredis], 'user:5', 40), 10);
  check('both agree on what is left', (await viaNodeRedis.get('user:5')).consumedPoints === (await viaIoredis.get('user:5')).consumedPoints);
});
