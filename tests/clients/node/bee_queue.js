'use strict';
// bee-queue 2, which brings node-redis 3 with it: callbacks, BRPOPLPUSH, Lua, events over pub/sub.
const Queue = require('bee-queue');
const { host, port, check, equal, kept, main } = require('./support');

main(['bee-queue'], async () => {
  const redis = { host, port };
  const producer = new Queue('letters', { redis, isWorker: false, activateDelayedJobs: true, sendEvents: true, getEvents: true });
  const workers = [0, 1].map(() => new Queue('letters', { redis, activateDelayedJobs: true, removeOnSuccess: false }));
  const seen = new Map();
  let refusals = 0;
  for (const worker of workers) {
    worker.process(4, async (job) => {
      seen.set(job.id, (seen.get(job.id) || 0) + 1);
      if (job.data.flaky && (refusals += 1) < 3) throw new Error('not yet');
      job.reportProgress({ half: true });
      return job.data.value * 3;
    });
  }
  await Promise.all([producer.ready(), ...workers.map((worker) => worker.ready())]);

  const finished = (job) => new Promise((resolve) => {
    job.once('succeeded', resolve);
    job.once('failed', (error) => resolve(`failed: ${error.message}`));
  });
  const jobs = Array.from({ length: 100 }, (_, value) => producer.createJob({ value }));
  const results = jobs.map(finished);
  const progress = new Promise((resolve) => { jobs[0].once('progress', resolve); });
  await Promise.all(jobs.map((job) => job.save()));
  check('100 jobs have their own results', (await Promise.all(results)).every((result, i) => result === 3 * i));
  check('each was done once', jobs.every((job) => seen.get(job.id) === 1));
  check('progress is reported', await kept(2000, progress));
  equal('counted as succeeded', (await producer.checkHealth()).succeeded, 100);

  const retried = producer.createJob({ value: 5, flaky: true }).retries(3);
  const afterRetries = finished(retried);
  const retries = [];
  retried.on('retrying', (error) => retries.push(error.message));
  await retried.save();
  equal('a job is tried again', await afterRetries, 15);
  equal('twice', retries, ['not yet', 'not yet']);

  const started = Date.now();
  const delayed = producer.createJob({ value: 7 }).delayUntil(Date.now() + 300);
  const later = finished(delayed);
  await delayed.save();
  equal('a delayed job', await later, 21);
  check('waits', Date.now() - started >= 290, `${Date.now() - started} ms`);

  const unique = await producer.createJob({ value: 1 }).setId('once').delayUntil(Date.now() + 60000).save();
  await producer.removeJob(unique.id);
  equal('a removed job is gone at once', await producer.getJob(unique.id), null);
  await Promise.all([producer, ...workers].map((queue) => queue.close(1000)));
});
