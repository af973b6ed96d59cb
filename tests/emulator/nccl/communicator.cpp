#include "tests/emulator/nccl/communicator.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <map>
#include <thread>

#include "tests/emulator/runtime/faults.h"
#include "tests/emulator/runtime/queue.h"

namespace tokenwerk::emulator {
namespace {

struct Communicators {
  std::mutex mutex;
  std::map<ncclComm_t, Communicator> living;
};

Communicators& communicators() {
  static Communicators& communicators = *std::make_unique<Communicators>().release();
  return communicators;
}

}  // namespace

std::string& last_message() {
  thread_local std::string message;
  return message;
}

ncclResult_t refuse(ncclResult_t result, const std::string& message) {
  last_message() = message;
  complain(message);
  return result;
}

double patience() {
  static const double seconds = [] {
    const char* const text = std::getenv("TOKENWERK_EMULATED_NCCL_SECONDS");
    return text == nullptr ? 60.0 : std::atof(text);
  }();
  return seconds;
}

ncclComm_t add_communicator(const Communicator& made) {
  const std::scoped_lock lock(communicators().mutex);
  communicators().living.emplace(made.get(), made);
  return made.get();
}

Communicator find_communicator(ncclComm_t handle) {
  const std::scoped_lock lock(communicators().mutex);
  const auto found = communicators().living.find(handle);
  return found == communicators().living.end() ? nullptr : found->second;
}

void remove_communicator(ncclComm_t handle) {
  const std::scoped_lock lock(communicators().mutex);
  communicators().living.erase(handle);
}

ncclResult_t check_usable(const Communicator& comm, const char* call) {
  if (!comm) return refuse(ncclInvalidArgument, fmt::format("{}: no communicator", call));
  comm->advance_setup();
  if (comm->setup) {
    return refuse(ncclInvalidArgument,
                  fmt::format("{}: {} is used before it is ready", call, comm->whoami()));
  }
  comm->hear_of_failure();
  if (comm->state != ncclSuccess) return comm->state;
  if (!comm->is_stopped) return ncclSuccess;
  return refuse(ncclInvalidUsage, fmt::format("{}: {} was revoked", call, comm->whoami()));
}

ncclResult_t finish_setup(const std::vector<Communicator>& comms) {
  const auto waits = [](const Communicator& comm) { return !comm->advance_setup(); };
  while (std::count_if(comms.begin(), comms.end(), waits) > 0) {
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  for (const auto& comm : comms) {
    if (comm->state != ncclSuccess) return comm->state;
  }
  return ncclSuccess;
}

}  // namespace tokenwerk::emulator

using namespace tokenwerk::emulator;

void ncclComm::open(const std::string& shared_name) {
  segment_name = shared_name;
  segment = std::make_unique<Segment>(segment_name, ranks, rank);
  next_send.assign(static_cast<std::size_t>(ranks), 1);
  next_receive.assign(static_cast<std::size_t>(ranks), 1);
  setup = [this] { return segment->is_complete(); };
}

bool ncclComm::advance_setup() {
  if (!setup) return true;
  try {
    // The step may replace itself by the next one.
    const auto step = setup;
    if (step()) setup = nullptr;
  } catch (const std::exception& error) {
    setup = nullptr;
    state = refuse(ncclInvalidUsage, fmt::format("{}: {}", whoami(), error.what()));
  }
  if (setup && std::chrono::duration<double>(Clock::now() - setup_began).count() > patience()) {
    setup = nullptr;
    state = refuse(ncclSystemError,
                   fmt::format("{}: not all ranks came within {} s", whoami(), patience()));
  }
  return !setup;
}

void ncclComm::fail(ncclResult_t result, const std::string& reason) {
  failed_at = Clock::now();  // before the state, which another thread may look at
  state = refuse(result, fmt::format("{}: {}", whoami(), reason));
  int none = ncclSuccess;
  segment->head().failure.compare_exchange_strong(none, result);
}

bool ncclComm::hear_of_failure() {
  if (state != ncclSuccess) return true;
  if (!segment) return false;
  const auto failure = static_cast<ncclResult_t>(segment->head().failure.load());
  if (failure == ncclSuccess) return false;
  failed_at = Clock::now();
  state = failure;
  return true;
}

std::string ncclComm::whoami() const { return fmt::format("rank {} of {}", rank, name); }

void ncclComm::drain() const {
  wait_until([this] { return completed == issued; });
}
