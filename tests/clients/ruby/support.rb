# frozen_string_literal: true

# What the Ruby programs share: checks that print themselves.
HOST = ENV.fetch('REDIS_HOST')
PORT = Integer(ENV.fetch('REDIS_PORT'))
UPSTREAM_PORT = Integer(ENV.fetch('UPSTREAM_PORT'))
RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"

$stdout.sync = true
$failures = 0

def check(what, holds, detail = nil)
  puts "#{holds ? 'ok' : 'NOT OK'} - #{what}#{": #{detail}" unless holds || detail.nil?}"
  $failures += 1 unless holds
end

def equal(what, got, want)
  check(what, got == want, "got #{got.inspect}, expected #{want.inspect}")
end

def within(seconds)
  deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + seconds
  loop do
    return true if yield
    return false if Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline

    sleep 0.005
  end
end

def require_or_skip(library, package)
  require library
rescue LoadError
  puts "skipped: #{package} is not installed"
  exit 77
end

def finish
  exit!($failures.zero? ? 0 : 1)
end
