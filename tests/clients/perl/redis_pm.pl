#!/usr/bin/perl
# Redis.pm (libredis-perl): two connections, pipelining by callbacks, MULTI, subscriptions, reconnecting.
use strict;
use warnings;
use Time::HiRes qw(sleep time);

BEGIN {
    unless (eval { require Redis; 1 }) {
        print "skipped: libredis-perl is not installed\n";
        exit 77;
    }
}

my $failures = 0;

sub check {
    my ($what, $holds, $detail) = @_;
    print $holds ? "ok - $what\n" : "NOT OK - $what" . (defined $detail ? ": $detail" : '') . "\n";
    $failures++ unless $holds;
    return;
}

sub shown { return ref $_[0] ? '[' . join(', ', map { shown($_) } @{ $_[0] }) . ']' : defined $_[0] ? "'$_[0]'" : 'undef'; }

sub equal {
    my ($what, $got, $want) = @_;
    return check($what, shown($got) eq shown($want), 'got ' . shown($got) . ', expected ' . shown($want));
}

sub within {
    my ($seconds, $probe) = @_;
    my $deadline = time + $seconds;
    while (time < $deadline) {
        return 1 if $probe->();
        sleep 0.005;
    }
    return 0;
}

sub connect_to {
    my ($port, @options) = @_;
    return Redis->new(server => "$ENV{REDIS_HOST}:$port", reconnect => 2, every => 20_000, @options);
}

print "version $Redis::VERSION\n";
my ($one, $two, $around) = (connect_to($ENV{REDIS_PORT}), connect_to($ENV{REDIS_PORT}), connect_to($ENV{UPSTREAM_PORT}));

equal('PING', $one->ping, 'PONG');
$one->set('text', 'hello', 'EX', 60);
equal('a text', $two->get('text'), 'hello');
my $bytes = join '', map { chr } 0 .. 255;
$one->set('bytes', $bytes);
check('a binary value', $two->get('bytes') eq $bytes);
$one->hmset('hash', one => 1, two => 2);
my %hash = $two->hgetall('hash');
equal('a hash', [map { $_, $hash{$_} } sort keys %hash], ['one', 1, 'two', 2]);
equal('mget with a hole', [$one->mget('text', 'nowhere')], ['hello', undef]);
check('WRONGTYPE is an error', !eval { $one->incr('hash'); 1 } && $@ =~ /WRONGTYPE/, $@);
check('INFO is parsed', $one->info->{redis_version} =~ /^\d+\.\d+/);

my @got;
for my $i (0 .. 499) {
    $one->set("many:$i", $i, sub { });
    $one->get("many:$i", sub { push @got, $_[0] });
}
$one->wait_all_responses;
equal('500 pairs in a pipeline', \@got, [0 .. 499]);
$one->multi;
$one->set('m', 1);
$one->incr('m');
equal('MULTI', [$one->exec], ['OK', 2]);
$one->watch('watched');
$two->set('watched', 'changed');
$one->multi;
$one->set('watched', 'mine');
my @aborted = $one->exec;
equal('WATCH aborts', [grep { defined } @aborted], []);
equal('a script', $one->eval("return redis.call('incrby', KEYS[1], ARGV[1])", 1, 'scripted', 5), 5);
my ($sha) = $one->script_load("return redis.call('incrby', KEYS[1], ARGV[1])");
equal('and by its digest', $two->evalsha($sha, 1, 'scripted', 5), 10);
equal('its write is seen', $one->get('scripted'), 10);

my (%seen, $cursor);
do {
    ($cursor, my $keys) = $one->scan($cursor || 0, 'MATCH', 'many:*', 'COUNT', 100);
    $seen{$_} = 1 for @{$keys};
} while ($cursor);
equal('SCAN finds every key', scalar(keys %seen), 500);
$two->rpush('list', 'job');
equal('BLPOP', [$one->blpop('list', 1)], ['list', 'job']);
my @given_up = $one->blpop('list', 1);
equal('BLPOP gives up', [grep { defined } @given_up], []);

my @received;
my $subscriber = connect_to($ENV{REDIS_PORT}, reconnect => 0);
$subscriber->subscribe('news', sub { push @received, $_[0] });
equal('PUBLISH counts subscribers', $one->publish('news', 'start'), 1);
$two->publish('news', $_) for 0 .. 99;
$subscriber->wait_for_messages(0.5) while @received < 101 && $subscriber->is_subscriber && time < $^T + 30;
equal('100 messages in order', \@received, ['start', 0 .. 99]);

$one->set('fresh', 1);
$one->get('fresh');
$two->set('fresh', 2);
equal('fresh after another connection wrote it', $one->get('fresh'), 2);
$around->set('fresh', 3);
check('and within a second after a write that went around', within(1, sub { $one->get('fresh') eq '3' }));
my $stale = 0;
for my $i (0 .. 199) {
    $two->set('fresh:sequence', $i);
    $stale++ if $one->get('fresh:sequence') ne $i;
}
equal('200 writes, each read at once by the other: stale reads', $stale, 0);
equal('a lock is taken', $one->set('lock', 'a', 'NX', 'PX', 30_000), 'OK');
equal('and refused to the other', $two->set('lock', 'b', 'NX', 'PX', 30_000), undef);
equal('who sees the owner', $two->get('lock'), 'a');
equal('it is released', $one->eval("if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0", 1, 'lock', 'a'), 1);
equal('and free at once', $two->get('lock'), undef);
equal('a token that is not on the blacklist', $one->exists('blacklist'), 0);
$two->setex('blacklist', 60, 1);
equal('is seen there as soon as it was put on it', $one->exists('blacklist'), 1);

my $number = $one->client('ID');
check('CLIENT LIST has the connection by its id', scalar(grep { /^id=$number / } split /\n/, $two->client('LIST')));
equal('CLIENT KILL ends it', $two->client('KILL', 'ID', $number), 1);
equal('and it comes back', $one->get('fresh'), 3);
check('as another', $one->client('ID') ne $number);
exit($failures ? 1 : 0);
