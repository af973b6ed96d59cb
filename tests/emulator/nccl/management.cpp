/// The entry points that make, describe and end communicators.

#include <fmt/core.h>
#include <nccl.h>

#include <algorithm>
#include <cstring>
#include <tuple>

#include "tests/emulator/nccl/communicator.h"
#include "tests/emulator/nccl/task.h"
#include "tests/emulator/runtime/devices.h"

namespace tokenwerk::emulator {
namespace {

constexpr unsigned config_magic = 0xcafebeef;

/// What a configuration says; null means the defaults.
struct Options {
  bool is_blocking = true;
  std::string name = "world";
};

bool read_config(const ncclConfig_t* config, Options& options) {
  if (config == nullptr) return true;
  if (config->magic != config_magic) return false;
  if (config->blocking != NCCL_CONFIG_UNDEF_INT) options.is_blocking = config->blocking != 0;
  if (config->commName != nullptr) options.name = config->commName;
  return true;
}

/// Hands a communicator out, ready or on its way to be.
ncclResult_t hand_out(const Communicator& made, ncclComm_t* comm) {
  *comm = add_communicator(made);
  if (is_in_group()) {
    set_up_in_group(made);
    return made->is_blocking ? ncclSuccess : ncclInProgress;
  }
  if (!made->is_blocking) return ncclInProgress;
  const auto result = finish_setup({made});
  if (result != ncclSuccess) {
    remove_communicator(*comm);
    *comm = nullptr;
  }
  return result;
}

ncclResult_t create(ncclComm_t* comm, int ranks, const ncclUniqueId& id, int rank,
                    const ncclConfig_t* config) {
  Options options;
  if (comm == nullptr || rank < 0 || rank >= ranks || ranks > most_ranks ||
      !read_config(config, options)) {
    return refuse(ncclInvalidArgument, fmt::format("ncclCommInitRank: rank {} of {}, or a "
                                                   "configuration that was not initialized",
                                                   rank, ranks));
  }
  if (id.internal[0] != '/') {
    return refuse(ncclInvalidArgument, "ncclCommInitRank: the id is none of ncclGetUniqueId");
  }
  const auto made = std::make_shared<ncclComm>();
  made->name = options.name;
  made->ranks = ranks;
  made->rank = rank;
  made->device = current_device();
  made->is_blocking = options.is_blocking;
  try {
    made->open(id.internal);
  } catch (const std::exception& error) {
    return refuse(ncclInvalidUsage, fmt::format("ncclCommInitRank: {}", error.what()));
  }
  return hand_out(made, comm);
}

/// All ranks of the parent that gave one color, as the order of the new communicator wants them.
std::vector<int> members(const ncclComm& parent, std::uint64_t number, int color) {
  std::vector<std::tuple<int, int>> found;
  for (int rank = 0; rank < parent.ranks; ++rank) {
    const auto& answer = parent.segment->rank(rank).split[number % RankBlock::answers];
    if (answer.color == color) found.emplace_back(answer.key, rank);
  }
  std::sort(found.begin(), found.end());
  std::vector<int> ranks;
  for (const auto& [key, rank] : found) ranks.push_back(rank);
  return ranks;
}

bool all_have_answered(const ncclComm& parent, std::uint64_t number) {
  for (int rank = 0; rank < parent.ranks; ++rank) {
    if (parent.segment->rank(rank).split[number % RankBlock::answers].number != number) {
      return false;
    }
  }
  return true;
}

/// The first step of a split: once all ranks have said their colors, each knows its group.
std::function<bool()> split_step(const Communicator& parent, ncclComm* child, std::uint64_t number,
                                 int color) {
  return [=] {
    if (!all_have_answered(*parent, number)) return false;
    const auto ranks = members(*parent, number, color);
    child->ranks = static_cast<int>(ranks.size());
    child->rank =
        static_cast<int>(std::find(ranks.begin(), ranks.end(), parent->rank) - ranks.begin());
    child->open(fmt::format("{}-{}-{}", parent->segment_name, number, color));
    return false;
  };
}

ncclResult_t split(const Communicator& parent, int color, int key, ncclComm_t* comm,
                   const ncclConfig_t* config) {
  const auto number = parent->next_split++;
  Options options{parent->is_blocking,
                  fmt::format("split {} of {}, color {}", number, parent->name, color)};
  if (!read_config(config, options)) {
    return refuse(ncclInvalidArgument, "ncclCommSplit: the configuration was not initialized");
  }
  auto& answer = parent->own().split[number % RankBlock::answers];
  answer.color = color;
  answer.key = key;
  answer.number = number;
  *comm = nullptr;
  if (color == NCCL_SPLIT_NOCOLOR) return ncclSuccess;
  const auto made = std::make_shared<ncclComm>();
  made->name = options.name;
  made->rank = parent->rank;
  made->device = parent->device;
  made->is_blocking = options.is_blocking;
  made->setup = split_step(parent, made.get(), number, color);
  return hand_out(made, comm);
}

/// Runs the body with the communicator of the handle.
template <typename Body>
ncclResult_t with_communicator(const char* call, ncclComm_t handle, const Body& body) {
  const auto comm = find_communicator(handle);
  if (!comm) return refuse(ncclInvalidArgument, fmt::format("{}: no communicator", call));
  return body(comm);
}

/// Writes what `read` says of the communicator.
template <typename T, typename Read>
ncclResult_t answer(const char* call, ncclComm_t handle, T* out, const Read& read) {
  return with_communicator(call, handle, [&](const Communicator& comm) {
    if (out == nullptr) return refuse(ncclInvalidArgument, fmt::format("{}: null", call));
    comm->advance_setup();
    *out = read(*comm);
    return ncclSuccess;
  });
}

/// Ends all work of the communicator undone.
void stop(const Communicator& comm) {
  comm->is_stopped = true;
  comm->drain();
}

}  // namespace
}  // namespace tokenwerk::emulator

