#pragma once
/// Threads for independent pieces of work whose results are wanted in order.

#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace tokenwerk {

/// A fixed number of threads that take work from one queue. What work throws arrives at its future.
class WorkerPool {
 public:
  explicit WorkerPool(int threads) {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
  }
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;
  /// Drops work not yet begun and waits for what runs.
  ~WorkerPool() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
      queue_.clear();
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  [[nodiscard]] int size() const { return static_cast<int>(threads_.size()); }

  /// Queues a call without arguments.
  template <typename Call>
  [[nodiscard]] std::future<std::invoke_result_t<Call>> submit(Call call) {
    // std::function wants copies, a packaged task has none: hence the shared pointer.
    auto task = std::make_shared<std::packaged_task<std::invoke_result_t<Call>()>>(std::move(call));
    auto result = task->get_future();
    {
      const std::lock_guard lock(mutex_);
      queue_.emplace_back([task] { (*task)(); });
    }
    changed_.notify_one();
    return result;
  }

 private:
  void work() {
    while (true) {
      std::function<void()> call;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return ending_ || !queue_.empty(); });
        if (ending_) return;
        call = std::move(queue_.front());
        queue_.pop_front();
      }
      call();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> queue_;
  std::vector<std::thread> threads_;
  bool ending_ = false;
};

/// Calls take(work(item)) for each item that next() returns until it returns none: `work` on the
/// pool, `next` and `take` on the caller and in order. At most three items a thread are under way,
/// so memory is bounded and the first error in order is the one thrown.
template <typename Next, typename Work, typename Take>
void process_in_order(WorkerPool& pool, const Next& next, const Work& work, const Take& take) {
  using Item = typename std::invoke_result_t<Next>::value_type;
  struct UnderWay : std::deque<std::future<std::invoke_result_t<Work, const Item&>>> {
    ~UnderWay() {  // after an error too, no worker may still use `work` when this call returns
      for (auto& result : *this) result.wait();
    }
  } under_way;
  const auto take_first = [&] {
    auto result = std::move(under_way.front());
    under_way.pop_front();
    take(result.get());
  };
  while (auto item = next()) {
    if (under_way.size() >= 3 * static_cast<std::size_t>(pool.size())) take_first();
    under_way.push_back(pool.submit([&work, item = std::move(*item)] { return work(item); }));
  }
  while (!under_way.empty()) take_first();
}

}  // namespace tokenwerk
