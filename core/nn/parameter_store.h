#pragma once
/// All parameters of a rank in one flat buffer, in canonical order, so that the optimizer, the
/// gradient reduction and the checkpoints walk plain arrays.

#include <vector>

#include "core/nn/parameter.h"

namespace tokenwerk {

class ParameterStore {
 public:
  /// Lays the groups out one after the other (each begins at a multiple of 16 elements), allocates
  /// their values on the device and binds them. All groups share a dtype. The groups must outlive
  /// the store.
  ParameterStore(Device& device, std::vector<ParameterGroup*> groups);

  [[nodiscard]] const std::vector<ParameterGroup*>& groups() const { return groups_; }
  [[nodiscard]] DType dtype() const { return values_.dtype(); }
  /// Elements of a flat array over all groups, gaps and padding included.
  [[nodiscard]] Index size() const { return values_.shape().count(); }
  /// True parameters: what the unsharded model counts, each once.
  [[nodiscard]] Index parameter_count() const;
  [[nodiscard]] TensorView values() const { return values_; }

  /// Sets every value from its parameter's Initial: a pure function of (seed, name, global index).
  void initialise(Stream& stream, std::uint64_t seed) const;

  /// A group's window on a flat array that is laid out like the values.
  [[nodiscard]] static TensorView window(TensorView flat, const ParameterGroup& group);
  /// One part's window: (rows, columns), or (length) for a vector. The part must belong to the
  /// group.
  [[nodiscard]] static TensorView window(TensorView flat, const ParameterGroup& group,
                                         const Parameter& part);

 private:
  std::vector<ParameterGroup*> groups_;
  Tensor values_;
};

}  // namespace tokenwerk
