#include "tests/emulator/nccl/task.h"
#include "tests/emulator/runtime/faults.h"
#include "tests/emulator/runtime/queue.h"
#include "tests/emulator/runtime/settings.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <set>

namespace tokenwerk::emulator {
namespace {

/// How long a failed communicator waits for ncclCommAbort. A GPU would wait for ever; a test ends.
constexpr auto grace = std::chrono::seconds(3);
constexpr int exit_code = 3;

/// All items of one communicator that were issued together.
class Task final {
 public:
  Task(Communicator comm, std::vector<std::unique_ptr<Item>> items)
      : comm_(std::move(comm)), items_(std::move(items)), ticket_(comm_->issued++) {}

  /// One poll; true once nothing is left to do.
  bool poll() {
    if (!has_begun_) begin();
    if (comm_->completed != ticket_) return wait_for_turn();
    if (!comm_->is_stopped && !run()) return false;
    comm_->own().is_busy = false;
    comm_->progress = ncclComm::Clock::now();
    comm_->completed = ticket_ + 1;
    return true;
  }

 private:
  void begin() {
    has_begun_ = true;
    comm_->progress = ncclComm::Clock::now();
  }

  /// Calls run in the order in which they were issued, whatever their streams; an earlier one
  /// that stands behind this one in a stream will never come.
  bool wait_for_turn() {
    if (comm_->hear_of_failure()) {
      wait_for_abort();
    } else {
      watch();
    }
    return false;
  }

  bool run() {
    if (comm_->hear_of_failure()) {
      wait_for_abort();
      return false;
    }
    if (advance()) return true;
    if (comm_->state != ncclSuccess) {
      has_said_ = true;  // an item has found the fault and named it
    } else {
      watch();
    }
    return false;
  }

  /// Polls what may run; true once all items are complete.
  bool advance() {
    std::set<std::pair<CallKind, int>> taken;
    bool is_first = true;
    for (auto& item : items_) {
      if (!item || !taken.insert(item->lane()).second) continue;
      if (is_first) show(item->call());
      is_first = false;
      const auto step = item->advance(*comm_);
      if (comm_->state != ncclSuccess || standing_fault() != cudaSuccess) return false;
      if (step != Item::Step::none) comm_->progress = ncclComm::Clock::now();
      if (step == Item::Step::complete) item = nullptr;
    }
    std::erase(items_, nullptr);
    return items_.empty();
  }

  /// Tells the other ranks what this one is about, should they have to say whom they wait for.
  void show(const Call& call) {
    auto& own = comm_->own();
    own.current = call;
    own.is_busy = true;
  }

  void watch() {
    const std::chrono::duration<double> silence = ncclComm::Clock::now() - comm_->progress;
    if (silence.count() < patience()) return;
    const bool is_due = comm_->completed == ticket_;
    comm_->fail(ncclSystemError,
                fmt::format("no progress for {} s in {}{}", patience(), situation(),
                            is_due ? "" : " and for an earlier call, whose stream is held up"));
    has_said_ = true;
  }

  /// The items at hand and whom they wait for.
  [[nodiscard]] std::string situation() const {
    std::string text;
    for (const auto& item : items_) {
      if (!item) continue;
      if (!text.empty()) text += "; ";
      text += describe(item->call());
      const auto others = item->waits_for(*comm_);
      if (!others.empty()) text += ", waits for";
      for (const int other : others) {
        const auto& block = comm_->segment->rank(other);
        text +=
            fmt::format(" rank {} ({})", other, block.is_busy ? describe(block.current) : "idle");
      }
    }
    return text;
  }

  /// The communicator has failed. Its work stays where it is, as a kernel on a GPU does, until
  /// the program aborts the communicator; a program that does not is ended.
  void wait_for_abort() {
    if (!has_said_) {
      complain(fmt::format("{}: stopped in {}", comm_->whoami(), situation()));
      has_said_ = true;
    }
    if (ncclComm::Clock::now() - comm_->failed_at < grace) return;
    complain(fmt::format("{}: nobody aborted the failed communicator", comm_->whoami()));
    std::fflush(nullptr);
    std::_Exit(exit_code);
  }

