#include "core/cuda/cudnn_descriptor.h"

#include <algorithm>

#include "core/log.h"

namespace tokenwerk::cuda {

std::string cudnn_words() {
  std::array<char, 2048> text{};
  cudnnGetLastErrorString(text.data(), text.size());
  std::string words(text.data());
  std::replace(words.begin(), words.end(), '\n', ' ');
  return words;
}

void DescriptorTraits::release(cudnnBackendDescriptor_t descriptor) noexcept {
  if (const cudnnStatus_t status = cudnnBackendDestroyDescriptor(descriptor);
      status != CUDNN_STATUS_SUCCESS)
    log_error("cudnnBackendDestroyDescriptor: {}", cudnnGetErrorString(status));
}

Descriptor::Descriptor(cudnnBackendDescriptorType_t type) {
  TW_CUDNN(cudnnBackendCreateDescriptor(type, handle_.receive()));
}

void Descriptor::finalize() { TW_CUDNN(cudnnBackendFinalize(get())); }

std::string Descriptor::try_finalize() {
  const cudnnStatus_t status = cudnnBackendFinalize(get());
  if (CUDNN_STATUS_CATEGORY(status) == CUDNN_STATUS_NOT_SUPPORTED)
    return fmt::format("{}: {}", cudnnGetErrorString(status), cudnn_words());
  TW_CUDNN(status);
  return {};
}

std::vector<Descriptor> Descriptor::descriptors(cudnnBackendAttributeName_t name,
                                                cudnnBackendDescriptorType_t type) const {
  std::int64_t count = 0;
  TW_CUDNN(
      cudnnBackendGetAttribute(get(), name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, &count, nullptr));
  std::vector<Descriptor> found;
  std::vector<cudnnBackendDescriptor_t> handles;
  for (std::int64_t i = 0; i < count; ++i) handles.push_back(found.emplace_back(type).get());
  if (count == 0) return found;
  TW_CUDNN(cudnnBackendGetAttribute(get(), name, CUDNN_TYPE_BACKEND_DESCRIPTOR, count, &count,
                                    handles.data()));
  found.resize(static_cast<std::size_t>(count));
  return found;
}

Descriptor& Descriptor::set(cudnnBackendAttributeName_t name,
                            const std::vector<Descriptor>& others) {
  std::vector<cudnnBackendDescriptor_t> handles;
  handles.reserve(others.size());
  for (const Descriptor& other : others) handles.push_back(other.get());
  return set(name, handles);
}

Descriptor& Descriptor::set_values(cudnnBackendAttributeName_t name,
                                   cudnnBackendAttributeType_t type, std::size_t count,
                                   const void* values) {
  TW_CUDNN(cudnnBackendSetAttribute(get(), name, type, static_cast<std::int64_t>(count), values),
           ", attribute ", static_cast<int>(name));
  return *this;
}

}  // namespace tokenwerk::cuda
