# frozen_string_literal: true

# What the Sidekiq process of sidekiq_jobs.rb runs.
require 'sidekiq'
require 'redis'

REDIS_URL = "redis://#{ENV.fetch('REDIS_HOST')}:#{ENV.fetch('REDIS_PORT')}/0"
# As in every release before: without saying so, redis-rb warns at each call.
Redis.sadd_returns_boolean = false
Sidekiq.configure_server do |config|
  config.redis = { url: REDIS_URL }
  config.average_scheduled_poll_interval = 1
end
Sidekiq.configure_client { |config| config.redis = { url: REDIS_URL } }

# Counts its runs.
class CountJob
  include Sidekiq::Worker
  def perform(number)
    Sidekiq.redis { |connection| connection.hincrby('runs', number.to_s, 1) }
  end
end

# Fails once.
class FlakyJob
  include Sidekiq::Worker
  sidekiq_options retry: 5
  sidekiq_retry_in { 1 }

  def perform
    runs = Sidekiq.redis { |connection| connection.incr('flaky') }
    raise 'not yet' if runs < 2
  end
end
