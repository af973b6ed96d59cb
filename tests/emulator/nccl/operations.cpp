/// The entry points that communicate. Each checks its arguments, finds out what this rank gives
/// and takes, and issues an item.

#include <fmt/core.h>
#include <nccl.h>

#include <algorithm>
#include <cstring>

#include "tests/emulator/nccl/items.h"
#include "tests/emulator/nccl/reduction.h"
#include "tests/emulator/runtime/queue.h"
#include "tests/emulator/runtime/settings.h"

namespace tokenwerk::emulator {
namespace {

/// A buffer of a call and its size in bytes.
struct Buffer {
  const void* address = nullptr;
  std::size_t bytes = 0;
};

/// Everything about a call that does not depend on its kind.
struct Issue {
  Communicator comm;
  Call call;
  cudaStream_t stream = nullptr;
  std::vector<DeviceRange> ranges;
  ncclResult_t result = ncclSuccess;

  [[nodiscard]] bool is_refused() const { return result != ncclSuccess; }
  [[nodiscard]] std::size_t ranks() const { return static_cast<std::size_t>(comm->ranks); }
  [[nodiscard]] std::size_t rank() const { return static_cast<std::size_t>(comm->rank); }
  [[nodiscard]] bool is_partner() const { return comm->rank == call.partner; }
};

/// Checks communicator, type, operation, partner and stream.
Issue begin(const char* name, ncclComm_t handle, const Call& call, cudaStream_t stream) {
  Issue issue{find_communicator(handle), call, stream, {}, ncclSuccess};
  issue.result = check_usable(issue.comm, name);
  if (issue.is_refused()) return issue;
  const bool has_partner = call.kind == CallKind::reduce || call.kind == CallKind::broadcast ||
                           call.kind == CallKind::gather || call.kind == CallKind::scatter ||
                           call.kind == CallKind::send || call.kind == CallKind::receive;
  if (bytes_of(call.type) == 0 || call.operation < ncclSum || call.operation > ncclAvg ||
      (has_partner && (call.partner < 0 || call.partner >= issue.comm->ranks)) ||
      !is_stream(stream)) {
    issue.result = refuse(ncclInvalidArgument,
                          fmt::format("{}: type, operation, rank or stream is none", name));
  }
  return issue;
}

/// Checks a buffer and keeps it to be checked again when the call runs.
void use(Issue& issue, const char* name, const Buffer& buffer) {
  if (issue.is_refused() || buffer.bytes == 0) return;
  const auto range = device_range(buffer.address, buffer.bytes, name);
  if (!range) {
    issue.result = refuse(ncclInvalidArgument, fmt::format("{}: not device memory", name));
  } else if (reinterpret_cast<std::uintptr_t>(buffer.address) % bytes_of(issue.call.type) != 0) {
    issue.result = refuse(ncclInvalidArgument, fmt::format("{}: misaligned buffer", name));
  } else {
    issue.ranges.push_back(*range);
  }
}

ncclResult_t end(Issue& made, Part part) {
  if (made.is_refused()) return made.result;
  made.call.number = made.comm->next_collective++;
  if (made.call.number == shorter_collective()) --made.call.count;
  return issue(made.comm, make_collective(made.call, std::move(part), std::move(made.ranges)),
               made.stream);
}

/// The bytes that a round shares with a window of the contributions.
struct Overlap {
  std::size_t begin = 0;
  std::size_t bytes = 0;
};

Overlap overlap(std::size_t offset, std::size_t bytes, std::size_t window, std::size_t size) {
  const auto begin = std::max(offset, window);
  const auto end = std::min(offset + bytes, window + size);
  return {begin, end > begin ? end - begin : 0};
}

/// Reduces in the order of the ranks, so that every rank gets the same bits.
void reduce_pieces(std::byte* out, std::size_t bytes, std::size_t skipped, const Call& call,
                   const std::vector<const std::byte*>& pieces) {
  std::memcpy(out, pieces[0] + skipped, bytes);
  for (std::size_t rank = 1; rank < pieces.size(); ++rank) {
    combine(out, pieces[rank] + skipped, bytes, call.type, call.operation);
  }
  if (call.operation == ncclAvg) divide(out, bytes, call.type, static_cast<int>(pieces.size()));
}

/// Takes the reduction of everything.
Consume reduce_into(void* out, const Call& call) {
  return [=](std::size_t offset, std::size_t bytes, const auto& pieces) {
    reduce_pieces(bytes_at(out) + offset, bytes, 0, call, pieces);
  };
}

/// Takes the pieces of all ranks, one after another.
Consume gather_into(void* out, std::size_t block) {
  return [=](std::size_t offset, std::size_t bytes, const auto& pieces) {
    for (std::size_t rank = 0; rank < pieces.size(); ++rank) {
      std::memcpy(bytes_at(out) + rank * block + offset, pieces[rank], bytes);
    }
  };
}

}  // namespace
}  // namespace tokenwerk::emulator

