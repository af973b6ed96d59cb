#include "parallel/checkpoint/reading.h"

#include <fmt/core.h>

#include <algorithm>

#include "parallel/checkpoint/box.h"
#include "parallel/checkpoint/window.h"

namespace tokenwerk {
namespace {

std::string target_fault(const ArrayTarget& target, const StoredArray* array) {
  if (array == nullptr) return "is not in the checkpoint";
  if (!(target.global_shape == array->shape))
    return fmt::format("has shape {} there, {} here", array->shape.text(),
                       target.global_shape.text());
  if (!lies_inside(target.box, array->shape))
    return fmt::format("box {} is not inside {}", text_of(target.box), array->shape.text());
  if (!converts(array->dtype, target.value.dtype))
    return fmt::format("is {} there, {} here", name_of(array->dtype), name_of(target.value.dtype));
  if (target.box.extent.count() == 0) return {};
  return window_fault(target.box, target.value);
}

/// One box less to come.
void arrived(const Reading& reading) {
  if (--reading.wanted->readings == 0) reading.wanted->host.flush();
}

void unpack_into_target(const Reading& reading, const void* dense) {
  const ArrayTarget& target = *reading.wanted->target;
  unpack(reading.wanted->host.view(), target.box.extent, relative_to(reading.shared, target.box),
         dense, reading.wanted->array->dtype);
}

}  // namespace

Box Reading::in_part() const { return relative_to(shared, part->box); }

std::size_t Reading::bytes() const {
  return static_cast<std::size_t>(shared.extent.count()) * size_of(wanted->array->dtype);
}

std::vector<Wanted> matched(const Manifest& manifest, std::span<const ArrayTarget> targets,
                            const std::string& source) {
  std::map<std::string_view, const StoredArray*> arrays;
  for (const StoredArray& array : manifest.arrays) arrays[array.name] = &array;
  std::vector<Wanted> wanted;
  std::vector<std::string> faults;
  for (const ArrayTarget& target : targets) {
    const auto place = arrays.find(target.name);
    const StoredArray* array = place == arrays.end() ? nullptr : place->second;
    const std::string fault = target_fault(target, array);
    if (!fault.empty()) faults.push_back(fmt::format("{} {}", target.name, fault));
    wanted.push_back({&target, array, HostTarget(target.value)});
  }
  TW_CHECK_AS(CheckpointError, faults.empty(), source, ": ", joined(faults, "; "));
  return wanted;
}

std::map<std::size_t, std::vector<Reading>> readings_by_file(std::vector<Wanted>& wanted) {
  std::map<std::size_t, std::vector<Reading>> by_file;
  for (Wanted& want : wanted) {
    for (const StoredPart& part : want.array->parts) {
      const auto shared = intersect(part.box, want.target->box);
      if (!shared) continue;
      by_file[part.file].push_back({&want, &part, *shared});
      ++want.readings;
    }
  }
  return by_file;
}

std::vector<Reading> pieces_of(const Reading& reading, std::size_t most_bytes) {
  const Index rows = reading.shared.extent[0];
  const std::size_t row = reading.bytes() / static_cast<std::size_t>(rows);
  const auto rows_a_piece =
      static_cast<Index>(std::max<std::size_t>(1, most_bytes / std::max<std::size_t>(row, 1)));
  std::vector<Reading> pieces;
  for (Index first = 0; first < rows; first += rows_a_piece) {
    pieces.push_back(reading);
    pieces.back().shared.offset[0] += first;
    pieces.back().shared.extent[0] = std::min(rows_a_piece, rows - first);
  }
  reading.wanted->readings += static_cast<Index>(pieces.size()) - 1;
  return pieces;
}

void read(const Hdf5File& file, const Reading& reading) {
  const ArrayTarget& target = *reading.wanted->target;
  const StoredArray& array = *reading.wanted->array;
  const TensorView window = reading.wanted->host.view();
  const Shape& stored = reading.part->box.extent;
  const Box from = reading.in_part();
  void* direct = contiguous(window, target.box.extent, relative_to(reading.shared, target.box));
  if (direct != nullptr && array.dtype == window.dtype) {
    file.read(reading.part->dataset, array.dtype, stored, from, direct);
  } else {
    std::vector<std::byte> dense(reading.bytes());
    file.read(reading.part->dataset, array.dtype, stored, from, dense.data());
    unpack_into_target(reading, dense.data());
  }
  arrived(reading);
}

void take(const Reading& reading, const void* dense) {
  unpack_into_target(reading, dense);
  arrived(reading);
}

}  // namespace tokenwerk
