#include "parallel/comm/environment.h"

#include <sched.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <random>
#include <string_view>
#include <thread>

#include "core/host_name.h"
#include "core/log.h"
#include "core/seconds.h"
#include "parallel/comm/hang_watchdog.h"
#include "parallel/comm/mpi_communicator.h"
#include "parallel/comm/nccl_backend.h"
#include "parallel/comm/self_communicator.h"

namespace tokenwerk {
namespace {

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : value;
}

/// Launchers tell their processes so. `mpirun -n 1` is as good as no launcher.
bool started_with_others() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"})
    if (const std::string_view size = variable(name); !size.empty()) return size != "1";
  return !variable("PMIX_RANK").empty() || !variable("PMI_RANK").empty();
}

/// Tasks of an srun that brings no way to find each other would each train alone, in silence.
void check_slurm_step() {
  if (!variable("OMPI_COMM_WORLD_SIZE").empty()) return;
  const std::string_view tasks = variable("SLURM_STEP_NUM_TASKS");
  TW_CHECK_AS(CommError, tasks.empty() || tasks == "1", "srun started ", tasks,
              " tasks that cannot find each other: use srun --mpi=pmix, or mpirun");
}

int available_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
}

/// A thread of its own pays only where it takes no core from compute. Under a binding launcher the
/// affinity mask holds this rank's cores alone, otherwise all of the host's.
EngineThread choose_thread(int local_size) {
  const std::string_view wish = variable("TOKENWERK_COMM_THREAD");
  TW_CHECK_AS(ConfigError, wish.empty() || wish == "auto" || wish == "on" || wish == "off",
              "TOKENWERK_COMM_THREAD is \"", wish, "\": auto, on and off are possible");
  if (wish == "on") return EngineThread::on;
  if (wish == "off") return EngineThread::off;
  const int cores = available_cores();
  const bool bound = cores < static_cast<int>(std::thread::hardware_concurrency());
  const int ranks = bound ? 1 : local_size;
  const int wanted = std::atoi(std::string(variable("OMP_NUM_THREADS")).c_str());
  const int threads = wanted > 0 ? wanted : cores;
  return cores >= ranks * (threads + 1) ? EngineThread::on : EngineThread::off;
}

UniqueMpiComm split(MPI_Comm parent, int color, int key) {
  UniqueMpiComm out;
  TW_MPI(MPI_Comm_split(parent, color, key, out.receive()), "splitting ranks into groups");
  return out;
}

RankGroup group_of(const std::vector<Index>& ranks) {
  return {static_cast<int>(ranks[0]), static_cast<int>(ranks[1] - ranks[0]),
          static_cast<int>(ranks.size())};
}

}  // namespace

MpiEnvironment::MpiEnvironment() : host_(host_name()), exceptions_(std::uncaught_exceptions()) {
  if (!started_with_others()) {
    check_slurm_step();
    return;
  }
  const auto start = std::chrono::steady_clock::now();
  int provided = MPI_THREAD_SINGLE;
  TW_MPI(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided), "starting MPI");
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
  TW_MPI(MPI_Comm_rank(MPI_COMM_WORLD, &rank_), "asking MPI for the rank");
  TW_MPI(MPI_Comm_size(MPI_COMM_WORLD, &size_), "asking MPI for the number of ranks");
  if (size_ == 1) check_slurm_step();
  UniqueMpiComm host;
  TW_MPI(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL,
                             host.receive()),
         "finding the ranks of this host");
  TW_MPI(MPI_Comm_rank(host.get(), &local_rank_), "asking MPI for the rank on this host");
  TW_MPI(MPI_Comm_size(host.get(), &local_size_), "asking MPI for the ranks on this host");
  const bool threads = provided >= MPI_THREAD_SERIALIZED;
  engine_ = std::make_unique<CommEngine>(threads ? choose_thread(local_size_) : EngineThread::off);
  start_seconds_ = seconds_since(start);
}

MpiEnvironment::~MpiEnvironment() {
  if (!engine_) return;
  if (engine_->halted() || std::uncaught_exceptions() > exceptions_) {
    std::fprintf(stderr, "rank %d host %s: ended by an exception; aborting all ranks\n", rank_,
                 host_.c_str());
    abort_all(4);
  }
  watchdog_.reset();
  nccl_.reset();
  control_.reset();
  engine_.reset();
  if (const int status = MPI_Finalize(); status != MPI_SUCCESS)
    log_error("MPI_Finalize failed with status {}", status);
}

std::string MpiEnvironment::library() const {
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
  int length = 0;
  TW_MPI(MPI_Get_library_version(text.data(), &length), "asking MPI for its version");
  std::string_view version(text.data());
  return std::string(version.substr(0, version.find('\n')));
}

