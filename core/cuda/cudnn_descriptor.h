#pragma once
/// Descriptors of cuDNN's backend API: owned, set and read by type, failures as errors.

#include <cudnn.h>

#include <array>
#include <string>
#include <type_traits>
#include <vector>

#include "core/error.h"
#include "core/unique_handle.h"

namespace tokenwerk::cuda {

/// What cuDNN says about the thread's last failure, in one line.
[[nodiscard]] std::string cudnn_words();

/// Calls cuDNN; anything but success throws DeviceError with the call, the status and cuDNN's
/// words.
#define TW_CUDNN(call, ...)                                                      \
  do {                                                                           \
    const cudnnStatus_t tw_status = (call);                                      \
    if (tw_status != CUDNN_STATUS_SUCCESS) [[unlikely]]                          \
      ::tokenwerk::detail::raise<::tokenwerk::DeviceError>(                      \
          __FILE__, __LINE__, #call, ": ", cudnnGetErrorString(tw_status), " (", \
          ::tokenwerk::cuda::cudnn_words(), ")" __VA_OPT__(, ) __VA_ARGS__);     \
  } while (false)

struct DescriptorTraits {
  using Handle = cudnnBackendDescriptor_t;
  static Handle none() { return nullptr; }
  static void release(Handle descriptor) noexcept;
};

/// How the backend API names the type of an attribute's values. `void*` is a descriptor.
template <typename T>
consteval cudnnBackendAttributeType_t attribute_type() {
  if constexpr (std::is_same_v<T, std::int64_t>) return CUDNN_TYPE_INT64;
  if constexpr (std::is_same_v<T, std::int32_t>) return CUDNN_TYPE_INT32;
  if constexpr (std::is_same_v<T, bool>) return CUDNN_TYPE_BOOLEAN;
  if constexpr (std::is_same_v<T, cudnnHandle_t>) return CUDNN_TYPE_HANDLE;
  if constexpr (std::is_same_v<T, cudnnBackendDescriptor_t>) return CUDNN_TYPE_BACKEND_DESCRIPTOR;
  if constexpr (std::is_same_v<T, cudnnDataType_t>) return CUDNN_TYPE_DATA_TYPE;
  if constexpr (std::is_same_v<T, cudnnPointwiseMode_t>) return CUDNN_TYPE_POINTWISE_MODE;
  if constexpr (std::is_same_v<T, cudnnReduceTensorOp_t>) return CUDNN_TYPE_REDUCTION_OPERATOR_TYPE;
  if constexpr (std::is_same_v<T, cudnnBackendHeurMode_t>) return CUDNN_TYPE_HEUR_MODE;
  if constexpr (std::is_same_v<T, cudnnBackendNumericalNote_t>) return CUDNN_TYPE_NUMERICAL_NOTE;
  if constexpr (std::is_same_v<T, cudnnBackendKnobType_t>) return CUDNN_TYPE_KNOB_TYPE;
}

/// One descriptor: attributes are set, then it is finalized, then it may be read and used.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(cudnnBackendDescriptorType_t type);

  [[nodiscard]] cudnnBackendDescriptor_t get() const { return handle_.get(); }

  template <typename T>
  Descriptor& set(cudnnBackendAttributeName_t name, const T& value) {
    return set_values(name, attribute_type<T>(), 1, &value);
  }
  template <typename T>
  Descriptor& set(cudnnBackendAttributeName_t name, const std::vector<T>& values) {
    return set_values(name, attribute_type<T>(), values.size(), values.data());
  }
  Descriptor& set(cudnnBackendAttributeName_t name, const std::array<std::int64_t, 4>& values) {
    return set_values(name, CUDNN_TYPE_INT64, values.size(), values.data());
  }
  Descriptor& set(cudnnBackendAttributeName_t name, const std::string& text) {
    return set_values(name, CUDNN_TYPE_CHAR, text.size(), text.data());
  }
  Descriptor& set(cudnnBackendAttributeName_t name, const Descriptor& other) {
    return set(name, other.get());
  }
  Descriptor& set(cudnnBackendAttributeName_t name, const std::vector<Descriptor>& others);
  Descriptor& set_addresses(cudnnBackendAttributeName_t name, const std::vector<void*>& addresses) {
    return set_values(name, CUDNN_TYPE_VOID_PTR, addresses.size(), addresses.data());
  }

  /// Ends the description.
  void finalize();
  /// Ends it where cuDNN may refuse: its words, or nothing where it accepts.
  [[nodiscard]] std::string try_finalize();

  /// One value, which must be there.
  template <typename T>
  [[nodiscard]] T value(cudnnBackendAttributeName_t name) const {
    T value{};
    std::int64_t count = 0;
    TW_CUDNN(cudnnBackendGetAttribute(get(), name, attribute_type<T>(), 1, &count, &value));
    return value;
  }
  /// All values, at most `most`.
  template <typename T>
  [[nodiscard]] std::vector<T> values(cudnnBackendAttributeName_t name, std::size_t most) const {
    std::vector<T> values(most);
    std::int64_t count = 0;
    TW_CUDNN(cudnnBackendGetAttribute(get(), name, attribute_type<T>(),
                                      static_cast<std::int64_t>(most), &count, values.data()));
    values.resize(static_cast<std::size_t>(count));
    return values;
  }
  /// All descriptors of an attribute, each of `type`.
  [[nodiscard]] std::vector<Descriptor> descriptors(cudnnBackendAttributeName_t name,
                                                    cudnnBackendDescriptorType_t type) const;

 private:
  Descriptor& set_values(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                         std::size_t count, const void* values);

  UniqueHandle<DescriptorTraits> handle_;
};

}  // namespace tokenwerk::cuda
