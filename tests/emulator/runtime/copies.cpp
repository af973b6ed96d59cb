/// Copies and fills. Pinned memory is read and written when the operation runs: a host that
/// changes it too early gets wrong data, as with a GPU. Pageable memory is staged by the call.

#include <fmt/core.h>

#include <cuda_runtime_api.h>

#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "tests/emulator/runtime/counters.h"
#include "tests/emulator/runtime/device_memory.h"
#include "tests/emulator/runtime/faults.h"
#include "tests/emulator/runtime/host_memory.h"
#include "tests/emulator/runtime/queue.h"

namespace tokenwerk::emulator {
namespace {

/// Rows of bytes; one row when the memory is contiguous.
struct Rows {
  const void* address = nullptr;
  std::size_t pitch = 0;
  std::size_t width = 0;
  std::size_t height = 1;

  [[nodiscard]] std::size_t extent() const {
    return width == 0 || height == 0 ? 0 : (height - 1) * pitch + width;
  }
};

/// One side of a copy: device memory, pinned memory or, if neither, pageable memory.
struct Side {
  Rows rows;
  std::optional<DeviceRange> device;
  std::optional<PinnedRange> pinned;

  [[nodiscard]] bool is_device() const { return device.has_value(); }
  [[nodiscard]] bool is_pageable() const { return !device && !pinned; }
  [[nodiscard]] bool check_live(const char* call) const {
    if (device) return emulator::check_live(*device, call);
    return !pinned || emulator::check_live(*pinned, call);
  }
};

enum class Place { host, device, any };

Place destination_of(cudaMemcpyKind kind) {
  if (kind == cudaMemcpyDefault) return Place::any;
  const bool device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  return device ? Place::device : Place::host;
}

Place source_of(cudaMemcpyKind kind) {
  if (kind == cudaMemcpyDefault) return Place::any;
  const bool device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  return device ? Place::device : Place::host;
}

/// Finds out what the memory is; nothing, after a complaint, if it is not what the copy says.
std::optional<Side> side_of(const Rows& rows, Place place, const char* call) {
  Side side{rows, std::nullopt, std::nullopt};
  const bool is_device = is_device_address(rows.address);
  if (place == Place::host && is_device) {
    complain(fmt::format("{}: {} is device memory where the kind of the copy says host", call,
                         rows.address));
    return std::nullopt;
  }
  if (place == Place::device || is_device) {
    side.device = device_range(rows.address, rows.extent(), call);
    if (!side.device) return std::nullopt;
  } else {
    side.pinned = pinned_range(rows.address, rows.extent());
  }
  return side;
}

void move_rows(const Rows& to, const Rows& from) {
  auto* out = bytes_at(to.address);
  const auto* in = bytes_at(from.address);
  for (std::size_t row = 0; row < to.height; ++row) {
    std::memmove(out + row * to.pitch, in + row * from.pitch, to.width);
  }
}

/// Whether the call itself or only the stream waits for the copy.
enum class Waits { always, as_async };

bool call_waits(const Side& to, const Side& from, Waits waits) {
  if (to.is_device() && from.is_device()) return false;
  if (waits == Waits::always) return true;
  return to.is_pageable();
}

/// Reads pageable memory now, so that the caller may change it when the call returns.
std::shared_ptr<std::vector<std::byte>> stage(Side& from) {
  auto staged = std::make_shared<std::vector<std::byte>>(from.rows.width * from.rows.height);
  const Rows rows{staged->data(), from.rows.width, from.rows.width, from.rows.height};
  move_rows(rows, from.rows);
  from.rows = rows;
  return staged;
}

cudaError_t copy(const char* call, const Rows& to_rows, const Rows& from_rows, cudaMemcpyKind kind,
                 cudaStream_t stream, Waits waits) {
  if (!is_stream(stream)) return cudaErrorInvalidResourceHandle;
  if (kind < cudaMemcpyHostToHost || kind > cudaMemcpyDefault) {
    return cudaErrorInvalidMemcpyDirection;
  }
  if (to_rows.extent() == 0) return cudaSuccess;
  if (to_rows.width > to_rows.pitch || to_rows.width > from_rows.pitch) {
    return cudaErrorInvalidPitchValue;
  }
  const auto to = side_of(to_rows, destination_of(kind), call);
  auto from = side_of(from_rows, source_of(kind), call);
  if (!to || !from || to_rows.address == nullptr || from_rows.address == nullptr) {
    return cudaErrorInvalidValue;
  }
  count(&Counters::copies);
  count(&Counters::copied_bytes, static_cast<std::int64_t>(to_rows.width * to_rows.height));
  const bool is_waited_for = call_waits(*to, *from, waits);
  const auto staged = from->is_pageable() && !is_waited_for ? stage(*from) : nullptr;
  enqueue(stream, [call, to = *to, from = *from, staged] {
    if (to.check_live(call) && from.check_live(call)) move_rows(to.rows, from.rows);
    return true;
  });
  if (is_waited_for) wait_for_stream(stream);
  return standing_fault();
}

cudaError_t fill(const char* call, const Rows& rows, int value, cudaStream_t stream) {
  if (!is_stream(stream)) return cudaErrorInvalidResourceHandle;
  if (rows.width > rows.pitch) return cudaErrorInvalidPitchValue;
  const auto range = device_range(rows.address, rows.extent(), call);
  if (!range) return cudaErrorInvalidValue;
  count(&Counters::memsets);
  enqueue(stream, [call, rows, range = *range, value] {
    if (!check_live(range, call)) return true;
    auto* const out = bytes_at(rows.address);
    for (std::size_t row = 0; row < rows.height; ++row) {
      std::memset(out + row * rows.pitch, value, rows.width);
    }
    return true;
  });
  return cudaSuccess;
}

}  // namespace
}  // namespace tokenwerk::emulator

