#pragma once
/// How a thread waits for messages that only polling can bring.

#include <chrono>
#include <thread>

namespace tokenwerk {

/// Gives the core away between polls. Yielding is quickest among ranks that share cores fairly; but
/// beside other busy programs a yield costs a time slice, while a sleeper is woken at once, so
/// after a slow yield it naps for a while.
class Idle {
 public:
  void rest() {
    using namespace std::chrono_literals;
    const auto start = std::chrono::steady_clock::now();
    if (start < crowded_until_) {
      std::this_thread::sleep_for(50us);
      return;
    }
    std::this_thread::yield();
    const auto end = std::chrono::steady_clock::now();
    if (end - start > 500us) crowded_until_ = end + 100ms;
  }

 private:
  std::chrono::steady_clock::time_point crowded_until_{};
};

}  // namespace tokenwerk
