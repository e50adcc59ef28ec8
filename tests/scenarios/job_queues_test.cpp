// Job queues: delayed jobs in a sorted set, and lists from which workers take what they must not
// lose.
#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "tests/scenarios/application.hpp"

namespace pillion::test {
namespace {

class JobQueuesScenario : public Application {
 protected:
  static std::int64_t now_ms() {
    return std::chrono::duration_cast<Millis>(Clock::now().time_since_epoch()).count();
  }

  void done(const std::string& job) {
    std::lock_guard lock(mutex_);
    ++runs_[job];
    ++total_;
  }

  void expect_each_once(std::size_t jobs) {
    EXPECT_EQ(runs_.size(), jobs);
    for (const auto& [job, times] : runs_) EXPECT_EQ(times, 1) << job;
  }

  std::mutex mutex_;
  std::map<std::string, int> runs_;
  std::atomic<std::size_t> total_{0};
};

constexpr std::size_t kJobs = 200;
constexpr std::size_t kWorkers = 4;

/// A job's name carries the time it is due.
std::string delayed_job(std::size_t number, std::int64_t due) {
  return std::to_string(number) + "@" + std::to_string(due);
}

std::int64_t due_time(const std::string& job) {
  return std::stoll(job.substr(job.find('@') + 1));
}

TEST_F(JobQueuesScenario, DelayedJobsTakenByLuaRunOnceAndNotEarly) {
  const Script take(
      "local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, 3) "
      "if #due > 0 then redis.call('ZREM', KEYS[1], unpack(due)) end return due");
  Crew crew;
  for (std::size_t number = 0; number < kWorkers; ++number) {
    crew.start([&, number] {
      RespClient worker = connection(number);
      while (total_ < kJobs) {
        const std::int64_t now = now_ms();
        for (const std::string& job : take(worker, "1", "delayed", std::to_string(now)).texts()) {
          if (due_time(job) > now) throw std::runtime_error("too early: " + job);
          done(job);
        }
      }
    });
  }
  crew.start([&] {
    RespClient producer = connection(1);
    for (std::size_t i = 0; i < kJobs; ++i) {
      const std::int64_t due = now_ms() + static_cast<std::int64_t>(i * 7 % 300);
      sound(producer("ZADD", "delayed", std::to_string(due), delayed_job(i, due)));
    }
  });
  crew.join();
  expect_each_once(kJobs);
  EXPECT_EQ(connection(0)("ZCARD", "delayed"), 0);
}

/// The head is looked at by a read that the L1 may answer, and taken under WATCH.
TEST_F(JobQueuesScenario, DelayedJobsTakenByWatchAndMultiRunOnce) {
  RespClient producer = connection(0);
  for (std::size_t i = 0; i < kJobs; ++i) {
    const std::int64_t due = now_ms() + static_cast<std::int64_t>(i % 100);
    sound(producer("ZADD", "delayed:m", std::to_string(due), delayed_job(i, due)));
  }
  Crew crew;
  for (std::size_t number = 0; number < kWorkers; ++number) {
    crew.start([&, number] {
      RespClient worker = connection(number);
      while (total_ < kJobs) {
        sound(worker("WATCH", "delayed:m"));
        const Value due = sound(worker("ZRANGE", "delayed:m", "-inf", std::to_string(now_ms()),
                                       "BYSCORE", "LIMIT", "0", "1"));
        if (due.items.empty()) {
          sound(worker("UNWATCH"));
          std::this_thread::sleep_for(1ms);
          continue;
        }
        const std::string job = due.items[0].text;
        const auto replies = worker.pipeline(
            {{"MULTI"}, {"ZREM", "delayed:m", job}, {"RPUSH", "ready", job}, {"EXEC"}});
        const Value& result = sound(replies[3]);
        if (!result.is_null() && result.items.at(0).integer() == 1) done(job);
      }
    });
  }
  crew.join();
  expect_each_once(kJobs);
  EXPECT_EQ(producer("LLEN", "ready"), static_cast<std::int64_t>(kJobs));
  EXPECT_EQ(producer("ZCARD", "delayed:m"), 0);
}

/// Each worker keeps what it works on in a list of its own until it is done; half of the workers
/// use the older command.
TEST_F(JobQueuesScenario, ReliableQueueByBlmoveAndBrpoplpush) {
  Crew crew;
  for (std::size_t number = 0; number < kWorkers; ++number) {
    crew.start([&, number] {
      RespClient worker = connection(number);
      const std::string own = "working:" + std::to_string(number);
      while (total_ < kJobs) {
        const Value job =
            sound(number % 2 == 0 ? worker("BLMOVE", "queue", own, "RIGHT", "LEFT", "0.05")
                                  : worker("BRPOPLPUSH", "queue", own, "1"));
        if (job.is_null()) continue;
        if (!(sound(worker("LINDEX", own, "0")) == job.text)) {
          throw std::runtime_error("the job is not in the worker's own list");
        }
        done(job.text);
        if (!(sound(worker("LREM", own, "1", job.text)) == 1)) {
          throw std::runtime_error("the job had vanished from the worker's own list");
        }
      }
    });
  }
  crew.start([&] {
    RespClient producer = connection(2);
    for (std::size_t i = 0; i < kJobs; ++i) {
      sound(producer("LPUSH", "queue", "job" + std::to_string(i)));
      if (i % 20 == 0) std::this_thread::sleep_for(2ms);
    }
  });
  crew.join();
  expect_each_once(kJobs);
  RespClient viewer = connection(3);
  EXPECT_EQ(viewer("LLEN", "queue"), 0);
  for (std::size_t number = 0; number < kWorkers; ++number) {
    EXPECT_EQ(viewer("EXISTS", "working:" + std::to_string(number)), 0);
  }
}

TEST_F(JobQueuesScenario, ADeadWorkersJobsAreFoundAndQueuedAgain) {
  std::vector<RespClient> workers = connections(3);
  for (int i = 0; i < 10; ++i) sound(workers[0]("LPUSH", "q", std::to_string(i)));
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(workers[1]("BLMOVE", "q", "working:dead", "RIGHT", "LEFT", "1").text,
              std::to_string(i));
    for (RespClient& worker : workers) {
      EXPECT_EQ(worker("LLEN", "working:dead"), i + 1);
      EXPECT_EQ(worker("LLEN", "q"), 9 - i);
    }
  }
  workers[1].close();
  while (!sound(workers[2]("LMOVE", "working:dead", "q", "LEFT", "RIGHT")).is_null()) {
  }
  EXPECT_EQ(workers[0]("LLEN", "q"), 10);
  EXPECT_EQ(workers[0]("LLEN", "working:dead"), 0);
  EXPECT_EQ(workers[0]("RPOP", "q"), "0");
}

/// The job's data stand under a key that workers had looked for before, in vain.
TEST_F(JobQueuesScenario, WhoTakesAJobFindsItsData) {
  constexpr int kPayloads = 300;
  Crew crew;
  std::atomic<int> taken{0};
  for (std::size_t number = 0; number < 3; ++number) {
    crew.start([&, number] {
      RespClient worker = connection(number);
      RespClient reader = connection(number + 1);
      while (taken < kPayloads) {
        for (int ahead = 0; ahead < 4; ++ahead) {
          sound(reader("GET", "job:" + std::to_string(taken + ahead)));
        }
        const Value job = sound(worker("BRPOP", "job-ids", "0.05"));
        if (job.is_null()) continue;
        ++taken;
        const std::string id = job.items.at(1).text;
        if (!(sound(reader("GET", "job:" + id)) == "payload of " + id)) {
          throw std::runtime_error("job " + id + " has no data");
        }
      }
    });
  }
  crew.start([&] {
    RespClient producer = connection(1);
    for (int i = 0; i < kPayloads; ++i) {
      const std::string id = std::to_string(i);
      sound(producer("SET", "job:" + id, "payload of " + id));
      sound(producer("LPUSH", "job-ids", id));
    }
  });
  crew.join();
  EXPECT_EQ(taken, kPayloads);
}

/// A worker whose list was empty is served by the very next push, whoever pushes.
TEST_F(JobQueuesScenario, WaitingWorkersAreServedInTheOrderTheyCame) {
  std::vector<RespClient> workers = connections(4);
  for (std::size_t number = 0; number < workers.size(); ++number) {
    workers[number].send("BLPOP", "inbox", "0");
    ASSERT_TRUE(
        eventually([&] { return redis.info_number("clients", "blocked_clients") == number + 1; }));
  }
  RespClient producer = connection(1);
  for (std::size_t number = 0; number < workers.size(); ++number) {
    sound(producer("RPUSH", "inbox", std::to_string(number)));
    EXPECT_EQ(workers[number].read().items.at(1).text, std::to_string(number));
  }
  EXPECT_EQ(producer("LLEN", "inbox"), 0);
}

}  // namespace
}  // namespace pillion::test
