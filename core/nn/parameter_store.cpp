#include "core/nn/parameter_store.h"

#include "core/ops/elementwise.h"
#include "core/ops/random.h"

namespace tokenwerk {
namespace {

constexpr Index alignment = 16;  // elements: a group begins on a vector of its own

Shape shape_of(const ParameterGroup& group) {
  const bool matrix = group.parts.front().box.extent.ndim() > 1;
  Index rows = group.padding_rows;
  for (const Parameter& part : group.parts) rows += part.box.extent[0];
  return matrix ? Shape{rows, group.parts.front().box.extent.columns()} : Shape{rows};
}

/// A dense array of this shape inside a flat one.
TensorView inside(TensorView flat, Index offset, Shape shape) {
  flat.data = flat.as<std::byte>() + static_cast<std::size_t>(offset) * size_of(flat.dtype);
  flat.shape = shape;
  flat.row_stride = shape.columns();
  return flat;
}

}  // namespace

ParameterStore::ParameterStore(Device& device, std::vector<ParameterGroup*> groups)
    : groups_(std::move(groups)) {
  TW_CHECK(!groups_.empty(), "a model without parameters");
  Index size = 0, index = 0;
  for (ParameterGroup* group : groups_) {
    TW_CHECK(group->dtype == groups_.front()->dtype, group->parts.front().name, " is ",
             name_of(group->dtype), ", others are ", name_of(groups_.front()->dtype));
    group->index = index++;
    group->offset = size;
    size += (shape_of(*group).count() + alignment - 1) / alignment * alignment;
  }
  values_ = Tensor(device, groups_.front()->dtype, Shape{size});
  for (ParameterGroup* group : groups_) {
    group->value = window(values_, *group);
    for (Parameter& part : group->parts) part.value = window(values_, *group, part);
  }
}

Index ParameterStore::parameter_count() const {
  Index count = 0;
  for (const ParameterGroup* group : groups_)
    for (const Parameter& part : group->parts) count += part.global_shape.count();
  return count;
}

void ParameterStore::initialise(Stream& stream, std::uint64_t seed) const {
  fill(stream, values_, 0.0);  // gaps and padding
  for (const ParameterGroup* group : groups_) {
    for (const Parameter& part : group->parts) {
      if (part.initial.deviation == 0.0) {
        fill(stream, part.value, part.initial.constant);
        continue;
      }
      const bool matrix = part.box.offset.ndim() > 1;
      fill_normal(stream, part.value,
                  {.seed = seed,
                   .stream = hash_of(part.name),
                   .global_columns = part.global_shape.columns(),
                   .row_offset = matrix ? part.box.offset[0] : 0,
                   .column_offset = part.box.offset[-1],
                   .deviation = part.initial.deviation});
    }
  }
}

TensorView ParameterStore::window(TensorView flat, const ParameterGroup& group) {
  return inside(flat, group.offset, shape_of(group));
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

}  // namespace tokenwerk
