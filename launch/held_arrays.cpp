#include "launch/held_arrays.h"

#include <algorithm>

#include "launch/training_checkpoint.h"
#include "parallel/checkpoint/checksum.h"
#include "parallel/checkpoint/host_copy.h"

namespace tokenwerk {
namespace {

/// Vectors are whole on every rank, whatever is sharded.
Axis axis_of(const ParameterPiece& piece) {
  return piece.group->matrix() ? Axis::replicate : Axis::data;
}

std::string_view bytes_of(const ConstTensorView& view) {
  return {view.as<char>(), static_cast<std::size_t>(view.count()) * size_of(view.dtype)};
}

}  // namespace

std::vector<HeldArray> held_arrays(const ParameterStore& store, const AdamWOptimizer& optimizer) {
  std::vector<HeldArray> arrays;
  const bool whole = store.residence() == Residence::whole;
  if (whole) {
    for (const ParameterGroup* group : store.groups())
      for (const Parameter& part : group->parts)
        arrays.push_back({"model/" + part.name, part.box, part.value, Axis::data});
  }
  if (!whole || store.sharding().size > 1) {
    for (const ParameterPiece& piece : store.pieces())
      if (!whole || piece.group->matrix())
        arrays.push_back({"model/" + piece.part->name, piece.box, store.values_of(piece),
                          axis_of(piece), !whole});
  }
  for (const StateArray& state : state_arrays(optimizer))
    for (const ParameterPiece& piece : store.pieces())
      arrays.push_back({state.prefix + piece.part->name, piece.box,
                        ParameterStore::window(state.flat, piece), axis_of(piece)});
  std::erase_if(arrays, [](const HeldArray& array) { return array.values.count() == 0; });
  return arrays;
}

std::uint64_t hash_of_bits(const ConstTensorView& values) {
  TW_CHECK_AS(ShapeError, values.dense(), "a hash wants a dense array");
  const Index count = values.count();
  const Index piece = (Index{64} << 20) / static_cast<Index>(size_of(values.dtype));
  std::vector<std::uint64_t> hashes;
  for (Index first = 0; first < count; first += piece) {
    const HostCopy copy(elements_of(values, {first, std::min(first + piece, count)}));
    hashes.push_back(checksum(bytes_of(copy.view())));
  }
  return checksum(
      {reinterpret_cast<const char*>(hashes.data()), hashes.size() * sizeof(hashes[0])});
}

void flip_bit(Stream& stream, const ParameterStore& store, const AdamWOptimizer& optimizer,
              Index bit) {
  const auto piece = std::ranges::find_if(
      store.pieces(), [](const ParameterPiece& p) { return p.box.extent.count() > 0; });
  TW_CHECK(piece != store.pieces().end(), "this rank holds no weights");
  const TensorView values = optimizer.master() ? ParameterStore::window(optimizer.master(), *piece)
                                               : store.values_of(*piece);
  const Index middle = values.count() / 2;
  const TensorView one = elements_of(values, {middle, middle + 1});
  std::uint32_t word = 0;
  stream.device().copy_to_host(stream, &word, one.data, sizeof word);
  stream.synchronize();
  word ^= std::uint32_t{1} << bit;
  stream.device().copy_from_host(stream, one.data, &word, sizeof word);
  stream.synchronize();
}

}  // namespace tokenwerk
