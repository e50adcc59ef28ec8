'use strict';
// keyv on @keyv/redis: two instances, namespaces, expiry, clearing.
const { host, port, check, equal, sleep, within, upstreamPort, main } = require('./support');

main(['keyv', '@keyv/redis'], async () => {
  const { Keyv } = await import('keyv');
  const { default: KeyvRedis, createClient } = await import('@keyv/redis');
  const url = `redis://${host}:${port}`;
  const open = (namespace) => new Keyv({ store: new KeyvRedis(url), namespace });
  const [one, two, other] = [open('app'), open('app'), open('other')];

  await one.set('user', { name: 'ada', tags: ['a', 'b'] });
  equal('an object', await two.get('user'), { name: 'ada', tags: ['a', 'b'] });
  await two.set('user', { name: 'bob' });
  equal('is fresh after the other instance wrote it', await one.get('user'), { name: 'bob' });
  equal('another namespace is another', await other.get('user'), undefined);
  await one.delete('user');
  equal('deleted', [await two.get('user'), await two.has('user')], [undefined, false]);

  await one.set('short', 'x', 150);
  equal('a short value', await two.get('short'), 'x');
  await sleep(220);
  equal('ends', await two.get('short'), undefined);

  await one.setMany([1, 2, 3].map((i) => ({ key: `many:${i}`, value: i })));
  equal('many at once', await two.getMany(['many:1', 'many:2', 'many:3', 'many:4']), [1, 2, 3, undefined]);
  const found = [];
  for await (const [key, value] of two.iterator('app')) found.push([key, value]);
  equal('iterated', found.map(([, value]) => value).sort(), [1, 2, 3]);
  await other.set('stays', 1);
  await one.clear();
  equal('cleared for both', await two.getMany(['many:1', 'many:2']), [undefined, undefined]);
  equal('but not the other namespace', await other.get('stays'), 1);

  let stale = 0;
  for (let i = 0; i < 100; i += 1) {
    await one.set('sequence', i);
    if ((await two.get('sequence')) !== i) stale += 1;
  }
  equal('100 writes read by the other instance: stale', stale, 0);

  const upstream = createClient({ socket: { host, port: upstreamPort } });
  await upstream.connect();
  const [key] = (await upstream.keys('*sequence*'));
  await upstream.del(key);
  check('deleted around Pillion: gone within a second', await within(1000, async () => (await two.get('sequence')) === undefined));
});