using namespace tokenwerk::emulator;

ncclResult_t ncclGetVersion(int* version) {
  if (version == nullptr) return ncclInvalidArgument;
  *version = NCCL_VERSION_CODE;
  return ncclSuccess;
}

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  if (id == nullptr) return ncclInvalidArgument;
  std::memset(id, 0, sizeof *id);
  make_segment_name(id->internal, sizeof id->internal);
  return ncclSuccess;
}

ncclResult_t ncclCommInitRankConfig(ncclComm_t* comm, int ranks, ncclUniqueId id, int rank,
                                    ncclConfig_t* config) {
  return create(comm, ranks, id, rank, config);
}

ncclResult_t ncclCommInitRank(ncclComm_t* comm, int ranks, ncclUniqueId id, int rank) {
  return create(comm, ranks, id, rank, nullptr);
}

ncclResult_t ncclCommInitRankScalable(ncclComm_t* comm, int ranks, int rank, int ids,
                                      ncclUniqueId* first_id, ncclConfig_t* config) {
  if (ids < 1 || first_id == nullptr) return ncclInvalidArgument;
  return create(comm, ranks, *first_id, rank, config);
}

ncclResult_t ncclCommSplit(ncclComm_t handle, int color, int key, ncclComm_t* made,
                           ncclConfig_t* config) {
  return with_communicator("ncclCommSplit", handle, [&](const Communicator& comm) {
    comm->advance_setup();
    if (made == nullptr || !comm->is_ready() || (color < 0 && color != NCCL_SPLIT_NOCOLOR)) {
      return refuse(ncclInvalidArgument,
                    "ncclCommSplit: a parent that is not ready, or a color "
                    "below 0");
    }
    return split(comm, color, key, made, config);
  });
}

ncclResult_t ncclCommFinalize(ncclComm_t handle) {
  return with_communicator("ncclCommFinalize", handle, [](const Communicator& comm) {
    comm->drain();
    return comm->state.load();
  });
}

ncclResult_t ncclCommDestroy(ncclComm_t handle) {
  if (handle == nullptr) return ncclSuccess;
  return with_communicator("ncclCommDestroy", handle, [&](const Communicator& comm) {
    comm->drain();
    remove_communicator(handle);
    return ncclSuccess;
  });
}

ncclResult_t ncclCommAbort(ncclComm_t handle) {
  if (handle == nullptr) return ncclSuccess;
  return with_communicator("ncclCommAbort", handle, [&](const Communicator& comm) {
    stop(comm);
    remove_communicator(handle);
    return ncclSuccess;
  });
}

ncclResult_t ncclCommRevoke(ncclComm_t handle, int flags) {
  return with_communicator("ncclCommRevoke", handle, [&](const Communicator& comm) {
    if (flags != NCCL_REVOKE_DEFAULT) return ncclInvalidArgument;
    stop(comm);
    return ncclSuccess;
  });
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t handle, ncclResult_t* error) {
  return answer("ncclCommGetAsyncError", handle, error, [](ncclComm& comm) {
    comm.hear_of_failure();
    return comm.setup ? ncclInProgress : comm.state.load();
  });
}

ncclResult_t ncclCommCount(const ncclComm_t handle, int* count) {
  return answer("ncclCommCount", handle, count, [](const ncclComm& comm) { return comm.ranks; });
}

ncclResult_t ncclCommUserRank(const ncclComm_t handle, int* rank) {
  return answer("ncclCommUserRank", handle, rank, [](const ncclComm& comm) { return comm.rank; });
}

ncclResult_t ncclCommCuDevice(const ncclComm_t handle, int* device) {
  return answer("ncclCommCuDevice", handle, device,
                [](const ncclComm& comm) { return comm.device; });
}

ncclResult_t ncclGroupStart() {
  begin_group();
  return ncclSuccess;
}

ncclResult_t ncclGroupEnd() { return end_group(); }
