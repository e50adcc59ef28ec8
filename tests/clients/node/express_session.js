'use strict';
// Two instances of one web application share sessions through connect-redis, each with its own connection.
const express = require('express');
const session = require('express-session');
const { RedisStore } = require('connect-redis');
const { createClient } = require('redis');
const { host, port, upstreamPort, check, equal, sleep, within, main } = require('./support');

async function connect(at) {
  const client = createClient({ socket: { host, port: at } });
  await client.connect();
  return client;
}

async function instance() {
  const client = await connect(port);
  const app = express();
  app.use(session({
    store: new RedisStore({ client, prefix: 'sess:', ttl: 600 }),
    secret: 'a secret of this test', resave: false, saveUninitialized: false, rolling: true, cookie: { maxAge: 600000 },
  }));
  app.get('/login/:user', (request, response) => {
    request.session.regenerate(() => {
      request.session.user = request.params.user;
      request.session.visits = 0;
      response.json({ id: request.sessionID });
    });
  });
  app.get('/me', (request, response) => {
    if (!request.session.user) return response.status(401).json({ user: null });
    request.session.visits += 1;
    return response.json({ user: request.session.user, visits: request.session.visits });
  });
  app.get('/logout', (request, response) => request.session.destroy(() => response.json({})));
  const server = await new Promise((resolve) => { const listening = app.listen(0, host, () => resolve(listening)); });
  return `http://${host}:${server.address().port}`;
}

main(['connect-redis', 'express-session', 'redis'], async () => {
  const [one, two] = await Promise.all([instance(), instance()]);
  const redis = await connect(port);
  const upstream = await connect(upstreamPort);
  let cookie = '';
  const get = async (url) => {
    const response = await fetch(url, { headers: cookie ? { cookie } : {} });
    const given = response.headers.get('set-cookie');
    if (given) cookie = given.split(';')[0];
    return [response.status, await response.json()];
  };

  equal('without a session', await get(`${one}/me`), [401, { user: null }]);
  const [, { id }] = await get(`${one}/login/ada`);
  equal('logged in here', await get(`${one}/me`), [200, { user: 'ada', visits: 1 }]);
  equal('and there', await get(`${two}/me`), [200, { user: 'ada', visits: 2 }]);
  let lost = 0;
  for (let visit = 3; visit <= 100; visit += 1) {
    const [, body] = await get(`${visit % 2 ? one : two}/me`);
    if (body.visits !== visit) lost += 1;
  }
  equal('100 visits in turn at both instances: stale sessions', lost, 0);

  await redis.expire(`sess:${id}`, 5);
  await get(`${two}/me`);
  check('a visit slides the expiry', (await redis.ttl(`sess:${id}`)) > 500);

  const old = cookie;
  await get(`${two}/logout`);
  cookie = old;
  equal('after logout there, gone here at once', await get(`${one}/me`), [401, { user: null }]);
  cookie = old;
  equal('and there', await get(`${two}/me`), [401, { user: null }]);
  equal('and for whoever reads the key', await redis.get(`sess:${id}`), null);

  cookie = '';
  const [, second] = await get(`${one}/login/bob`);
  const stolen = cookie;
  await get(`${two}/me`);
  await upstream.del(`sess:${second.id}`);
  check('a session deleted around Pillion is gone within a second', await within(1000, async () => {
    cookie = stolen;
    return (await get(`${one}/me`))[0] === 401;
  }));

  cookie = '';
  const [, third] = await get(`${one}/login/eve`);
  const before = cookie;
  await get(`${two}/login/eve`);
  cookie = before;
  equal('a regenerated session leaves nothing of the old one', await redis.exists(`sess:${third.id}`), 0);
  await redis.set('sess:short', JSON.stringify({ cookie: {} }), { PX: 150 });
  await redis.get('sess:short');
  await sleep(200);
  equal('a session ends with its time to live', await redis.get('sess:short'), null);
});
