#include "core/nn/attention.h"

#include <cmath>

#include "core/nn/kv_cache.h"
#include "core/ops/elementwise.h"
#include "core/ops/rope.h"

namespace tokenwerk {

SelfAttention::SelfAttention(const SelfAttentionOptions& o, const LayerFactory& layers)
    : rope_theta_(o.rope_theta), block_(o.block), head_size_(o.width / o.heads) {
  const Share heads = layers.share(o.heads), kv_heads = layers.share(o.kv_heads);
  heads_ = heads.count;
  kv_heads_ = kv_heads.count;
  const Share q = heads.times(head_size_), kv = kv_heads.times(head_size_);
  qkv_ =
      layers.column_linear({.parts = {{o.name + ".q", q}, {o.name + ".k", kv}, {o.name + ".v", kv}},
                            .inputs = Share::all(o.width),
                            .bias = o.bias,
                            .deviation = o.deviation,
                            .dtype = o.dtype,
                            .cut = Cut::outputs});
  output_ = layers.row_linear({.parts = {{o.name + ".output", Share::all(o.width)}},
                               .inputs = q,
                               .bias = o.bias,
                               .deviation = o.output_deviation,
                               .dtype = o.dtype,
                               .cut = Cut::inputs});
  if (kv_heads.copies > 1) sum_copies_ = layers.copy_sum();
}

template <typename View>
SelfAttention::QKV<View> SelfAttention::split(const View& qkv) const {
  const Index q = heads_ * head_size_, kv = kv_heads_ * head_size_;
  return {qkv.slice_columns(0, q), qkv.slice_columns(q, kv), qkv.slice_columns(q + kv, kv)};
}

AttentionShape SelfAttention::shape(const Run& run, Index rows) const {
  const Index length = run.rows_per_sequence;
  return {.batch = rows / length,
          .heads = heads_,
          .kv_heads = kv_heads_,
          .head_size = head_size_,
          .query_length = length,
          .key_length = length,
          .key_rows = length,
          .query_offset = 0,
          .scale = 1.0 / std::sqrt(static_cast<double>(head_size_))};
}

void SelfAttention::turn(Run& run, TensorView x,
                         void (*rope)(Stream&, TensorView, const Rope&)) const {
  rope(run.stream, x,
       {.head_size = head_size_,
        .rows_per_sequence = run.rows_per_sequence,
        .token_offset = run.token_offset,
        .theta = *rope_theta_});
}

void SelfAttention::attend_cached(Run& run, TensorView heads, TensorView stats,
                                  ConstTensorView qkv) const {
  const auto [q, k, v] = split(qkv);
  KvCache::Block& cache = run.cache->block(block_);
  AttentionShape s = shape(run, qkv.rows());
  s.key_rows = run.cache->capacity();
  s.query_offset = run.token_offset;
  s.key_length = run.token_offset + s.query_length;
  for (Index b = 0; b < s.batch; ++b) {
    const Rows from{b * s.query_length, (b + 1) * s.query_length};
    const Rows to{b * s.key_rows + run.token_offset, b * s.key_rows + s.key_length};
    convert(run.stream, cache.k.view().slice_rows(to), k.slice_rows(from));
    convert(run.stream, cache.v.view().slice_rows(to), v.slice_rows(from));
  }
  attention_forward(run.stream, heads, stats, q, cache.k, cache.v, s);
}

void SelfAttention::forward(Run& run, TensorView y, ConstTensorView x, Saved& saved) {
  Device& device = *x.device;
  const Index rows = run.rows;
  const Index columns = (heads_ + 2 * kv_heads_) * head_size_;
  const TensorView qkv = saved.make(kept_qkv, device, x.dtype, Shape{rows, columns});
  qkv_->forward(run, qkv, x, saved.child(qkv_child));
  if (rope_theta_) {
    turn(run, split(qkv).q, rope_forward);
    turn(run, split(qkv).k, rope_forward);
  }
  const TensorView heads =
      saved.make(kept_heads, device, x.dtype, Shape{rows, heads_ * head_size_});
  const AttentionShape s = shape(run, rows);
  const TensorView stats = saved.make(kept_stats, device, accumulation_type(x.dtype),
                                      Shape{s.batch, s.heads, s.query_length});
  if (run.cache != nullptr) {
    attend_cached(run, heads, stats, qkv);
  } else {
    const auto [q, k, v] = split(ConstTensorView(qkv));
    attention_forward(run.stream, heads, stats, q, k, v, s);
  }
  if (run.mode == Mode::evaluate) saved.release(kept_qkv);
  output_->forward(run, y, heads, saved.child(output_child));
  if (run.mode == Mode::evaluate) saved.clear();
}

void SelfAttention::attend_backward(Run& run, TensorView dqkv, ConstTensorView dheads,
                                    ConstTensorView heads, ConstTensorView qkv,
                                    ConstTensorView stats) const {
  const auto [q, k, v] = split(qkv);
  const auto [dq, dk, dv] = split(dqkv);
  const AttentionShape s = shape(run, run.rows);
  if (!sum_copies_) {
    attention_backward(run.stream, dq, dk, dv, dheads, q, k, v, heads, stats, s);
    return;
  }
  const Index columns = kv_heads_ * head_size_;
  const Tensor sums(*qkv.device, accumulation_type(qkv.dtype), Shape{2 * run.rows, columns});
  const TensorView dk_sum = sums.view().slice_rows({0, run.rows});
  const TensorView dv_sum = sums.view().slice_rows({run.rows, 2 * run.rows});
  attention_backward(run.stream, dq, dk_sum, dv_sum, dheads, q, k, v, heads, stats, s);
  sum_copies_(run.stream, sums);
  convert(run.stream, dk, dk_sum);
  convert(run.stream, dv, dv_sum);
}

void SelfAttention::backward_input(Run& run, TensorView dx, ConstTensorView dy, ConstTensorView x,
                                   Saved& saved, GradientSink* sink) {
  Device& device = *x.device;
  const ConstTensorView heads = saved.get(kept_heads), qkv = saved.get(kept_qkv);
  const TensorView dqkv = saved.make(kept_dqkv, device, x.dtype, qkv.shape);
  {
    Tensor dheads(device, x.dtype, heads.shape);
    output_->backward_input(run, dheads, dy, heads, saved.child(output_child), sink);
    attend_backward(run, dqkv, dheads, heads, qkv, saved.get(kept_stats));
    if (rope_theta_) {
      turn(run, split(dqkv).q, rope_backward);
      turn(run, split(dqkv).k, rope_backward);
    }
  }
  saved.release(kept_stats);
  saved.release(kept_qkv);
  if (sink != nullptr) saved.release(kept_heads);
  qkv_->backward_input(run, dx, dqkv, x, saved.child(qkv_child), sink);
  if (sink != nullptr) saved.clear();
}

void SelfAttention::backward_weight(Run& run, Saved& saved, GradientSink& sink) {
  output_->backward_weight(run, saved.child(output_child), sink);
  qkv_->backward_weight(run, saved.child(qkv_child), sink);
  saved.clear();
}

void SelfAttention::for_each_group(const std::function<void(ParameterGroup&)>& visit) {
  qkv_->for_each_group(visit);
  output_->for_each_group(visit);
}

}  // namespace tokenwerk