  Communicator comm_;
  std::vector<std::unique_ptr<Item>> items_;
  std::uint64_t ticket_;
  bool has_begun_ = false;
  bool has_said_ = false;
};

/// What a thread has issued since ncclGroupStart.
struct Group {
  struct Issued {
    Communicator comm;
    std::unique_ptr<Item> item;
    cudaStream_t stream;
  };
  int depth = 0;
  std::vector<Issued> issued;
  std::vector<Communicator> set_up;
};

Group& group() {
  thread_local Group group;
  return group;
}

/// Enqueues a task on the first stream. The others give way to it: it waits for their work, and
/// they wait for it.
void submit(const std::shared_ptr<Task>& task, const std::vector<cudaStream_t>& streams) {
  for (std::size_t i = 1; i < streams.size(); ++i) {
    const auto is_reached = std::make_shared<std::atomic<bool>>(false);
    enqueue(streams[i], [is_reached] { return *is_reached = true; });
    enqueue(streams[0], [is_reached] { return is_reached->load(); });
  }
  const auto is_complete = std::make_shared<std::atomic<bool>>(false);
  enqueue(streams[0], [task, is_complete] { return *is_complete = task->poll(); });
  for (std::size_t i = 1; i < streams.size(); ++i) {
    enqueue(streams[i], [is_complete] { return is_complete->load(); });
  }
}

/// Makes one task of each communicator's items, in the order in which they first came.
void submit_all(std::vector<Group::Issued> issued) {
  while (!issued.empty()) {
    const auto comm = issued.front().comm;
    std::vector<std::unique_ptr<Item>> items;
    std::vector<cudaStream_t> streams;
    for (auto& one : issued) {
      if (one.comm != comm) continue;
      items.push_back(std::move(one.item));
      if (std::find(streams.begin(), streams.end(), one.stream) == streams.end()) {
        streams.push_back(one.stream);
      }
    }
    std::erase_if(issued, [&](const auto& one) { return one.comm == comm; });
    submit(std::make_shared<Task>(comm, std::move(items)), streams);
  }
}

}  // namespace

Item::Step Item::advance(ncclComm& comm) {
  for (const auto& range : ranges_) {
    if (!check_live(range, describe(call_))) return Step::none;
  }
  const bool planted = lane().second < 0 && call_.number == hanging_collective();
  return planted ? Step::none : do_advance(comm);
}

std::pair<CallKind, int> Item::lane() const {
  const bool is_collective = call_.kind != CallKind::send && call_.kind != CallKind::receive;
  return is_collective ? std::pair{CallKind::all_reduce, -1} : std::pair{call_.kind, call_.partner};
}

ncclResult_t issue(const Communicator& comm, std::unique_ptr<Item> item, cudaStream_t stream) {
  auto& own = group();
  own.issued.push_back({comm, std::move(item), stream});
  if (own.depth == 0) submit_all(std::exchange(own.issued, {}));
  return ncclSuccess;
}

void begin_group() { ++group().depth; }

ncclResult_t end_group() {
  auto& own = group();
  if (own.depth == 0) return refuse(ncclInvalidUsage, "ncclGroupEnd without ncclGroupStart");
  if (--own.depth > 0) return ncclSuccess;
  const auto set_up = std::exchange(own.set_up, {});
  auto issued = std::exchange(own.issued, {});
  std::vector<Communicator> blocking;
  std::copy_if(set_up.begin(), set_up.end(), std::back_inserter(blocking),
               [](const Communicator& comm) { return comm->is_blocking; });
  if (const auto result = finish_setup(blocking); result != ncclSuccess) return result;
  submit_all(std::move(issued));
  return blocking.size() == set_up.size() ? ncclSuccess : ncclInProgress;
}

bool is_in_group() { return group().depth > 0; }

void set_up_in_group(const Communicator& comm) { group().set_up.push_back(comm); }

}  // namespace tokenwerk::emulator
