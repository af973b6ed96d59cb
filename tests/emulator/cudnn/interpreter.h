#pragma once
/// Executes an operation graph on whole arrays.

#include <functional>
#include <map>

#include "tests/emulator/cudnn/descriptor.h"

namespace tokenwerk::emulator {

/// A tensor descriptor, read.
struct GraphArray {
  explicit GraphArray(const CudnnDescriptor& tensor);

  /// Elements in all, and elements from the first to behind the last in memory.
  [[nodiscard]] std::int64_t count() const;
  [[nodiscard]] std::int64_t extent() const;
  /// Calls with the number of each element in row-major order and its place in memory.
  void for_each(const std::function<void(std::size_t, std::int64_t)>& visit) const;

  std::int64_t id;
  std::vector<std::int64_t> dims, strides;
  cudnnDataType_t type;
  bool is_virtual, is_number;
};

/// Where the arrays in memory lie, by id, as the host sees them.
using ArrayPlaces = std::map<std::int64_t, std::byte*>;

/// Bytes of one element.
[[nodiscard]] std::size_t bytes_of(cudnnDataType_t type);

/// Runs the operations in their order. Throws std::runtime_error where one is unknown.
void interpret(const std::vector<DescriptorHandle>& operations, const ArrayPlaces& places);

}  // namespace tokenwerk::emulator
