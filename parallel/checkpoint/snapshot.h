#pragma once
/// What a rank saves, copied aside, so that the arrays may change while the copy is written.

#include <span>
#include <vector>

#include "parallel/checkpoint/checkpoint.h"

namespace tokenwerk {

/// Host memory for one save at a time, taken once and used again by every later one.
class Snapshot {
 public:
  /// Its memory is `host`'s, a cpu device's.
  explicit Snapshot(Device& host) : host_(&host) {}

  /// Bytes of host memory that these parts take.
  [[nodiscard]] static std::size_t bytes_of(std::span<const ArrayPart> parts);
  /// The parts as they will stand here, undefined until `copy`. Takes memory when it holds too
  /// little; throws DeviceError when there is none.
  [[nodiscard]] std::vector<ArrayPart> place(std::span<const ArrayPart> parts);
  /// Copies the arrays of the last `place` in. On the thread that drives their device, on any
  /// thread where all are in host memory.
  void copy();
  [[nodiscard]] bool all_in_host_memory() const;

 private:
  /// An array and where its copy begins.
  struct Copy {
    ConstTensorView from;
    Shape extent;
    std::byte* to;
  };

  Device* host_;
  Tensor memory_;
  std::vector<Copy> copies_;
};

}  // namespace tokenwerk
