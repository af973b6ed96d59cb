#pragma once
/// Descriptors of cuDNN's backend API: a type, and attributes as they were set.

#include <cudnn.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <map>
#include <memory>
#include <vector>

namespace tokenwerk::emulator {

struct CudnnDescriptor;
/// Attributes hold what they name, as the real library does: the caller may destroy it.
using DescriptorHandle = std::shared_ptr<CudnnDescriptor>;

struct CudnnAttribute {
  std::vector<std::byte> bytes;
  std::vector<DescriptorHandle> descriptors;
};

struct CudnnDescriptor {
  cudnnBackendDescriptorType_t type;
  std::map<cudnnBackendAttributeName_t, CudnnAttribute> attributes;

  [[nodiscard]] bool has(cudnnBackendAttributeName_t name) const {
    return attributes.contains(name);
  }
  /// All values; none where it was not set.
  template <typename T>
  [[nodiscard]] std::vector<T> values(cudnnBackendAttributeName_t name) const {
    const auto found = attributes.find(name);
    if (found == attributes.end()) return {};
    std::vector<T> values(found->second.bytes.size() / sizeof(T));
    std::memcpy(values.data(), found->second.bytes.data(), values.size() * sizeof(T));
    return values;
  }
  template <typename T>
  [[nodiscard]] T value(cudnnBackendAttributeName_t name) const {
    T value{};
    const std::vector<std::byte>& bytes = attributes.at(name).bytes;
    std::memcpy(&value, bytes.data(), std::min(bytes.size(), sizeof value));
    return value;
  }
  template <typename T>
  [[nodiscard]] T value_or(cudnnBackendAttributeName_t name, T otherwise) const {
    return has(name) ? value<T>(name) : otherwise;
  }
  [[nodiscard]] const std::vector<DescriptorHandle>& others(
      cudnnBackendAttributeName_t name) const {
    return attributes.at(name).descriptors;
  }
  [[nodiscard]] const CudnnDescriptor& other(cudnnBackendAttributeName_t name) const {
    return *others(name).at(0);
  }
};

}  // namespace tokenwerk::emulator