using namespace tokenwerk::emulator;

ncclResult_t ncclAllReduce(const void* send, void* receive, std::size_t count, ncclDataType_t type,
                           ncclRedOp_t operation, ncclComm_t comm, cudaStream_t stream) {
  const Call call{CallKind::all_reduce, type, operation, -1, count};
  auto issue = begin("ncclAllReduce", comm, call, stream);
  use(issue, "ncclAllReduce", {send, call.bytes()});
  use(issue, "ncclAllReduce", {receive, call.bytes()});
  return end(issue, {send, call.bytes(), reduce_into(receive, call)});
}

ncclResult_t ncclReduce(const void* send, void* receive, std::size_t count, ncclDataType_t type,
                        ncclRedOp_t operation, int root, ncclComm_t comm, cudaStream_t stream) {
  const Call call{CallKind::reduce, type, operation, root, count};
  auto issue = begin("ncclReduce", comm, call, stream);
  use(issue, "ncclReduce", {send, call.bytes()});
  if (issue.is_refused() || !issue.is_partner()) return end(issue, {send, call.bytes(), {}});
  use(issue, "ncclReduce", {receive, call.bytes()});
  return end(issue, {send, call.bytes(), reduce_into(receive, call)});
}

ncclResult_t ncclBroadcast(const void* send, void* receive, std::size_t count, ncclDataType_t type,
                           int root, ncclComm_t comm, cudaStream_t stream) {
  const Call call{CallKind::broadcast, type, ncclSum, root, count};
  auto issue = begin("ncclBroadcast", comm, call, stream);
  use(issue, "ncclBroadcast", {receive, call.bytes()});
  if (issue.is_refused()) return issue.result;
  if (issue.is_partner()) use(issue, "ncclBroadcast", {send, call.bytes()});
  const auto take = [=](std::size_t offset, std::size_t bytes, const auto& pieces) {
    std::memcpy(bytes_at(receive) + offset, pieces[static_cast<std::size_t>(root)], bytes);
  };
  return end(issue, {issue.is_partner() ? send : nullptr, call.bytes(), take});
}

ncclResult_t ncclBcast(void* buffer, std::size_t count, ncclDataType_t type, int root,
                       ncclComm_t comm, cudaStream_t stream) {
  return ncclBroadcast(buffer, buffer, count, type, root, comm, stream);
}

ncclResult_t ncclAllGather(const void* send, void* receive, std::size_t count, ncclDataType_t type,
                           ncclComm_t comm, cudaStream_t stream) {
  const Call call{CallKind::all_gather, type, ncclSum, -1, count};
  auto issue = begin("ncclAllGather", comm, call, stream);
  if (issue.is_refused()) return issue.result;
  use(issue, "ncclAllGather", {send, call.bytes()});
  use(issue, "ncclAllGather", {receive, call.bytes() * issue.ranks()});
  return end(issue, {send, call.bytes(), gather_into(receive, call.bytes())});
}

ncclResult_t ncclReduceScatter(const void* send, void* receive, std::size_t count,
                               ncclDataType_t type, ncclRedOp_t operation, ncclComm_t comm,
                               cudaStream_t stream) {
  const Call call{CallKind::reduce_scatter, type, operation, -1, count};
  auto issue = begin("ncclReduceScatter", comm, call, stream);
  if (issue.is_refused()) return issue.result;
  use(issue, "ncclReduceScatter", {send, call.bytes() * issue.ranks()});
  use(issue, "ncclReduceScatter", {receive, call.bytes()});
  const auto window = issue.rank() * call.bytes();
  const auto take = [=](std::size_t offset, std::size_t bytes, const auto& pieces) {
    const auto own = overlap(offset, bytes, window, call.bytes());
    if (own.bytes == 0) return;
    reduce_pieces(bytes_at(receive) + (own.begin - window), own.bytes, own.begin - offset, call,
                  pieces);
  };
  return end(issue, {send, call.bytes() * issue.ranks(), take});
}

