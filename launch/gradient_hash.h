#pragma once
/// A gradient sink that keeps nothing but a hash: tells two computations of the same gradients
/// apart by any bit.

#include <cstdint>
#include <vector>

#include "core/nn/gradient_sink.h"
#include "core/nn/parameter_store.h"

namespace tokenwerk {

class GradientHash final : public GradientSink {
 public:
  /// With `flipped` one bit of each gradient changes before it is hashed: the fault on request.
  enum class Fault { none, flipped };
  explicit GradientHash(Fault fault) : fault_(fault) {}

  /// Waits for the device: one gradient at a time is in memory.
  void add(const Run& run, const ParameterGroup& group, Index rows,
           const Product& product) override;
  /// Adds a figure that two computations have in common too.
  void add(double figure);

  /// Of all that was added, in that order.
  [[nodiscard]] std::uint64_t value() const;

 private:
  Fault fault_;
  std::vector<std::uint64_t> hashes_;
};

}  // namespace tokenwerk
