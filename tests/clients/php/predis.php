<?php
// Predis, the client written in PHP: pipelines, transactions with check-and-set, script commands, pub/sub loop.
declare(strict_types=1);
require __DIR__ . '/support.php';

foreach (['Predis/Autoloader.php', '/usr/share/php/Predis/Autoloader.php'] as $file) {
    if ($path = stream_resolve_include_path($file)) {
        require $path;
        break;
    }
}
if (!class_exists('Predis\Autoloader')) {
    cannot_run('php-predis is not installed');
}
Predis\Autoloader::register();
say('version ' . Predis\Client::VERSION . ', PHP ' . PHP_MAJOR_VERSION . '.' . PHP_MINOR_VERSION);
// Predis 1.1 is older than PHP 8.2 and is told so at every call.
error_reporting(E_ALL & ~E_DEPRECATED);

function connect(int $port = PORT, array $options = []): Predis\Client
{
    return new Predis\Client(['host' => HOST, 'port' => $port, 'read_write_timeout' => 10], $options);
}

class Raise extends Predis\Command\ScriptCommand
{
    public function getKeysCount()
    {
        return 1;
    }

    public function getScript()
    {
        return "return redis.call('incrby', KEYS[1], ARGV[1])";
    }
}

$one = connect();
$two = connect();
$around = connect(UPSTREAM_PORT);

equal('PING', (string) $one->ping(), 'PONG');
$one->setex('text', 60, 'héllo');
equal('a text', $two->get('text'), 'héllo');
equal('SET NX of what is there', $one->set('text', 'x', 'NX'), null);
$bytes = implode('', array_map('chr', range(0, 255)));
$one->set('bytes', $bytes);
equal('a binary value', $two->get('bytes'), $bytes);
$one->hmset('hash', ['one' => '1', 'two' => '2']);
equal('a hash', $two->hgetall('hash'), ['one' => '1', 'two' => '2']);
$one->zadd('board', ['a' => 1, 'b' => 2.5]);
equal('a sorted set with scores', $two->zrange('board', 0, -1, 'WITHSCORES'), ['a' => '1', 'b' => '2.5']);
equal('mget with a hole', $one->mget('text', 'nowhere'), ['héllo', null]);
check('INFO is parsed', isset($one->info()['Server']['redis_version']));
try {
    $one->incr('hash');
    check('WRONGTYPE is an error', false);
} catch (Predis\Response\ServerException $error) {
    equal('WRONGTYPE is an error', $error->getErrorType(), 'WRONGTYPE');
}

$replies = $one->pipeline(function ($pipe) {
    for ($i = 0; $i < 1000; ++$i) {
        $pipe->set("many:$i", (string) $i);
        $pipe->get("many:$i");
    }
});
check('1,000 pairs in a pipeline', count($replies) === 2000 && $replies[1999] === '999');
$replies = $one->transaction(function ($transaction) {
    $transaction->set('m', '1');
    $transaction->incr('m');
    $transaction->get('m');
});
equal('MULTI', [(string) $replies[0], $replies[1], $replies[2]], ['OK', 2, '2']);
$tries = 0;
$one->transaction(['cas' => true, 'watch' => 'watched', 'retry' => 3], function ($transaction) use ($two, &$tries) {
    $before = (int) $transaction->get('watched');
    if (++$tries === 1) {
        $two->set('watched', '10');
    }
    $transaction->multi();
    $transaction->set('watched', (string) ($before + 1));
});
equal('check and set tries again when another wrote', [$tries, $two->get('watched')], [2, '11']);

$scripted = connect(PORT, ['prefix' => 'app:']);
$scripted->getProfile()->defineCommand('raise', 'Raise');
equal('a script that the server does not know yet', $scripted->raise('scripted', 5), 5);
equal('and again by its digest', $scripted->raise('scripted', 5), 10);
equal('its write is seen behind the prefix', $two->get('app:scripted'), '10');
$found = iterator_to_array(new Predis\Collection\Iterator\Keyspace($one, 'many:*', 100), false);
equal('SCAN finds every key', count(array_unique($found)), 1000);
$two->rpush('list', ['job']);
equal('BLPOP', $one->blpop(['list'], 1), ['list', 'job']);
equal('BLPOP gives up', $one->blpop(['list'], 1), null);

$loop = connect()->pubSubLoop();
$loop->subscribe('news');
$received = [];
foreach ($loop as $message) {
    if ($message->kind === 'subscribe') {
        for ($i = 0; $i < 100; ++$i) {
            $two->publish('news', (string) $i);
        }
    } elseif ($message->kind === 'message') {
        $received[] = (int) $message->payload;
        if (count($received) === 100) {
            $loop->unsubscribe('news');
        }
    }
}
equal('100 messages in order', $received, range(0, 99));

$one->set('fresh', '1');
$one->get('fresh');
$two->set('fresh', '2');
equal('fresh after another connection wrote it', $one->get('fresh'), '2');
$around->set('fresh', '3');
check('and within a second after a write that went around', within(1, fn () => $one->get('fresh') === '3'));
$one->hset('session', 'user', 'ada');
$one->hgetall('session');
$two->del(['session']);
equal('a session is gone at once after logout', $one->hgetall('session'), []);
equal('a lock is taken', (string) $one->set('lock', 'a', 'PX', 30000, 'NX'), 'OK');
equal('and refused to the other', $two->set('lock', 'b', 'PX', 30000, 'NX'), null);
equal('who sees the owner', $two->get('lock'), 'a');
equal('it is released', $one->eval(RELEASE, 1, 'lock', 'a'), 1);
equal('and free at once', $two->get('lock'), null);

// Sessions by Predis' own handler.
$handler = new Predis\Session\Handler($one, ['gc_maxlifetime' => 60]);
$handler->write('id', 'user|ada');
equal('a session of the handler', (new Predis\Session\Handler($two))->read('id'), 'user|ada');
$handler->destroy('id');
equal('is gone at once when destroyed', (new Predis\Session\Handler($two))->read('id'), '');
finish();
