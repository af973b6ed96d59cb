#include "parallel/checkpoint/shard_writer.h"

#include <map>

#include "parallel/checkpoint/hdf5_file.h"
#include "parallel/checkpoint/host_copy.h"
#include "parallel/checkpoint/window.h"

namespace tokenwerk {

ShardWriter::ShardWriter(std::span<const ArrayPart> parts) {
  std::map<std::string, std::size_t> known;  // name -> position in arrays_
  std::vector<std::string> faults;
  for (const ArrayPart& part : parts) {
    const auto [place, is_new] = known.try_emplace(part.name, arrays_.size());
    if (is_new) arrays_.push_back({part.name, part.value.dtype, part.global_shape, {}});
    StoredArray& array = arrays_[place->second];
    if (!(array.shape == part.global_shape) || array.dtype != part.value.dtype)
      faults.push_back(part.name + ": given with two shapes or dtypes");
    if (part.box.extent.count() == 0) continue;
    const std::string fault = window_fault(part.box, part.value);
    if (!fault.empty()) faults.push_back(fmt::format("{}: {}", part.name, fault));
    const std::size_t before = array.parts.size();
    std::string dataset = before == 0 ? part.name : fmt::format("{}#{}", part.name, before);
    array.parts.push_back({0, dataset, part.box});
    pieces_.push_back({part, std::move(dataset)});
  }
  TW_CHECK_AS(CheckpointError, faults.empty(), joined(faults, "; "));
}

FileSum ShardWriter::write(const std::filesystem::path& path) const {
  Hdf5File file = Hdf5File::create(path);
  for (const Piece& piece : pieces_) {
    const HostCopy copy(piece.part.value);
    const ConstTensorView& value = copy.view();
    const Shape& extent = piece.part.box.extent;
    if (value.dense()) {
      file.write(piece.dataset, value.dtype, extent, value.data);
    } else {
      file.write(piece.dataset, value.dtype, extent, packed(extent, value).data());
    }
  }
  file.close();
  // Only closed bytes are final, and only what can be read back counts.
  return checksum_file(path);
}

}  // namespace tokenwerk
