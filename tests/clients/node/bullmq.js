'use strict';
// BullMQ: blocking workers, Lua, event streams, delays, retries, a flow and a rate limit.
const { Queue, Worker, QueueEvents, FlowProducer } = require('bullmq');
const { host, port, cluster, check, equal, rejects, sleep, within, main } = require('./support');

const connection = { host, port, maxRetriesPerRequest: null };
// BullMQ's own advice for clusters: all keys of its queues in one slot.
const options = cluster ? { connection, prefix: '{bull}' } : { connection };

main(['bullmq'], async () => {
  const seen = new Map();
  const attempts = new Map();
  const work = async (job) => {
    seen.set(job.id, (seen.get(job.id) || 0) + 1);
    if (job.name === 'flaky') {
      attempts.set(job.id, (attempts.get(job.id) || 0) + 1);
      if (attempts.get(job.id) < 3) throw new Error('not yet');
    }
    if (job.name === 'broken') throw new Error('never');
    await job.updateProgress(50);
    return { doubled: job.data.value * 2 };
  };
  const queue = new Queue('mail', options);
  const events = new QueueEvents('mail', options);
  const workers = [0, 1].map(() => new Worker('mail', work, { ...options, concurrency: 5 }));
  await Promise.all([queue.waitUntilReady(), events.waitUntilReady(), ...workers.map((worker) => worker.waitUntilReady())]);

  const first = await queue.add('send', { value: 21 });
  equal('the result of a job', await first.waitUntilFinished(events, 5000), { doubled: 42 });

  const jobs = await queue.addBulk(Array.from({ length: 200 }, (_, i) => ({ name: 'send', data: { value: i } })));
  const results = await Promise.all(jobs.map((job) => job.waitUntilFinished(events, 15000)));
  check('200 jobs have their own results', results.every((result, i) => result.doubled === 2 * i));
  check('each was done once', jobs.every((job) => seen.get(job.id) === 1));
  check('no count is behind', await within(1000, async () => (await queue.getJobCounts('completed', 'wait', 'active')).completed === 201));
  equal('the state of a finished job', await jobs[0].getState(), 'completed');

  const started = Date.now();
  const delayed = await queue.add('send', { value: 1 }, { delay: 300 });
  equal('a delayed job waits', await delayed.getState(), 'delayed');
  await delayed.waitUntilFinished(events, 5000);
  check('as long as it should', Date.now() - started >= 290, `${Date.now() - started} ms`);

  const flaky = await queue.add('flaky', { value: 4 }, { attempts: 3, backoff: { type: 'fixed', delay: 50 } });
  equal('a job succeeds at its third attempt', await flaky.waitUntilFinished(events, 5000), { doubled: 8 });
  equal('after two failures', attempts.get(flaky.id), 3);
  const broken = await queue.add('broken', { value: 0 });
  await rejects('a job that fails says why', broken.waitUntilFinished(events, 5000), /never/);
  equal('and is counted', (await queue.getJobCounts('failed')).failed, 1);

  const unique = await queue.add('send', { value: 5 }, { jobId: 'once' });
  await queue.add('send', { value: 6 }, { jobId: 'once' });
  equal('the second job of one id is not another', await unique.waitUntilFinished(events, 5000), { doubled: 10 });

  await queue.pause();
  const held = await queue.add('send', { value: 7 });
  await sleep(200);
  check('a paused queue holds its jobs', !seen.has(held.id));
  await queue.resume();
  equal('and lets them go', await held.waitUntilFinished(events, 5000), { doubled: 14 });

  const flow = new FlowProducer(options);
  const tree = await flow.add({
    name: 'send', queueName: 'mail', data: { value: 100 },
    children: [1, 2, 3].map((value) => ({ name: 'send', queueName: 'mail', data: { value } })),
  });
  equal('a parent follows its children', await tree.job.waitUntilFinished(events, 5000), { doubled: 200 });
  equal('and has their results', Object.values(await tree.job.getChildrenValues()).map((value) => value.doubled).sort(), [2, 4, 6]);

  await Promise.all(workers.map((worker) => worker.close()));
  await queue.obliterate({ force: true });
  equal('nothing is left', await queue.getJobCountByTypes('completed', 'failed', 'wait', 'delayed'), 0);
  await Promise.all([queue.close(), events.close(), flow.close()]);
});
