<?php
// The phpredis extension: its API and its session handler with locking.
declare(strict_types=1);
require __DIR__ . '/support.php';

if (!extension_loaded('redis')) {
    cannot_run('php-redis is not installed');
}
say('version ' . phpversion('redis') . ', PHP ' . PHP_MAJOR_VERSION . '.' . PHP_MINOR_VERSION);

function connect(int $port = PORT): Redis
{
    $redis = new Redis();
    $redis->connect(HOST, $port, 2.0);
    return $redis;
}

$one = connect();
$two = connect();
$around = connect(UPSTREAM_PORT);

$one->setex('text', 60, 'héllo');
equal('a text', $two->get('text'), 'héllo');
equal('SET NX of what is there', $one->set('text', 'x', ['nx', 'ex' => 5]), false);
$bytes = implode('', array_map('chr', range(0, 255)));
$one->set('bytes', $bytes);
equal('a binary value', $two->get('bytes'), $bytes);
$one->hMSet('hash', ['one' => '1', 'two' => '2']);
equal('a hash', $two->hGetAll('hash'), ['one' => '1', 'two' => '2']);
equal('part of a hash', $two->hMGet('hash', ['two', 'three']), ['two' => '2', 'three' => false]);
$one->zAdd('board', 1, 'a', 2.5, 'b');
equal('a sorted set with scores', $two->zRange('board', 0, -1, true), ['a' => 1.0, 'b' => 2.5]);
equal('mget with a hole', $one->mGet(['text', 'nowhere']), ['héllo', false]);
$one->lPush('wrong', 'x');
equal('WRONGTYPE', [$one->get('wrong'), strpos($one->getLastError(), 'WRONGTYPE')], [false, 0]);
$one->setOption(Redis::OPT_SERIALIZER, (string) Redis::SERIALIZER_PHP);
$one->set('object', ['a' => [1, 2.5, true]]);
equal('a serialized value', $one->get('object'), ['a' => [1, 2.5, true]]);
$one->setOption(Redis::OPT_SERIALIZER, (string) Redis::SERIALIZER_NONE);

$pipe = $one->multi(Redis::PIPELINE);
for ($i = 0; $i < 1000; ++$i) {
    $pipe->set("many:$i", (string) $i)->get("many:$i");
}
$replies = $pipe->exec();
check('1,000 pairs in a pipeline', count($replies) === 2000 && $replies[1999] === '999' && $replies[1] === '0');
equal('MULTI', $one->multi()->set('m', '1')->incr('m')->get('m')->exec(), [true, 2, '2']);
$one->watch('watched');
$two->set('watched', 'changed');
equal('WATCH aborts', $one->multi()->set('watched', 'mine')->exec(), false);
equal('a script', $one->eval("return redis.call('incrby', KEYS[1], ARGV[1])", ['scripted', '5'], 1), 5);
$sha = $one->script('load', "return redis.call('incrby', KEYS[1], ARGV[1])");
equal('and by its digest', $two->evalSha($sha, ['scripted', '5'], 1), 10);
equal('its write is seen', $one->get('scripted'), '10');

$found = [];
$cursor = null;
$one->setOption(Redis::OPT_SCAN, (string) Redis::SCAN_RETRY);
while ($keys = $one->scan($cursor, 'many:*', 100)) {
    $found = array_merge($found, $keys);
}
equal('SCAN finds every key', count(array_unique($found)), 1000);
$two->rPush('list', 'job');
equal('BLPOP', $one->blPop(['list'], 1), ['list', 'job']);
equal('BLPOP gives up', $one->blPop(['list'], 1), []);

$child = pcntl_fork();
if ($child === 0) {
    $publisher = connect();
    while ((int) $publisher->publish('news', 'start') === 0) {
        usleep(5000);
    }
    for ($i = 0; $i < 100; ++$i) {
        $publisher->publish('news', (string) $i);
    }
    // Without PHP's own ending, which would close the parent's connections.
    posix_kill(posix_getpid(), SIGKILL);
}
$received = [];
$subscriber = connect();
// The extension's loop ends when nothing has come for so long.
$subscriber->setOption(Redis::OPT_READ_TIMEOUT, '1');
try {
    $subscriber->subscribe(['news'], function ($redis, $channel, $message) use (&$received) {
        if ($message !== 'start') {
            $received[] = (int) $message;
        }
    });
} catch (RedisException $silence) {
    $subscriber->close();
}
pcntl_waitpid($child, $status);
equal('100 messages in order', $received, range(0, 99));

$one->set('fresh', '1');
$one->get('fresh');
$two->set('fresh', '2');
equal('fresh after another connection wrote it', $one->get('fresh'), '2');
$around->set('fresh', '3');
check('and within a second after a write that went around', within(1, fn () => $one->get('fresh') === '3'));
$stale = 0;
for ($i = 0; $i < 200; ++$i) {
    $two->set('fresh:sequence', (string) $i);
    $stale += $one->get('fresh:sequence') === (string) $i ? 0 : 1;
}
equal('200 writes, each read at once by the other: stale reads', $stale, 0);
equal('a lock is taken', $one->set('lock', 'a', ['nx', 'px' => 30000]), true);
equal('and refused to the other', $two->set('lock', 'b', ['nx', 'px' => 30000]), false);
equal('who sees the owner', $two->get('lock'), 'a');
equal('it is released', $one->eval(RELEASE, ['lock', 'a'], 1), 1);
equal('and free at once', [$two->get('lock'), $two->set('lock', 'b', ['nx', 'px' => 30000])], [false, true]);
equal('a token that is not on the blacklist', $one->exists('blacklist'), 0);
$two->setex('blacklist', 60, '1');
equal('is seen there as soon as it was put on it', $one->exists('blacklist'), 1);

ini_set('session.save_handler', 'redis');
ini_set('session.save_path', 'tcp://' . HOST . ':' . PORT);
ini_set('redis.session.locking_enabled', '1');
ini_set('session.use_cookies', '0');
ini_set('session.cache_limiter', '');
session_id('pillion1234567890abcdefgh');
session_start();
$_SESSION['user'] = 'ada';
session_write_close();
$key = 'PHPREDIS_SESSION:' . session_id();
equal('a session is written', $two->get($key), 'user|s:3:"ada";');
$stale = 0;
for ($i = 0; $i < 50; ++$i) {
    session_start();
    $stale += ($_SESSION['visits'] ?? 0) === $i ? 0 : 1;
    $_SESSION['visits'] = $i + 1;
    session_write_close();
}
equal('50 requests with a locked session: stale sessions', $stale, 0);
equal('its lock is free', $two->exists($key . '_LOCK'), 0);
$two->get($key);
session_start();
session_destroy();
equal('after logout it is gone at once', $two->get($key), false);

$number = $one->client('id');
$listed = array_filter($two->client('list'), fn ($line) => (int) $line['id'] === (int) $number);
equal('CLIENT LIST has the connection by its id', count($listed), 1);
finish();
