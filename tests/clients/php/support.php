<?php
// What the PHP programs share: checks that print themselves.
declare(strict_types=1);

define('HOST', getenv('REDIS_HOST'));
define('PORT', (int) getenv('REDIS_PORT'));
define('UPSTREAM_PORT', (int) getenv('UPSTREAM_PORT'));
const RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0";

$failures = 0;

// Past PHP's own output, which would end the time in which a session may be started.
function say(string $line): void
{
    fwrite(STDOUT, "$line\n");
}

function check(string $what, bool $holds, string $detail = ''): void
{
    global $failures;
    say(($holds ? 'ok' : 'NOT OK') . " - $what" . ($holds || $detail === '' ? '' : ": $detail"));
    $failures += $holds ? 0 : 1;
}

function equal(string $what, $got, $want): void
{
    check($what, $got === $want, 'got ' . var_export($got, true) . ', expected ' . var_export($want, true));
}

function within(float $seconds, callable $probe): bool
{
    $deadline = microtime(true) + $seconds;
    do {
        if ($probe()) {
            return true;
        }
        usleep(5000);
    } while (microtime(true) < $deadline);
    return false;
}

function cannot_run(string $reason): void
{
    say("skipped: $reason");
    exit(77);
}

function finish(): void
{
    global $failures;
    exit($failures === 0 ? 0 : 1);
}
