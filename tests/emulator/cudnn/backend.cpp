/// The entry points of cuDNN that the project calls.

#include <cudnn.h>
#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>

#include "tests/emulator/cudnn/executions.h"
#include "tests/emulator/cudnn/interpreter.h"
#include "tests/emulator/runtime/device_memory.h"
#include "tests/emulator/runtime/faults.h"
#include "tests/emulator/runtime/queue.h"

struct cudnnContext {
  cudaStream_t stream = nullptr;
};

namespace tokenwerk::emulator {
namespace {

std::atomic<int> executions = 0;
thread_local std::string last_error;

cudnnStatus_t refuse(cudnnStatus_t status, std::string words) {
  last_error = std::move(words);
  return status;
}

/// MiB of workspace that a backward pass claims for each query head; none: no graph is accepted.
std::optional<std::int64_t> accepted_workspace() {
  const char* text = std::getenv("TOKENWERK_EMULATED_CUDNN");
  if (text == nullptr) return std::nullopt;
  return std::strtoll(text, nullptr, 10);
}

CudnnDescriptor& read(cudnnBackendDescriptor_t handle) {
  return **static_cast<DescriptorHandle*>(handle);
}

std::size_t bytes_of(cudnnBackendAttributeType_t type) {
  switch (type) {
    case CUDNN_TYPE_BOOLEAN:
    case CUDNN_TYPE_CHAR: return 1;
    case CUDNN_TYPE_HANDLE:
    case CUDNN_TYPE_VOID_PTR:
    case CUDNN_TYPE_BACKEND_DESCRIPTOR:
    case CUDNN_TYPE_INT64: return 8;
    default: return 4;
  }
}

void put(CudnnDescriptor& descriptor, cudnnBackendAttributeName_t name, std::int64_t value) {
  const auto* bytes = reinterpret_cast<const std::byte*>(&value);
  descriptor.attributes[name].bytes.assign(bytes, bytes + sizeof value);
}

DescriptorHandle made(cudnnBackendDescriptorType_t type) {
  return std::make_shared<CudnnDescriptor>(CudnnDescriptor{type, {}});
}

/// The graph's arrays in memory, each once.
std::vector<GraphArray> arrays_in_memory(const std::vector<DescriptorHandle>& operations) {
  std::vector<GraphArray> arrays;
  std::set<std::int64_t> ids;
  for (const DescriptorHandle& operation : operations) {
    for (const auto& [name, attribute] : operation->attributes) {
      for (const DescriptorHandle& other : attribute.descriptors) {
        if (other->type != CUDNN_BACKEND_TENSOR_DESCRIPTOR) continue;
        GraphArray array(*other);
        if (!array.is_virtual && ids.insert(array.id).second) arrays.push_back(std::move(array));
      }
    }
  }
  return arrays;
}

/// Heuristics answer with one engine, whose workspace grows with the query heads if the graph is a
/// backward pass, which is one of five products.
void answer(CudnnDescriptor& heuristics) {
  const DescriptorHandle& graph = heuristics.others(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH).at(0);
  const DescriptorHandle engine = made(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  engine->attributes[CUDNN_ATTR_ENGINE_OPERATION_GRAPH].descriptors = {graph};
  engine->attributes[CUDNN_ATTR_ENGINE_NUMERICAL_NOTE];
  put(*engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, 0);
  const DescriptorHandle configuration = made(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
  configuration->attributes[CUDNN_ATTR_ENGINECFG_ENGINE].descriptors = {engine};
  std::int64_t products = 0, heads = 0;
  for (const DescriptorHandle& operation : graph->others(CUDNN_ATTR_OPERATIONGRAPH_OPS)) {
    if (operation->type != CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR) continue;
    ++products;
    const GraphArray product(operation->other(CUDNN_ATTR_OPERATION_MATMUL_CDESC));
    heads = product.dims[0] * product.dims[1];
  }
  put(*configuration, CUDNN_ATTR_ENGINECFG_WORKSPACE_SIZE,
      products == 5 ? heads * (*accepted_workspace() << 20) + 64 : 0);
  heuristics.attributes[CUDNN_ATTR_ENGINEHEUR_RESULTS].descriptors = {configuration};
}

cudnnStatus_t finalize(CudnnDescriptor& descriptor) {
  if (descriptor.type == CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR) {
    if (!accepted_workspace())
      return refuse(CUDNN_STATUS_NOT_SUPPORTED, "the emulator has no engines of cuDNN's");
    answer(descriptor);
  } else if (descriptor.type == CUDNN_BACKEND_ENGINE_DESCRIPTOR) {
    return refuse(CUDNN_STATUS_NOT_SUPPORTED, "the emulator's engine is not chosen by number");
  } else if (descriptor.type == CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR) {
    put(descriptor, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
        descriptor.other(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG)
            .value<std::int64_t>(CUDNN_ATTR_ENGINECFG_WORKSPACE_SIZE));
  }
  return CUDNN_STATUS_SUCCESS;
}

DeviceRange range_of(void* address, std::size_t bytes, const std::string& what) {
  const auto range = device_range(address, bytes, "cudnnBackendExecute: " + what);
  if (!range) throw std::runtime_error(what + " is not usable");
  return *range;
}

/// One execution on its way to the stream. Numbers are read now, arrays when it runs.
struct Call {
  std::vector<DescriptorHandle> operations;
  std::vector<DeviceRange> ranges;
  ArrayPlaces places;
  std::map<std::int64_t, float> numbers;

  Call(const CudnnDescriptor& plan, const CudnnDescriptor& pack) {
    operations = plan.other(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG)
                     .other(CUDNN_ATTR_ENGINECFG_ENGINE)
                     .other(CUDNN_ATTR_ENGINE_OPERATION_GRAPH)
                     .others(CUDNN_ATTR_OPERATIONGRAPH_OPS);
    const auto ids = pack.values<std::int64_t>(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
    const auto addresses = pack.values<void*>(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
    for (const GraphArray& array : arrays_in_memory(operations)) {
      const auto found = std::find(ids.begin(), ids.end(), array.id);
      if (found == ids.end()) throw std::runtime_error(fmt::format("no array {}", array.id));
      bind(array, addresses.at(static_cast<std::size_t>(found - ids.begin())));
    }
    const auto workspace = plan.value<std::int64_t>(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE);
    if (workspace > 0)
      ranges.push_back(range_of(pack.value<void*>(CUDNN_ATTR_VARIANT_PACK_WORKSPACE),
                                static_cast<std::size_t>(workspace), "the workspace"));
  }

  void bind(const GraphArray& array, void* address) {
    if (array.is_number) {
      std::memcpy(&numbers[array.id], address, sizeof(float));
      return;
    }
    const std::string what = fmt::format("array {}", array.id);
    if (reinterpret_cast<std::uintptr_t>(address) % 16 != 0)
      throw std::runtime_error(what + " is not aligned to 16 bytes");
    const auto bytes = static_cast<std::size_t>(array.extent()) * emulator::bytes_of(array.type);
    ranges.push_back(range_of(address, bytes, what));
    places[array.id] = static_cast<std::byte*>(address);
  }

  void run() {
    for (const DeviceRange& range : ranges)
      if (!check_live(range, "cudnnBackendExecute")) return;
    ArrayPlaces on_host;
    for (const auto& [id, address] : places) on_host[id] = bytes_at(address);
    for (auto& [id, number] : numbers) on_host[id] = reinterpret_cast<std::byte*>(&number);
    interpret(operations, on_host);
    ++executions;
  }
};

}  // namespace

int cudnn_executions() { return executions; }

}  // namespace tokenwerk::emulator

using namespace tokenwerk::emulator;

std::size_t CUDNNWINAPI cudnnGetVersion() { return CUDNN_VERSION; }

const char* CUDNNWINAPI cudnnGetErrorString(cudnnStatus_t status) {
  switch (CUDNN_STATUS_CATEGORY(status)) {
    case CUDNN_STATUS_SUCCESS: return "CUDNN_STATUS_SUCCESS";
    case CUDNN_STATUS_NOT_SUPPORTED: return "CUDNN_STATUS_NOT_SUPPORTED";
    default: return "CUDNN_STATUS_EXECUTION_FAILED";
  }
}

void CUDNNWINAPI cudnnGetLastErrorString(char* message, std::size_t size) {
  if (size > 0) message[last_error.copy(message, size - 1)] = '\0';
}

cudnnStatus_t CUDNNWINAPI cudnnGetCallback(unsigned* mask, void** data, cudnnCallback_t* callback) {
  *mask = 0, *data = nullptr, *callback = nullptr;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t CUDNNWINAPI cudnnSetCallback(unsigned, void*, cudnnCallback_t) {
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t CUDNNWINAPI cudnnCreate(cudnnHandle_t* handle) {
  if (reason_to_refuse() != cudaSuccess)
    return refuse(CUDNN_STATUS_NOT_INITIALIZED, "no device can be used");
  *handle = std::make_unique<cudnnContext>().release();
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t CUDNNWINAPI cudnnDestroy(cudnnHandle_t handle) {
  const std::unique_ptr<cudnnContext> ended(handle);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t CUDNNWINAPI cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
  handle->stream = stream;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t CUDNNWINAPI cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t type,
                                                       cudnnBackendDescriptor_t* descriptor) {
  *descriptor = std::make_unique<DescriptorHandle>(made(type)).release();
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t CUDNNWINAPI cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t descriptor) {
  const std::unique_ptr<DescriptorHandle> ended(static_cast<DescriptorHandle*>(descriptor));
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t CUDNNWINAPI cudnnBackendFinalize(cudnnBackendDescriptor_t descriptor) {
  return finalize(read(descriptor));
}

cudnnStatus_t CUDNNWINAPI cudnnBackendSetAttribute(cudnnBackendDescriptor_t descriptor,
                                                   cudnnBackendAttributeName_t name,
                                                   cudnnBackendAttributeType_t type,
                                                   std::int64_t count, const void* values) {
  CudnnAttribute& attribute = read(descriptor).attributes[name] = {};
  if (type == CUDNN_TYPE_BACKEND_DESCRIPTOR) {
    const auto* handles = static_cast<const cudnnBackendDescriptor_t*>(values);
    for (std::int64_t i = 0; i < count; ++i)
      attribute.descriptors.push_back(*static_cast<DescriptorHandle*>(handles[i]));
    return CUDNN_STATUS_SUCCESS;
  }
  const auto* bytes = static_cast<const std::byte*>(values);
  attribute.bytes.assign(bytes, bytes + static_cast<std::size_t>(count) * bytes_of(type));
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t CUDNNWINAPI cudnnBackendGetAttribute(cudnnBackendDescriptor_t const descriptor,
                                                   cudnnBackendAttributeName_t name,
                                                   cudnnBackendAttributeType_t type,
                                                   std::int64_t requested, std::int64_t* count,
                                                   void* values) {
  const auto found = read(descriptor).attributes.find(name);
  if (found == read(descriptor).attributes.end())
    return refuse(CUDNN_STATUS_BAD_PARAM, fmt::format("no attribute {}", static_cast<int>(name)));
  const CudnnAttribute& attribute = found->second;
  if (type == CUDNN_TYPE_BACKEND_DESCRIPTOR) {
    *count = static_cast<std::int64_t>(attribute.descriptors.size());
    auto* handles = static_cast<cudnnBackendDescriptor_t*>(values);
    for (std::int64_t i = 0; i < std::min(requested, *count); ++i)
      *static_cast<DescriptorHandle*>(handles[i]) =
          attribute.descriptors.at(static_cast<std::size_t>(i));
    return CUDNN_STATUS_SUCCESS;
  }
  *count = static_cast<std::int64_t>(attribute.bytes.size() / bytes_of(type));
  std::memcpy(values, attribute.bytes.data(), attribute.bytes.size());
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t CUDNNWINAPI cudnnBackendExecute(cudnnHandle_t handle, cudnnBackendDescriptor_t plan,
                                              cudnnBackendDescriptor_t pack) {
  try {
    enqueue(handle->stream, [call = std::make_shared<Call>(read(plan), read(pack))] {
      call->run();
      return true;
    });
    return CUDNN_STATUS_SUCCESS;
  } catch (const std::exception& error) {
    complain(fmt::format("cudnnBackendExecute: {}", error.what()));
    return refuse(CUDNN_STATUS_EXECUTION_FAILED, error.what());
  }
}
