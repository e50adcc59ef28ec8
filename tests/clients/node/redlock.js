'use strict';
// Locks by redlock: what they guard is a plain read, add, write, which only a fresh read keeps right.
const Redlock = require('redlock');
const Redis = require('ioredis5');
const { host, port, check, equal, rejects, sleep, main } = require('./support');

main(['redlock'], async () => {
  const connect = () => new Redis({ host, port });
  const clients = [connect(), connect(), connect()];
  const impatient = clients.map((client) => new Redlock([client], { retryCount: 0 }));
  const patient = clients.map((client) => new Redlock([client], { retryCount: -1, retryDelay: 5, retryJitter: 5 }));

  const lock = await impatient[0].lock('locks:account', 5000);
  equal('the owner is in the key', await clients[1].get('locks:account'), lock.value);
  await rejects('a second acquire is refused', impatient[1].lock('locks:account', 5000), /attempts|lock/i);
  await lock.extend(8000);
  check('an extension is seen', (await clients[1].pttl('locks:account')) > 5000);
  await lock.unlock();
  equal('after the release nobody holds it', await clients[1].get('locks:account'), null);
  const next = await impatient[1].lock('locks:account', 5000);
  check('and another may have it', next.value !== lock.value);
  await rejects('the first cannot release it again', lock.unlock(), /./);
  equal('it stays with the other', await clients[2].get('locks:account'), next.value);
  await next.unlock();

  await impatient[2].lock('locks:short', 150);
  await rejects('a short lock holds', impatient[0].lock('locks:short', 150), /./);
  await sleep(250);
  const after = await impatient[0].lock('locks:short', 5000);
  check('and ends by itself', Boolean(after.value));

  await clients[0].set('balance', 0);
  let inside = 0;
  let crowded = 0;
  await Promise.all(Array.from({ length: 60 }, async (_, i) => {
    const held = await patient[i % 3].lock('locks:balance', 10000);
    inside += 1;
    if (inside > 1) crowded += 1;
    const balance = Number(await clients[i % 3].get('balance'));
    await sleep(1);
    await clients[i % 3].set('balance', balance + 1);
    inside -= 1;
    await held.unlock();
  }));
  equal('never two inside', crowded, 0);
  equal('60 guarded additions by three connections', await clients[0].get('balance'), '60');
});
