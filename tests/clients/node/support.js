'use strict';
// What every node program here shares: checks that print themselves, waiting, and the freshness rules of the L1.
const fs = require('node:fs');
const path = require('node:path');
const util = require('node:util');

const host = process.env.REDIS_HOST;
const port = Number(process.env.REDIS_PORT);
const upstreamPort = Number(process.env.UPSTREAM_PORT);
// One database, and keys of one command or transaction in one slot.
const cluster = process.env.UPSTREAM_KIND === 'cluster';

let failures = 0;

function check(what, holds, detail = '') {
  console.log(`${holds ? 'ok' : 'NOT OK'} - ${what}${holds || !detail ? '' : `: ${detail}`}`);
  if (!holds) failures += 1;
}

function equal(what, got, want) {
  check(what, util.isDeepStrictEqual(got, want), `got ${util.inspect(got)}, expected ${util.inspect(want)}`);
}

async function rejects(what, promise, pattern) {
  try {
    check(what, false, `resolved to ${util.inspect(await promise)}`);
  } catch (error) {
    check(what, pattern.test(String(error.message || error)), `rejected with ${error}`);
  }
}

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

// Polls until probe() is true; false when it never was.
async function within(milliseconds, probe) {
  const deadline = Date.now() + milliseconds;
  for (;;) {
    if (await probe()) return true;
    if (Date.now() >= deadline) return false;
    await sleep(5);
  }
}

// Waits for a promise no longer than this; true when it was kept.
function kept(milliseconds, promise) {
  return Promise.race([promise.then(() => true), sleep(milliseconds).then(() => false)]);
}

// Several modules hide package.json behind "exports", so it is read from where it lies.
function version(name) {
  return JSON.parse(fs.readFileSync(path.join(__dirname, 'node_modules', name, 'package.json'), 'utf8')).version;
}

function main(packages, body) {
  console.log(`version ${packages.map(version).join(' + ')}`);
  const crash = (error) => {
    console.log(`NOT OK - ${error && error.stack ? error.stack : error}`);
    process.exit(1);
  };
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);
  body().then(() => process.exit(failures === 0 ? 0 : 1), crash);
}

const kRelease = 'if redis.call("get", KEYS[1]) == ARGV[1] then return redis.call("del", KEYS[1]) end return 0';

// a, b: (...words) => Promise<reply>, two connections to where the application works; upstream: one to the Redis behind.
async function freshness(a, b, upstream) {
  const text = (reply) => (reply === null ? null : String(reply));

  await a('SET', 'fresh:value', '1');
  for (let i = 0; i < 3; i += 1) await a('GET', 'fresh:value');
  await b('SET', 'fresh:value', '2');
  equal('a value read before is fresh after another connection wrote it', text(await a('GET', 'fresh:value')), '2');
  await a('GET', 'fresh:value');
  await upstream('SET', 'fresh:value', '3');
  check('and within a second after a write that went around',
    await within(1000, async () => text(await a('GET', 'fresh:value')) === '3'));

  let torn = 0;
  for (let i = 0; i < 200; i += 1) {
    await b('SET', 'fresh:sequence', String(i));
    if (text(await a('GET', 'fresh:sequence')) !== String(i)) torn += 1;
  }
  equal('200 writes by one connection, each read at once by the other: stale reads', torn, 0);

  await Promise.all(Array.from({ length: 100 }, (_, i) => (i % 2 ? a : b)('INCR', 'fresh:counter')));
  equal('a counter raised by two connections', text(await a('GET', 'fresh:counter')), '100');
  equal('and read by the other', text(await b('GET', 'fresh:counter')), '100');

  equal('a token that is not on the blacklist', Number(await a('EXISTS', 'blacklist:token')), 0);
  await b('SET', 'blacklist:token', '1', 'EX', '60');
  equal('is seen there as soon as it was put on it', Number(await a('EXISTS', 'blacklist:token')), 1);

  equal('a lock is taken', text(await a('SET', 'lock:job', 'owner-a', 'NX', 'PX', '30000')), 'OK');
  equal('and refused to the other connection', await b('SET', 'lock:job', 'owner-b', 'NX', 'PX', '30000'), null);
  equal('who sees the owner', text(await b('GET', 'lock:job')), 'owner-a');
  equal('and cannot release it', Number(await b('EVAL', kRelease, '1', 'lock:job', 'owner-b')), 0);
  equal('the owner can', Number(await a('EVAL', kRelease, '1', 'lock:job', 'owner-a')), 1);
  equal('nobody holds it then', await b('GET', 'lock:job'), null);
  equal('and the other may have it', text(await b('SET', 'lock:job', 'owner-b', 'NX', 'PX', '30000')), 'OK');
  equal('which the first sees', text(await a('GET', 'lock:job')), 'owner-b');

  await a('HSET', 'session:1', 'user', 'ada', 'role', 'admin');
  await a('HGETALL', 'session:1');
  await b('HGETALL', 'session:1');
  await b('DEL', 'session:1');
  equal('a session is gone at once after logout', Number(await a('EXISTS', 'session:1')), 0);
  const rest = await a('HGETALL', 'session:1');
  equal('and has no fields', rest instanceof Map ? rest.size : Object.keys(rest).length, 0);

  await a('SET', 'fresh:short', 'x', 'PX', '150');
  equal('a value with a short life is there', text(await a('GET', 'fresh:short')), 'x');
  await sleep(200);
  equal('and gone when it ended', await a('GET', 'fresh:short'), null);
}

module.exports = { host, port, upstreamPort, cluster, check, equal, rejects, sleep, within, kept, version, main, freshness, kRelease };
