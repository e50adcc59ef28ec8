'use strict';
// bull 4: BRPOPLPUSH, Lua, pub/sub for delays and pauses.
const Queue = require('bull');
const { host, port, check, equal, rejects, sleep, within, main } = require('./support');

main(['bull'], async () => {
  const options = { redis: { host, port } };
  const producer = new Queue('video', options);
  const consumers = [new Queue('video', options), new Queue('video', options)];
  const seen = new Map();
  let refusals = 0;
  for (const consumer of consumers) {
    consumer.process(4, async (job) => {
      seen.set(job.id, (seen.get(job.id) || 0) + 1);
      if (job.data.fail) throw new Error('never');
      if (job.data.flaky && (refusals += 1) < 3) throw new Error('not yet');
      await job.progress(100);
      return job.data.value + 1;
    });
  }
  await Promise.all([producer.isReady(), ...consumers.map((consumer) => consumer.isReady())]);

  const jobs = await producer.addBulk(Array.from({ length: 100 }, (_, value) => ({ data: { value } })));
  const results = await Promise.all(jobs.map((job) => job.finished()));
  check('100 jobs have their own results', results.every((result, i) => result === i + 1));
  check('each was done once', jobs.every((job) => seen.get(job.id) === 1));
  equal('counted as completed', await producer.getCompletedCount(), 100);
  equal('the progress is kept', (await producer.getJob(jobs[0].id)).progress(), 100);

  const started = Date.now();
  const delayed = await producer.add({ value: 1 }, { delay: 300 });
  equal('a delayed job', [await delayed.isDelayed(), await delayed.finished()], [true, 2]);
  check('waits', Date.now() - started >= 290, `${Date.now() - started} ms`);
  const flaky = await producer.add({ value: 2, flaky: true }, { attempts: 3, backoff: 20 });
  equal('a job is tried again', await flaky.finished(), 3);
  const broken = await producer.add({ fail: true });
  await rejects('a job that fails says why', broken.finished(), /never/);
  check('and is failed', await broken.isFailed());

  await producer.pause();
  const held = await producer.add({ value: 9 });
  await sleep(200);
  check('a paused queue holds its jobs', !seen.has(held.id));
  await producer.resume();
  equal('and lets them go', await held.finished(), 10);

  const removed = await producer.add({ value: 5 }, { delay: 60000 });
  await removed.remove();
  equal('a removed job is gone at once', await producer.getJob(removed.id), null);
  await producer.empty();
  await producer.clean(0, 'completed');
  check('cleaned', await within(1000, async () => (await producer.getCompletedCount()) === 0));
  await Promise.all([producer, ...consumers].map((queue) => queue.close()));
});
