#include "core/nn/parameter_store.h"

#include <algorithm>

#include "core/ops/elementwise.h"
#include "core/ops/random.h"

namespace tokenwerk {
namespace {

constexpr Index alignment = 16;  // elements: a group begins on a vector of its own

Index aligned(Index count) { return (count + alignment - 1) / alignment * alignment; }

Index columns_of(const ParameterGroup& group) { return group.parts.front().box.extent.columns(); }

/// Rows of a group as a shape: of vectors, elements.
Shape rows_shape(const ParameterGroup& group, Index rows) {
  return group.matrix() ? Shape{rows, columns_of(group)} : Shape{rows};
}

/// A dense array of this shape inside a flat one.
TensorView inside(TensorView flat, Index offset, Shape shape) {
  TensorView array = elements_of(flat, {offset, offset + shape.count()});
  array.shape = shape;
  array.row_stride = shape.columns();
  return array;
}

/// Fills a box of a parameter with what it starts from.
void fill_initial(Stream& stream, const Parameter& part, const Box& box, TensorView view,
                  std::uint64_t seed) {
  if (part.initial.deviation == 0.0) return fill(stream, view, part.initial.constant);
  fill_normal(stream, view,
              {.seed = seed,
               .stream = hash_of(part.name),
               .global_columns = part.global_shape.columns(),
               .row_offset = box.offset.ndim() > 1 ? box.offset[0] : 0,
               .column_offset = box.offset[-1],
               .deviation = part.initial.deviation});
}

}  // namespace

ParameterStore::ParameterStore(Device& device, std::vector<ParameterGroup*> groups,
                               Sharding sharding, Residence residence)
    : groups_(std::move(groups)), sharding_(sharding), residence_(residence) {
  TW_CHECK(!groups_.empty(), "a model without parameters");
  lay_out();
  const bool whole = residence == Residence::whole;
  values_ = Tensor(device, groups_.front()->dtype, Shape{whole ? size_ : shard_size_});
  device.synchronize();  // no stream of the caller's is known that could wait for the memory
  const auto stream = device.make_stream();
  fill(*stream, values_, 0.0);  // gaps and padding stay so, whoever fills the rest
  stream->synchronize();
  for (ParameterGroup* group : groups_) {
    add_pieces(*group);
    if (whole) bind(*group, padded_window(values_, *group));
    if (!whole && !group->matrix()) bind(*group, shard_window(values_, *group));
  }
}

void ParameterStore::lay_out() {
  Index index = 0;
  for (ParameterGroup* group : groups_) {
    TW_CHECK(group->dtype == groups_.front()->dtype, group->parts.front().name, " is ",
             name_of(group->dtype), ", others are ", name_of(groups_.front()->dtype));
    const Index rows = group->rows();
    const Index each = (rows + sharding_.size - 1) / sharding_.size;
    group->shard =
        group->matrix() ? Rows{each * sharding_.rank, each * (sharding_.rank + 1)} : Rows{0, rows};
    group->index = index++;
    group->offset = size_;
    group->shard_offset = shard_size_;
    size_ += aligned(padded_shape(*group).count());
    shard_size_ += aligned(rows_shape(*group, group->shard.count()).count());
  }
}

void ParameterStore::add_pieces(const ParameterGroup& group) {
  Index first = 0;  // row of the group at which the part begins
  for (const Parameter& part : group.parts) {
    const Index count = part.box.extent[0];
    const Rows rows{std::max(group.shard.first, first), std::min(group.shard.last, first + count)};
    if (rows.count() > 0) {
      Box box = part.box;
      box.offset[0] += rows.first - first;
      box.extent[0] = rows.count();
      const Index columns = group.matrix() ? columns_of(group) : 1;
      const bool one_of_the_shards = group.matrix() || sharding_.rank == 0;
      pieces_.push_back({&group, &part, box,
                         group.shard_offset + (rows.first - group.shard.first) * columns,
                         one_of_the_shards && part.copy == 0 && !group.tied_copy});
    }
    first += count;
  }
}

Index ParameterStore::parameter_count() const {
  Index count = 0;
  for (const ParameterGroup* group : groups_) {
    if (group->tied_copy) continue;
    for (const Parameter& part : group->parts) count += part.global_shape.count();
  }
  return count;
}

void ParameterStore::initialise(Stream& stream, std::uint64_t seed) const {
  if (residence_ == Residence::shard) {
    for (const ParameterPiece& piece : pieces_)
      fill_initial(stream, *piece.part, piece.box, window(values_, piece), seed);
    return;
  }
  for (const ParameterGroup* group : groups_)
    for (const Parameter& part : group->parts)
      fill_initial(stream, part, part.box, part.value, seed);
}

TensorView ParameterStore::shard_values(const ParameterGroup& group) const {
  if (residence_ == Residence::shard) return shard_window(values_, group);
  return shard_of(padded_window(values_, group), group);
}

void ParameterStore::bind(ParameterGroup& group, TensorView values) {
  group.value = values ? inside(values, 0, rows_shape(group, group.rows())) : TensorView{};
  Index offset = 0;
  for (Parameter& part : group.parts) {
    part.value = values ? inside(values, offset, part.box.extent) : TensorView{};
    offset += part.box.extent.count();
  }
}

Shape ParameterStore::padded_shape(const ParameterGroup& group) const {
  if (!group.matrix()) return rows_shape(group, group.rows());
  return rows_shape(group, group.shard.count() * sharding_.size);
}

TensorView ParameterStore::window(TensorView flat, const ParameterGroup& group) {
  return inside(flat, group.offset, rows_shape(group, group.rows()));
}

TensorView ParameterStore::padded_window(TensorView flat, const ParameterGroup& group) const {
  return inside(flat, group.offset, padded_shape(group));
}

TensorView ParameterStore::window(TensorView flat, const ParameterGroup& group,
                                  const Parameter& part) {
  Index offset = group.offset;
  for (const Parameter& p : group.parts) {
    if (&p == &part) return inside(flat, offset, part.box.extent);
    offset += p.box.extent.count();
  }
  TW_RAISE(Error, part.name, " is no part of the group of ", group.parts.front().name);
}

TensorView ParameterStore::shard_window(TensorView flat, const ParameterGroup& group) {
  return inside(flat, group.shard_offset, rows_shape(group, group.shard.count()));
}

TensorView ParameterStore::window(TensorView flat, const ParameterPiece& piece) {
  return inside(flat, piece.offset, piece.box.extent);
}

TensorView ParameterStore::inside_shard(TensorView shard, const ParameterPiece& piece) {
  return inside(shard, piece.offset - piece.group->shard_offset, piece.box.extent);
}

TensorView ParameterStore::values_of(const ParameterPiece& piece) const {
  return inside_shard(shard_values(*piece.group), piece);
}

TensorView ParameterStore::padding_of(TensorView whole, const ParameterGroup& group) {
  const Index rows = group.rows();
  const Index columns = group.matrix() ? columns_of(group) : 1;
  return inside(whole, rows * columns, rows_shape(group, whole.shape[0] - rows));
}

TensorView ParameterStore::shard_of(TensorView whole, const ParameterGroup& group) {
  const Index columns = group.matrix() ? columns_of(group) : 1;
  return inside(whole, group.shard.first * columns, rows_shape(group, group.shard.count()));
}

}  // namespace tokenwerk
