#include <omp.h>

#include <algorithm>
#include <atomic>

#include "core/cpu/families.h"
#include "core/cpu/kernels/attention.h"
#include "core/cpu/parallel_for.h"

namespace tokenwerk::cpu {
namespace {

/// First byte of sequence b and kv head h of an operand whose sequences have so many rows and whose
/// kv heads have so many columns.
template <typename View>
auto* at(const View& view, Index row, Index column) {
  return view.template as<std::byte>() +
         static_cast<std::size_t>(row * view.row_stride + column) * size_of(view.dtype);
}

ConstAttentionRows rows_at(const ConstTensorView& view, Index row, Index column) {
  return {at(view, row, column), view.row_stride};
}
AttentionRows rows_at(const TensorView& view, Index row, Index column) {
  return {at(view, row, column), view.row_stride};
}

/// Calls body(unit, scratch) for all units, each thread taking the next one when it is done, with
/// so many elements of scratch of its own from the device.
template <typename Body>
void for_units(Device& device, DType dtype, Index units, Index scratch_elements, const Body& body) {
  const Index threads = std::clamp<Index>(omp_get_max_threads(), 1, units);
  const Index aligned = (scratch_elements + 15) / 16 * 16;
  const Tensor scratch(device, accumulation_type(dtype), {threads, aligned});
  std::atomic<Index> next = 0;
  parallel_for(threads, 1, [&](Index first, Index) {
    for (Index unit = next++; unit < units; unit = next++) body(unit, at(scratch.view(), first, 0));
  });
}

/// The part of a task that both passes and all units share.
AttentionTask task_of(const AttentionShape& shape, DType dtype) {
  AttentionTask task{};
  task.dtype = dtype;
  task.group = shape.heads / shape.kv_heads;
  task.head_size = shape.head_size;
  task.query_length = shape.query_length;
  task.key_rows = shape.key_rows;
  task.query_offset = shape.query_offset;
  task.scale = shape.scale;
  return task;
}

/// Where the operands of one sequence and kv head begin.
struct Place {
  Place(const AttentionShape& shape, Index sequence, Index kv_head)
      : query_row(sequence * shape.query_length),
        key_row(sequence * shape.key_rows),
        query_column(kv_head * (shape.heads / shape.kv_heads) * shape.head_size),
        key_column(kv_head * shape.head_size),
        stats_row((sequence * shape.heads + kv_head * (shape.heads / shape.kv_heads)) *
                  shape.query_length) {}
  Index query_row, key_row, query_column, key_column, stats_row;
};

class CpuAttentionOps final : public AttentionOps {
 public:
  void do_attention_forward(Stream&, TensorView o, TensorView stats, ConstTensorView q,
                            ConstTensorView k, ConstTensorView v,
                            const AttentionShape& shape) override {
    const Index heads = shape.batch * shape.kv_heads;
    if (heads == 0 || shape.query_length == 0) return;
    // Few heads: the queries of a head are cut too, though each part then packs the keys again.
    const Index blocks = (shape.query_length + attention_block - 1) / attention_block;
    const Index wanted = omp_get_max_threads() == 1 ? 1 : 2 * omp_get_max_threads();
    const Index parts = std::min(blocks, (wanted + heads - 1) / heads);
    const Index elements =
        attention_forward_scratch(shape.head_size, shape.query_offset + shape.query_length);
    for_units(*o.device, q.dtype, heads * parts, elements, [&](Index unit, void* scratch) {
      const Index head = unit / parts, part = parts - 1 - unit % parts;  // long parts first
      const Place place(shape, head / shape.kv_heads, head % shape.kv_heads);
      AttentionTask task = task_of(shape, q.dtype);
      task.q = rows_at(q, place.query_row, place.query_column);
      task.k = rows_at(k, place.key_row, place.key_column);
      task.v = rows_at(v, place.key_row, place.key_column);
      task.o = rows_at(o, place.query_row, place.query_column);
      task.stats = at(stats, 0, place.stats_row);
      task.scratch = scratch;
      const Index first = blocks * part / parts * attention_block;
      const Index last = blocks * (part + 1) / parts * attention_block;
      attention_kernels().forward(task, first, std::min(last, shape.query_length));
    });
  }

  void do_attention_backward(Stream&, TensorView dq, TensorView dk, TensorView dv,
                             ConstTensorView dout, ConstTensorView q, ConstTensorView k,
                             ConstTensorView v, ConstTensorView o, ConstTensorView stats,
                             const AttentionShape& shape) override {
    const Index heads = shape.batch * shape.kv_heads;
    if (heads == 0) return;
    const Index elements = attention_backward_scratch(
        shape.head_size, shape.query_offset + shape.query_length, shape.heads / shape.kv_heads);
    for_units(*dq.device, q.dtype, heads, elements, [&](Index head, void* scratch) {
      const Place place(shape, head / shape.kv_heads, head % shape.kv_heads);
      AttentionTask task = task_of(shape, q.dtype);
      task.q = rows_at(q, place.query_row, place.query_column);
      task.k = rows_at(k, place.key_row, place.key_column);
      task.v = rows_at(v, place.key_row, place.key_column);
      task.o_read = rows_at(o, place.query_row, place.query_column);
      task.stats_read = at(stats, 0, place.stats_row);
      task.dout = rows_at(dout, place.query_row, place.query_column);
      task.dq = rows_at(dq, place.query_row, place.query_column);
      task.dk = rows_at(dk, place.key_row, place.key_column);
      task.dv = rows_at(dv, place.key_row, place.key_column);
      task.key_gradient_dtype = dk.dtype;
      task.scratch = scratch;
      attention_kernels().backward(task);
    });
  }
};

}  // namespace

std::unique_ptr<AttentionOps> make_attention_ops() { return std::make_unique<CpuAttentionOps>(); }

}  // namespace tokenwerk::cpu
