'use strict';
// cache-manager 7 over keyv and @keyv/redis: two application instances share one cache.
const { host, port, check, equal, sleep, main } = require('./support');

main(['cache-manager', 'keyv', '@keyv/redis'], async () => {
  const { createCache } = await import('cache-manager');
  const { Keyv } = await import('keyv');
  const { default: KeyvRedis } = await import('@keyv/redis');
  const open = () => createCache({ stores: [new Keyv({ store: new KeyvRedis(`redis://${host}:${port}`), namespace: 'cm' })], ttl: 60000 });
  const [one, two] = [open(), open()];

  await one.set('page', { html: '<p>1</p>' });
  equal('a page written here is read there', await two.get('page'), { html: '<p>1</p>' });
  await two.set('page', { html: '<p>2</p>' });
  equal('and fresh here after it was written there', await one.get('page'), { html: '<p>2</p>' });

  let computed = 0;
  const compute = () => one.wrap('costly', async () => { computed += 1; return computed; }, 60000);
  equal('wrap computes once', [await compute(), await compute(), await compute()], [1, 1, 1]);
  equal('for both', await two.wrap('costly', async () => -1), 1);
  await two.del('costly');
  equal('and again after the other deleted it', await compute(), 2);

  await one.set('short', 'x', 150);
  check('its end is known', (await two.ttl('short')) <= Date.now() + 150);
  await sleep(220);
  equal('a short entry ends', await two.get('short'), undefined);

  await one.mset([{ key: 'a', value: 1 }, { key: 'b', value: 2 }]);
  equal('many', await two.mget(['a', 'b', 'c']), [1, 2, undefined]);
  await two.mdel(['a', 'b']);
  equal('many deleted', await one.mget(['a', 'b']), [undefined, undefined]);
  await one.set('last', 1);
  await two.clear();
  equal('cleared', await one.get('last'), undefined);
});