std::unique_ptr<Communicator> MpiEnvironment::make_communicator(Device& device, const Mesh& mesh,
                                                                Axis axis) {
  TW_CHECK(mesh.ranks() == size_, "a mesh of ", mesh.ranks(), " ranks in a run of ", size_);
  if (mesh.shape().degree(axis) == 1) return std::make_unique<SelfCommunicator>(axis, device);
  const RankGroup group = group_of(mesh.ranks_along(axis, rank_));
  const bool on_gpu = device.kind() == DeviceKind::cuda;
  auto out = on_gpu ? nccl(device).split(axis, group.first, group.place_of(rank_), group.size)
                    : make_over_mpi(device, axis, group);
  out->record_in(engine_->ledger(), group, ++communicators_);
  if (checks_collectives_) {
    auto control = make_over_mpi(on_gpu ? *control_device_ : device, axis, group);
    control->record_in(engine_->ledger(), group, ++communicators_);
    out->check_calls_over(std::move(control));
  }
  return out;
}

std::unique_ptr<Communicator> MpiEnvironment::make_over_mpi(Device& device, Axis axis,
                                                            const RankGroup& group) {
  UniqueMpiComm comm;
  engine_->drain();
  engine_->serialized([&] { comm = split(MPI_COMM_WORLD, group.first, group.place_of(rank_)); });
  return std::make_unique<MpiCommunicator>(axis, device, *engine_, std::move(comm),
                                           group.place_of(rank_), group.size);
}

NcclBackend& MpiEnvironment::nccl(Device& device) {
  if (!nccl_) {
    control_device_ = make_device(DeviceKind::cpu);
    control_ = make_world(*control_device_);
    nccl_ = make_nccl_backend(device, *control_, engine_->ledger(), [this] { abort_all(4); });
  }
  return *nccl_;
}

void MpiEnvironment::watch(double seconds) {
  if (size_ == 1) return;
  engine_->ledger().set_watched();
  if (seconds <= 0) return;
  auto channel = std::make_unique<SideChannel>(rank_);
  const SideAddress mine = channel->address(host_);
  const int hosts = (size_ + local_size_ - 1) / local_size_;
  HangWatchdog::Ranks ranks{
      .rank = rank_, .turn = local_rank_ * hosts + rank_ / local_size_, .addresses = {mine}};
  if (rank_ == 0) {
    ranks.addresses.resize(static_cast<std::size_t>(size_));
    ranks.secret = (std::uint64_t{std::random_device()()} << 32) | std::random_device()();
  }
  constexpr int bytes = sizeof(SideAddress);
  engine_->drain();
  engine_->serialized([&] {
    const char* const what = "telling ranks of each other's ports";
    SideAddress* const all = ranks.addresses.data();
    TW_MPI(MPI_Gather(&mine, bytes, MPI_BYTE, all, bytes, MPI_BYTE, 0, MPI_COMM_WORLD), what);
    TW_MPI(MPI_Bcast(all, bytes, MPI_BYTE, 0, MPI_COMM_WORLD), what);
    TW_MPI(MPI_Bcast(&ranks.secret, 1, MPI_UINT64_T, 0, MPI_COMM_WORLD), what);
  });
  watchdog_ = std::make_unique<HangWatchdog>(engine_->ledger(), std::move(channel),
                                             std::move(ranks), seconds, [this] { end_hung_run(); });
}

/// The program's thread goes on waiting, so that it has no error of its own to report.
void MpiEnvironment::end_hung_run() noexcept {
  constexpr int code = 4;
  flush_log();
  std::thread([] {  // where MPI or its daemon are stuck themselves
    std::this_thread::sleep_for(std::chrono::seconds(10));
    std::_Exit(code);
  })
      .detach();
  engine_->serialized([] { MPI_Abort(MPI_COMM_WORLD, code); });
  std::_Exit(code);
}

std::unique_ptr<Communicator> MpiEnvironment::make_world(Device& device) {
  return make_communicator(device, Mesh({.replicate = size_}, size_), Axis::world);
}

double MpiEnvironment::waited_seconds() const { return engine_ ? engine_->waited_seconds() : 0.0; }

Traffic MpiEnvironment::sent() const {
  Traffic sent = engine_ ? engine_->sent() : Traffic();
  if (nccl_) sent += nccl_->sent();
  return sent;
}

void MpiEnvironment::trace_into(TraceRecorder* recorder) {
  if (engine_) engine_->trace_into(recorder);
}

bool MpiEnvironment::has_thread() const { return engine_ && engine_->has_thread(); }

void MpiEnvironment::abort_all(int code) noexcept {
  flush_log();
  std::fflush(nullptr);
  if (engine_) {
    engine_->halt();
    MPI_Abort(MPI_COMM_WORLD, code);
  }
  std::_Exit(code);
}

}  // namespace tokenwerk
