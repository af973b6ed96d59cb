#include "parallel/checkpoint/snapshot.h"

#include <map>

#include "parallel/checkpoint/host_copy.h"
#include "parallel/checkpoint/window.h"

namespace tokenwerk {
namespace {

constexpr std::size_t alignment = 64;

/// Of the copy, rounded up. Rows come close together where the host copies; a device's bus takes
/// what lies between them along.
std::size_t room_of(const ConstTensorView& view) {
  const std::size_t bytes = in_host_memory(view.device)
                                ? static_cast<std::size_t>(view.count()) * size_of(view.dtype)
                                : span_bytes(view);
  return (bytes + alignment - 1) / alignment * alignment;
}

}  // namespace

std::size_t Snapshot::bytes_of(std::span<const ArrayPart> parts) {
  std::size_t bytes = 0;
  for (const ArrayPart& part : parts) bytes += room_of(part.value);
  return bytes;
}

std::vector<ArrayPart> Snapshot::place(std::span<const ArrayPart> parts) {
  const std::size_t bytes = bytes_of(parts);
  if (memory_.bytes() < bytes) {
    memory_ = {};  // the old one first: never two at a time
    memory_ = Tensor(*host_, DType::f32, Shape{static_cast<Index>(bytes / sizeof(float))});
  }
  copies_.clear();
  std::vector<ArrayPart> placed(parts.begin(), parts.end());
  auto* to = memory_.bytes() == 0 ? nullptr : memory_.view().as<std::byte>();
  for (ArrayPart& part : placed) {
    if (part.value.data == nullptr || part.value.count() == 0) continue;
    copies_.push_back({part.value, part.box.extent, to});
    to += room_of(part.value);
    if (in_host_memory(part.value.device)) part.value.row_stride = part.value.columns();
    part.value.data = copies_.back().to;
    part.value.device = nullptr;
  }
  return placed;
}

bool Snapshot::all_in_host_memory() const {
  for (const Copy& copy : copies_)
    if (!in_host_memory(copy.from.device)) return false;
  return true;
}

void Snapshot::copy() {
  std::unique_ptr<Stream> stream;  // of the one device that a rank has
  for (const Copy& copy : copies_) {
    if (in_host_memory(copy.from.device)) {
      pack(copy.to, copy.extent, copy.from);
      continue;
    }
    if (!stream) stream = copy.from.device->make_stream();
    copy.from.device->copy_to_host(*stream, copy.to, copy.from.data, span_bytes(copy.from));
  }
  if (stream) stream->synchronize();
}

}  // namespace tokenwerk
