#include <algorithm>

#include "core/cpu/families.h"
#include "core/cpu/kernels/loss.h"
#include "core/cpu/parallel_for.h"

namespace tokenwerk::cpu {
namespace {

/// Rows that are worth a thread of their own.
Index grain(Index columns) { return 1 + (1 << 12) / std::max<Index>(1, columns); }

/// Row r of a view, or element r of a vector.
template <typename View>
auto* row(const View& view, Index r, Index stride) {
  return view.template as<std::byte>() + static_cast<std::size_t>(r * stride) * size_of(view.dtype);
}

bool masked(const ConstTensorView& targets, Index r) { return targets.as<std::int32_t>()[r] < 0; }

LossRow row_of(const ConstTensorView& logits, const ConstTensorView& targets, Index vocabulary,
               Index first_column, Index r) {
  return {row(logits, r, logits.row_stride), logits.columns(),
          std::clamp<Index>(vocabulary - first_column, 0, logits.columns()),
          targets.as<std::int32_t>()[r] - first_column, masked(targets, r)};
}

class CpuLossOps final : public LossOps {
 public:
  void do_cross_entropy_forward(Stream&, TensorView loss, TensorView lse, ConstTensorView logits,
                                ConstTensorView targets, Index vocabulary) override {
    parallel_for(logits.rows(), grain(logits.columns()), [&](Index first, Index last) {
      for (Index r = first; r < last; ++r) {
        loss_kernels().forward(logits.dtype, row(loss, r, 1), row(lse, r, 1),
                               row_of(logits, targets, vocabulary, 0, r));
      }
    });
  }

  void do_cross_entropy_share(Stream&, TensorView partial, ConstTensorView logits,
                              ConstTensorView targets, const VocabularyShare& share) override {
    parallel_for(logits.rows(), grain(logits.columns()), [&](Index first, Index last) {
      for (Index r = first; r < last; ++r) {
        loss_kernels().share(logits.dtype, row(partial, r, partial.row_stride),
                             row_of(logits, targets, share.vocabulary, share.first_column, r),
                             share.chunks);
      }
    });
  }

  void do_cross_entropy_combine(Stream&, TensorView loss, TensorView lse, ConstTensorView partials,
                                ConstTensorView targets) override {
    const Index rows = loss.count();
    if (rows == 0) return;
    const Index shares = partials.rows() / rows;
    parallel_for(rows, grain(shares), [&](Index first, Index last) {
      for (Index r = first; r < last; ++r) {
        loss_kernels().combine(partials.dtype, row(loss, r, 1), row(lse, r, 1),
                               {row(partials, r, partials.row_stride), rows * partials.row_stride,
                                shares, masked(targets, r)});
      }
    });
  }

  void do_cross_entropy_backward(Stream&, TensorView dlogits, ConstTensorView logits,
                                 ConstTensorView lse, ConstTensorView targets, Index vocabulary,
                                 double scale, Index first_column) override {
    parallel_for(logits.rows(), grain(logits.columns()), [&](Index first, Index last) {
      for (Index r = first; r < last; ++r) {
        loss_kernels().backward(dlogits.dtype, row(dlogits, r, dlogits.row_stride),
                                row_of(logits, targets, vocabulary, first_column, r),
                                row(lse, r, 1), scale);
      }
    });
  }
};

}  // namespace

std::unique_ptr<LossOps> make_loss_ops() { return std::make_unique<CpuLossOps>(); }

}  // namespace tokenwerk::cpu
