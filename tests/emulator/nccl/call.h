#pragma once
/// One call of NCCL as ranks compare it: all of them must say the same.

#include <nccl.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace tokenwerk::emulator {

enum class CallKind : std::int32_t {
  all_reduce,
  reduce,
  broadcast,
  all_gather,
  reduce_scatter,
  all_to_all,
  gather,
  scatter,
  send,
  receive
};

/// Lies in memory that processes share, so it holds plain values only.
struct Call {
  CallKind kind = CallKind::all_reduce;
  ncclDataType_t type = ncclInt8;
  ncclRedOp_t operation = ncclSum;  ///< of reductions
  std::int32_t partner = -1;        ///< the root, or the other rank
  std::uint64_t count = 0;
  std::uint64_t number = 0;  ///< of the calls of the communicator, or of those between two ranks

  [[nodiscard]] std::size_t bytes() const;
};

/// Bytes of an element; 0 for types that the stand-in does not know.
[[nodiscard]] std::size_t bytes_of(ncclDataType_t type);

/// "all-reduce of 100 float32, sum (call 17)".
[[nodiscard]] std::string describe(const Call& call);

/// Whether two ranks of a collective call the same. A root is the same for all.
[[nodiscard]] bool agree(const Call& one, const Call& other);

/// Whether what is sent is what is received.
[[nodiscard]] bool fit(const Call& send, const Call& receive);

}  // namespace tokenwerk::emulator
