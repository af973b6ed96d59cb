#pragma once
/// NCCL communicators of a run. Their code lies in the CUDA module (core/device_module.h).

#include <functional>
#include <memory>

#include "parallel/comm/communicator.h"
#include "parallel/comm/traffic.h"

namespace tokenwerk {

class Ledger;

/// The parent of all NCCL communicators of this rank, which are split from it.
class NcclBackend {
 public:
  NcclBackend() = default;
  NcclBackend(const NcclBackend&) = delete;
  NcclBackend& operator=(const NcclBackend&) = delete;
  virtual ~NcclBackend() = default;

  /// This rank's communicator with all ranks of its color, each at its place of so many. All ranks
  /// of the run call together. It must end before the parent.
  [[nodiscard]] virtual std::unique_ptr<Communicator> split(Axis axis, int color, int place,
                                                            int size) = 0;
  /// What this rank has sent so far, if NCCL's rings carry it: the library does not say.
  [[nodiscard]] virtual Traffic sent() const = 0;
};

/// Joins all ranks of `control`, which passes NCCL's identifiers over host memory. The ledger
/// learns within a second or two what a communicator has at hand. `abort` ends all ranks where a
/// communicator fails, or makes no progress for TOKENWERK_NCCL_SECONDS (600, but no limit unless it
/// is set where the ledger is watched); what it was is logged before. Throws DeviceError without
/// the module, CommError where NCCL cannot start (within the same limit, otherwise 600 seconds).
[[nodiscard]] std::unique_ptr<NcclBackend> make_nccl_backend(Device& device, Communicator& control,
                                                             Ledger& ledger,
                                                             std::function<void()> abort);

}  // namespace tokenwerk