using namespace tokenwerk::emulator;

cudaError_t CUDARTAPI cudaMemcpy(void* to, const void* from, std::size_t bytes,
                                 cudaMemcpyKind kind) {
  return api_call([&] {
    return copy("cudaMemcpy", {to, bytes, bytes}, {from, bytes, bytes}, kind, nullptr,
                Waits::always);
  });
}

cudaError_t CUDARTAPI cudaMemcpyAsync(void* to, const void* from, std::size_t bytes,
                                      cudaMemcpyKind kind, cudaStream_t stream) {
  return api_call([&] {
    return copy("cudaMemcpyAsync", {to, bytes, bytes}, {from, bytes, bytes}, kind, stream,
                Waits::as_async);
  });
}

cudaError_t CUDARTAPI cudaMemcpy2D(void* to, std::size_t to_pitch, const void* from,
                                   std::size_t from_pitch, std::size_t width, std::size_t height,
                                   cudaMemcpyKind kind) {
  return api_call([&] {
    return copy("cudaMemcpy2D", {to, to_pitch, width, height}, {from, from_pitch, width, height},
                kind, nullptr, Waits::always);
  });
}

cudaError_t CUDARTAPI cudaMemcpy2DAsync(void* to, std::size_t to_pitch, const void* from,
                                        std::size_t from_pitch, std::size_t width,
                                        std::size_t height, cudaMemcpyKind kind,
                                        cudaStream_t stream) {
  return api_call([&] {
    return copy("cudaMemcpy2DAsync", {to, to_pitch, width, height},
                {from, from_pitch, width, height}, kind, stream, Waits::as_async);
  });
}

cudaError_t CUDARTAPI cudaMemset(void* pointer, int value, std::size_t bytes) {
  return api_call([&] { return fill("cudaMemset", {pointer, bytes, bytes}, value, nullptr); });
}

cudaError_t CUDARTAPI cudaMemsetAsync(void* pointer, int value, std::size_t bytes,
                                      cudaStream_t stream) {
  return api_call([&] { return fill("cudaMemsetAsync", {pointer, bytes, bytes}, value, stream); });
}

cudaError_t CUDARTAPI cudaMemset2DAsync(void* pointer, std::size_t pitch, int value,
                                        std::size_t width, std::size_t height,
                                        cudaStream_t stream) {
  return api_call([&] {
    return fill("cudaMemset2DAsync", {pointer, pitch, width, height}, value, stream);
  });
}
