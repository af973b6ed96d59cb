#include "tests/parallel/checkpoint/checkpoint_sample.h"

#include <cstring>

namespace tokenwerk::test {
namespace {

constexpr std::byte untouched{0xA5};

std::uint64_t mixed(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

/// Calls visit(element in the whole array, element in the memory) for every element of a box.
template <typename Visit>
void for_each_element(const Shape& whole, const Box& box, Index row_stride, Visit&& visit) {
  const Index columns = box.extent.columns();
  for (Index i = 0; i < box.extent.count(); ++i) {
    Index rest = i, global = 0, scale = 1;
    for (int dim = whole.ndim() - 1; dim >= 0; --dim) {
      global += (box.offset[dim] + rest % box.extent[dim]) * scale;
      rest /= box.extent[dim];
      scale *= whole[dim];
    }
    visit(static_cast<std::size_t>(global),
          static_cast<std::size_t>(i / columns * row_stride + i % columns));
  }
}

}  // namespace

SampleArray sample_array(std::string name, DType dtype, Shape shape, Index salt) {
  const std::size_t size = static_cast<std::size_t>(shape.count()) * size_of(dtype);
  SampleArray array{std::move(name), shape, dtype, std::vector<std::byte>(size)};
  const std::uint64_t seed =
      mixed(std::hash<std::string>()(array.name) + static_cast<std::uint64_t>(salt));
  for (std::size_t i = 0; i < size; ++i)
    array.bytes[i] = static_cast<std::byte>(mixed(seed + i) >> 17);
  return array;
}

std::vector<SampleArray> sample_arrays(Index salt) {
  return {sample_array("model/embedding.weight", DType::f32, {37, 12}, salt),
          sample_array("model/blocks.0.mlp.up.weight", DType::bf16, {16, 31}, salt),
          sample_array("model/norm.bias", DType::f32, {5}, salt),
          sample_array("model/one", DType::f64, {1}, salt),
          sample_array("optimizer/m/blocks.0.mlp.up.weight", DType::f32, {16, 31}, salt),
          sample_array("optimizer/cube", DType::f64, {3, 7, 5}, salt),
          sample_array("optimizer/four", DType::i32, {2, 3, 11, 9}, salt),
          sample_array("optimizer/thin", DType::bf16, {1, 1, 13, 1}, salt)};
}

TensorView BoxMemory::view() { return {bytes.data(), box.extent, row_stride, dtype, nullptr}; }

BoxMemory blank(const Box& box, DType dtype, Index gap) {
  BoxMemory memory{box, dtype, box.extent.columns() + gap, {}};
  memory.bytes.assign(
      static_cast<std::size_t>(box.extent.rows() * memory.row_stride) * size_of(dtype), untouched);
  return memory;
}

BoxMemory copy_of(const SampleArray& array, const Box& box, Index gap) {
  BoxMemory memory = blank(box, array.dtype, gap);
  const std::size_t item = size_of(array.dtype);
  for_each_element(array.shape, box, memory.row_stride, [&](std::size_t from, std::size_t to) {
    std::memcpy(memory.bytes.data() + to * item, array.bytes.data() + from * item, item);
  });
  return memory;
}

std::string difference(const SampleArray& array, const BoxMemory& memory) {
  const Index gap = memory.row_stride - memory.box.extent.columns();
  const BoxMemory wanted = copy_of(array, memory.box, gap);
  for (std::size_t i = 0; i < wanted.bytes.size(); ++i)
    if (wanted.bytes[i] != memory.bytes[i])
      return fmt::format("{}: byte {} of the box at {} differs; ", array.name, i,
                         memory.box.offset.text());
  return {};
}

Box cut(const Shape& shape, int dim, Index piece, Index pieces) {
  Box box = Box::whole(shape);
  dim %= shape.ndim();
  box.offset[dim] = shape[dim] * piece / pieces;
  box.extent[dim] = shape[dim] * (piece + 1) / pieces - box.offset[dim];
  return box;
}

void save_sample(Communicator& communicator, const std::filesystem::path& directory, Index step,
                 const std::vector<SampleArray>& arrays, Layout layout) {
  std::deque<BoxMemory> memories;
  std::vector<ArrayPart> parts;
  for (const SampleArray& array : arrays) {
    const Box box = cut(array.shape, layout.dim++, communicator.rank(), communicator.size());
    memories.push_back(copy_of(array, box, layout.gap));
    parts.push_back({array.name, array.shape, box, memories.back().view()});
  }
  save_checkpoint(communicator, directory, step, parts,
                  fmt::format(R"({{"step": {}, "rate": 0.1, "text": "two\nlines"}})", step));
}

Targets make_targets(const std::vector<SampleArray>& arrays, Layout layout, int rank, int ranks) {
  Targets out;
  for (const SampleArray& array : arrays) {
    const Box box = cut(array.shape, layout.dim++, rank, ranks);
    out.memories.push_back(blank(box, array.dtype, layout.gap));
    out.targets.push_back({array.name, array.shape, box, out.memories.back().view()});
  }
  return out;
}

std::string differences(const std::vector<SampleArray>& arrays, const Targets& targets) {
  std::string text;
  for (std::size_t i = 0; i < arrays.size(); ++i)
    text += difference(arrays[i], targets.memories[i]);
  return text;
}

std::string load_sample(Communicator& communicator, const std::filesystem::path& path,
                        const std::vector<SampleArray>& arrays, Layout layout) {
  const Targets targets = make_targets(arrays, layout, communicator.rank(), communicator.size());
  (void)load_checkpoint(communicator, path, targets.targets);
  return differences(arrays, targets);
}

}  // namespace tokenwerk::test
