#include "tests/parallel/checkpoint/rank_threads.h"

#include <algorithm>
#include <array>
#include <barrier>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

namespace tokenwerk::test {
namespace {

/// Where the threads meet: each leaves a pointer to what it gives.
struct Meeting {
  explicit Meeting(int ranks) : given(static_cast<std::size_t>(ranks)), arrived(ranks) {}
  std::vector<const void*> given;
  std::barrier<> arrived;
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::array<int, 2>, std::deque<std::string>> under_way;  // sent from one to another
};

class ThreadCommunicator final : public Communicator {
 public:
  ThreadCommunicator(Meeting& meeting, int rank, Device& device)
      : Communicator(Axis::world, rank, static_cast<int>(meeting.given.size()), device),
        meeting_(&meeting) {}
  [[nodiscard]] std::unique_ptr<Stream> make_stream(std::string) override {
    return device().make_stream();
  }

 private:
  void do_all_gather(Stream&, void* y, const void* x, std::size_t bytes) override {
    give(x);
    for (std::size_t rank = 0; rank < meeting_->given.size(); ++rank)
      std::memcpy(static_cast<std::byte*>(y) + rank * bytes, meeting_->given[rank], bytes);
    meeting_->arrived.arrive_and_wait();
  }
  void do_broadcast(Stream&, void* x, std::size_t bytes, int root) override {
    give(x);
    if (rank() != root) std::memcpy(x, meeting_->given[static_cast<std::size_t>(root)], bytes);
    meeting_->arrived.arrive_and_wait();
  }
  void do_barrier(Stream&) override { meeting_->arrived.arrive_and_wait(); }
  void do_all_reduce(Stream&, TensorView x, Reduction reduction) override {
    if (x.dtype != DType::f64) refuse();
    std::vector<double> out(static_cast<std::size_t>(x.count()));
    give(x.data);
    for (std::size_t i = 0; i < out.size(); ++i) {
      for (const void* const given : meeting_->given) {
        const double value = static_cast<const double*>(given)[i];
        const bool begins = given == meeting_->given.front();
        out[i] = begins                        ? value
                 : reduction == Reduction::sum ? out[i] + value
                                               : std::max(out[i], value);
      }
    }
    meeting_->arrived.arrive_and_wait();  // all have read what is written now
    std::memcpy(x.data, out.data(), out.size() * sizeof(double));
  }
  void do_reduce_scatter(Stream&, TensorView, TensorView) override { refuse(); }
  void do_all_to_all(Stream&, void*, const void*, std::size_t) override { refuse(); }
  void do_exchange(Stream&, const Exchange& exchange) override {
    std::unique_lock lock(meeting_->mutex);
    if (exchange.to >= 0) {
      const ConstTensorView& sent = exchange.send;
      const std::size_t bytes = static_cast<std::size_t>(sent.count()) * size_of(sent.dtype);
      meeting_->under_way[{rank(), exchange.to}].emplace_back(static_cast<const char*>(sent.data),
                                                              bytes);
      meeting_->changed.notify_all();
    }
    if (exchange.from < 0) return;
    auto& coming = meeting_->under_way[{exchange.from, rank()}];
    meeting_->changed.wait(lock, [&] { return !coming.empty(); });
    std::memcpy(exchange.receive.data, coming.front().data(), coming.front().size());
    coming.pop_front();
  }

  void give(const void* data) {
    meeting_->given[static_cast<std::size_t>(rank())] = data;
    meeting_->arrived.arrive_and_wait();
  }
  [[noreturn]] static void refuse() { TW_RAISE(CommError, "not for threads"); }

  Meeting* meeting_;
};

}  // namespace

std::vector<std::string> run_ranks(int ranks, const std::function<void(Communicator&)>& body) {
  Meeting meeting(ranks);
  std::vector<std::string> faults(static_cast<std::size_t>(ranks));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < ranks; ++rank)
    threads.emplace_back([&, rank] {
      try {
        const auto device = make_device(DeviceKind::cpu);
        ThreadCommunicator communicator(meeting, rank, *device);
        body(communicator);
      } catch (const std::exception& fault) {
        faults[static_cast<std::size_t>(rank)] = fault.what();
      }
    });
  for (std::thread& thread : threads) thread.join();
  return faults;
}

}  // namespace tokenwerk::test
