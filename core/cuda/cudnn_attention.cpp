#include "core/cuda/cudnn_attention.h"

#include <limits>

#include "core/log.h"

namespace tokenwerk::cuda {
namespace {

bool aligned(const void* data) { return reinterpret_cast<std::uintptr_t>(data) % 16 == 0; }

bool aligned(const ConstTensorView& view) {
  const auto row_bytes = static_cast<std::size_t>(view.row_stride) * size_of(view.dtype);
  return aligned(view.data) && row_bytes % 16 == 0;
}

/// The address of an element, as cuDNN takes those that it reads and those that it writes.
void* address(const ConstTensorView& view, Index row, Index column) {
  const Index element = row * view.row_stride + column;
  const auto* bytes = view.as<std::byte>() + element * static_cast<Index>(size_of(view.dtype));
  return const_cast<std::byte*>(bytes);
}

/// Numbers that a graph reads from the host while it is enqueued.
struct Numbers {
  float scale;
  float masked = -std::numeric_limits<float>::infinity();
  float one = 1.0f;
};

/// The arrays of a graph by their ports.
struct Bindings {
  std::vector<std::int64_t> ids;
  std::vector<void*> addresses;

  void add(Port port, void* data) {
    ids.push_back(static_cast<std::int64_t>(port));
    addresses.push_back(data);
  }
};

/// Where a slice begins in the call.
struct Corner {
  Index sequence, kv_head;
};

/// Binds what both passes have, and then what only one has.
Bindings bind(const AttentionViews& views, const AttentionShape& shape, const Corner& corner,
              Numbers& numbers, const TensorView& dots) {
  const Index row = corner.sequence * shape.query_length;
  const Index head = corner.kv_head * (shape.heads / shape.kv_heads);
  const Index of_query = head * shape.head_size, of_key = corner.kv_head * shape.head_size;
  Bindings b;
  b.add(Port::q, address(views.q, row, of_query));
  b.add(Port::k, address(views.k, row, of_key));
  b.add(Port::v, address(views.v, row, of_key));
  b.add(Port::o, address(views.o, row, of_query));
  const ConstTensorView stats = elements_of(
      views.stats,
      {(corner.sequence * shape.heads + head) * shape.query_length, views.stats.count()});
  b.add(Port::stats, address(stats, 0, 0));
  b.add(Port::scale, &numbers.scale);
  b.add(Port::masked, &numbers.masked);
  if (!views.dout) return b;
  b.add(Port::one, &numbers.one);
  b.add(Port::dots, dots.data);
  b.add(Port::dout, address(views.dout, row, of_query));
  b.add(Port::dq, address(views.dq, row, of_query));
  b.add(Port::dk, address(views.dk, row, of_key));
  b.add(Port::dv, address(views.dv, row, of_key));
  return b;
}

}  // namespace

FusedAttention fused(const AttentionViews& views, const AttentionShape& shape) {
  FusedAttention a;
  a.pass = views.dout ? Pass::backward : Pass::forward;
  a.batch = shape.batch, a.heads = shape.heads, a.kv_heads = shape.kv_heads;
  a.head_size = shape.head_size, a.length = shape.query_length;
  a.q_stride = views.q.row_stride, a.k_stride = views.k.row_stride;
  a.v_stride = views.v.row_stride, a.o_stride = views.o.row_stride;
  a.dtype = views.q.dtype;
  a.whole_sequences = shape.query_offset == 0 && shape.key_length == shape.query_length &&
                      shape.key_rows == shape.query_length;
  a.aligned = aligned(views.q) && aligned(views.k) && aligned(views.v) && aligned(views.o) &&
              aligned(views.stats.data);
  if (a.pass == Pass::forward) return a;
  a.dout_stride = views.dout.row_stride, a.dq_stride = views.dq.row_stride;
  a.dk_stride = views.dk.row_stride, a.dv_stride = views.dv.row_stride;
  a.kv_gradient = views.dk.dtype;
  a.aligned = a.aligned && aligned(views.dout) && aligned(views.dq) && aligned(views.dk) &&
              aligned(views.dv);
  return a;
}

Support CudnnAttention::run(Stream& stream, const AttentionViews& views,
                            const AttentionShape& shape) {
  const Kept& found = kept(fused(views, shape));
  if (found.plan.support.fast) execute(stream, found, views, shape);
  return found.plan.support;
}

const CudnnAttention::Kept& CudnnAttention::kept(const FusedAttention& attention) {
  if (const auto found = kept_.find(attention); found != kept_.end()) return found->second;
  Kept made = make(attention);
  const Support& support = made.plan.support;
  if (!support.fast && said_.insert(support.why_not).second) {
    log_info("attention of {} heads of {} runs on our own kernel: {}", attention.heads,
             attention.head_size, support.why_not);
  }
  return kept_.emplace(attention, std::move(made)).first->second;
}

CudnnAttention::Kept CudnnAttention::make(const FusedAttention& attention) {
  Kept made;
  Support& support = made.plan.support;
  support.why_not = never_fast(attention);
  if (!support.why_not.empty()) return made;
  if (!target_) {
    TW_CUDNN(cudnnCreate(handle_.receive()), "; attention needs cuDNN on this GPU");
    target_.emplace(handle_.get());
  }
  made.plan = plan_attention(*target_, attention);
  if (!support.fast) return made;
  made.executable = Descriptor(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
  made.executable.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, made.plan.choice.configuration)
      .set(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, target_->properties());
  support.why_not = made.executable.try_finalize();
  support.fast = support.why_not.empty();
  if (!support.fast) return made;
  made.workspace_bytes =
      made.executable.value<std::int64_t>(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE);
  return made;
}

void CudnnAttention::execute(Stream& stream, const Kept& kept, const AttentionViews& views,
                             const AttentionShape& shape) {
  const FusedAttention& slice = kept.plan.slice;
  Device& device = stream.device();
  Tensor workspace, dots;
  if (kept.workspace_bytes > 0)
    workspace = Tensor(device, DType::i32, Shape{(kept.workspace_bytes + 3) / 4});
  if (views.dout) dots = Tensor(device, DType::f32, {slice.batch, slice.heads, slice.length});
  Numbers numbers{static_cast<float>(shape.scale)};
  TW_CUDNN(cudnnSetStream(handle_.get(), handle_of(stream)));
  for (Index sequence = 0; sequence < shape.batch; sequence += slice.batch) {
    for (Index kv_head = 0; kv_head < shape.kv_heads; kv_head += slice.kv_heads) {
      const Bindings bound = bind(views, shape, {sequence, kv_head}, numbers, dots.view());
      Descriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
      pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, bound.ids)
          .set_addresses(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, bound.addresses)
          .set_addresses(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, {workspace.view().data})
          .finalize();
      TW_CUDNN(cudnnBackendExecute(handle_.get(), kept.executable.get(), pack.get()));
    }
  }
}

}  // namespace tokenwerk::cuda
