# frozen_string_literal: true

# A real Sidekiq process: each job once, scheduled jobs, retries, statistics, deletion.
require_relative 'support'
require_or_skip 'sidekiq', 'ruby-sidekiq'
require 'sidekiq/api'
require 'rbconfig'
require_relative 'sidekiq_worker'
puts "version #{Sidekiq::VERSION}, redis-rb #{Redis::VERSION}"

redis = Redis.new(host: HOST, port: PORT)
log = File.join(ENV.fetch('TMPDIR', '/tmp'), 'sidekiq.log')
sidekiq = Gem.bin_path('sidekiq', 'sidekiq')
pid = Process.spawn(RbConfig.ruby, sidekiq, '-r', File.join(__dir__, 'sidekiq_worker.rb'), '-c', '5', '-t', '5', %i[out err] => log)
begin
  check('the process comes up', within(20) { Sidekiq::ProcessSet.new.size == 1 })
  200.times { |number| CountJob.perform_async(number) }
  check('200 jobs are done', within(15) { redis.hlen('runs') == 200 && Sidekiq::Queue.new.size.zero? })
  equal 'each once', redis.hgetall('runs').values.uniq, ['1']
  check('and counted', within(8) { Sidekiq::Stats.new.processed >= 200 })

  FlakyJob.perform_async
  check('a job is tried again', within(25) { redis.get('flaky') == '2' && Sidekiq::RetrySet.new.size.zero? })
  CountJob.perform_in(2, 'later')
  equal 'a scheduled job waits', [Sidekiq::ScheduledSet.new.size, redis.hget('runs', 'later')], [1, nil]
  check('and runs', within(15) { redis.hget('runs', 'later') == '1' })
  cancelled = CountJob.perform_in(3600, 'never')
  equal 'a scheduled job can be found', Sidekiq::ScheduledSet.new.find_job(cancelled)&.jid, cancelled
  Sidekiq::ScheduledSet.new.find_job(cancelled).delete
  equal 'and is gone at once when deleted', Sidekiq::ScheduledSet.new.size, 0
  Process.kill('TERM', pid)
  check('the process ends when asked to', within(10) { Process.wait(pid, Process::WNOHANG) })
  check('well', $CHILD_STATUS.nil? || $CHILD_STATUS.success?)
rescue StandardError => e
  puts File.read(log)[-3000..] || File.read(log)
  check 'nothing was raised', false, "#{e.class}: #{e.message}"
ensure
  begin
    Process.kill('KILL', pid)
  rescue Errno::ESRCH
    nil # it has ended
  end
end
finish