ncclResult_t ncclAlltoAll(const void* send, void* receive, std::size_t count, ncclDataType_t type,
                          ncclComm_t comm, cudaStream_t stream) {
  const Call call{CallKind::all_to_all, type, ncclSum, -1, count};
  auto issue = begin("ncclAlltoAll", comm, call, stream);
  if (issue.is_refused()) return issue.result;
  use(issue, "ncclAlltoAll", {send, call.bytes() * issue.ranks()});
  use(issue, "ncclAlltoAll", {receive, call.bytes() * issue.ranks()});
  const auto window = issue.rank() * call.bytes();
  const auto take = [=](std::size_t offset, std::size_t bytes, const auto& pieces) {
    const auto own = overlap(offset, bytes, window, call.bytes());
    for (std::size_t rank = 0; rank < pieces.size() && own.bytes > 0; ++rank) {
      std::memcpy(bytes_at(receive) + rank * call.bytes() + (own.begin - window),
                  pieces[rank] + (own.begin - offset), own.bytes);
    }
  };
  return end(issue, {send, call.bytes() * issue.ranks(), take});
}

ncclResult_t ncclGather(const void* send, void* receive, std::size_t count, ncclDataType_t type,
                        int root, ncclComm_t comm, cudaStream_t stream) {
  const Call call{CallKind::gather, type, ncclSum, root, count};
  auto issue = begin("ncclGather", comm, call, stream);
  use(issue, "ncclGather", {send, call.bytes()});
  if (issue.is_refused() || !issue.is_partner()) return end(issue, {send, call.bytes(), {}});
  use(issue, "ncclGather", {receive, call.bytes() * issue.ranks()});
  return end(issue, {send, call.bytes(), gather_into(receive, call.bytes())});
}

ncclResult_t ncclScatter(const void* send, void* receive, std::size_t count, ncclDataType_t type,
                         int root, ncclComm_t comm, cudaStream_t stream) {
  const Call call{CallKind::scatter, type, ncclSum, root, count};
  auto issue = begin("ncclScatter", comm, call, stream);
  if (issue.is_refused()) return issue.result;
  use(issue, "ncclScatter", {receive, call.bytes()});
  const auto all = call.bytes() * issue.ranks();
  if (issue.is_partner()) use(issue, "ncclScatter", {send, all});
  const auto window = issue.rank() * call.bytes();
  const auto take = [=](std::size_t offset, std::size_t bytes, const auto& pieces) {
    const auto own = overlap(offset, bytes, window, call.bytes());
    if (own.bytes == 0) return;
    std::memcpy(bytes_at(receive) + (own.begin - window),
                pieces[static_cast<std::size_t>(root)] + (own.begin - offset), own.bytes);
  };
  return end(issue, {issue.is_partner() ? send : nullptr, all, take});
}

ncclResult_t ncclSend(const void* data, std::size_t count, ncclDataType_t type, int peer,
                      ncclComm_t comm, cudaStream_t stream) {
  const Call call{CallKind::send, type, ncclSum, peer, count};
  auto made = begin("ncclSend", comm, call, stream);
  use(made, "ncclSend", {data, call.bytes()});
  if (made.is_refused()) return made.result;
  made.call.number = made.comm->next_send[static_cast<std::size_t>(peer)]++;
  return issue(made.comm, make_send(made.call, data, std::move(made.ranges)), stream);
}

ncclResult_t ncclRecv(void* data, std::size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                      cudaStream_t stream) {
  const Call call{CallKind::receive, type, ncclSum, peer, count};
  auto made = begin("ncclRecv", comm, call, stream);
  use(made, "ncclRecv", {data, call.bytes()});
  if (made.is_refused()) return made.result;
  made.call.number = made.comm->next_receive[static_cast<std::size_t>(peer)]++;
  return issue(made.comm, make_receive(made.call, data, std::move(made.ranges)), stream);
}
