'use strict';
// express-rate-limit on rate-limit-redis: two instances of an application, one limit. Uses SCRIPT LOAD and EVALSHA.
const express = require('express');
const { rateLimit } = require('express-rate-limit');
const { RedisStore } = require('rate-limit-redis');
const { createClient } = require('redis');
const { host, port, upstreamPort, check, equal, sleep, main } = require('./support');

async function instance() {
  const client = createClient({ socket: { host, port } });
  await client.connect();
  const limiter = rateLimit({
    windowMs: 2000, limit: 10, standardHeaders: 'draft-8', legacyHeaders: false,
    store: new RedisStore({ sendCommand: (...words) => client.sendCommand(words) }),
  });
  const app = express();
  app.get('/', limiter, (request, response) => response.json({ used: request.rateLimit.used }));
  const server = await new Promise((resolve) => { const listening = app.listen(0, host, () => resolve(listening)); });
  return { url: `http://${host}:${server.address().port}/`, limiter, client };
}

main(['rate-limit-redis', 'express-rate-limit', 'redis'], async () => {
  const instances = await Promise.all([instance(), instance()]);
  const attempt = async (i) => (await fetch(instances[i % 2].url)).status;
  const statuses = await Promise.all(Array.from({ length: 25 }, (_, i) => attempt(i)));
  equal('25 requests at once at two instances: admitted', statuses.filter((status) => status === 200).length, 10);
  equal('and refused', statuses.filter((status) => status === 429).length, 15);

  const key = host; // limited by the caller's address
  equal('the store of one knows the hits of the other', (await instances[0].limiter.getKey(key)).totalHits,
    (await instances[1].limiter.getKey(key)).totalHits);
  await instances[1].limiter.resetKey(key);
  equal('a reset at one opens the other at once', await attempt(0), 200);
  await Promise.all(Array.from({ length: 12 }, (_, i) => attempt(i)));
  equal('full again', await attempt(1), 429);
  await sleep(2200);
  equal('until the window has passed', await attempt(0), 200);

  const upstream = createClient({ socket: { host, port: upstreamPort } });
  await upstream.connect();
  await upstream.scriptFlush();
  check('a server that forgot the scripts is told again', (await attempt(1)) === 200);
});
