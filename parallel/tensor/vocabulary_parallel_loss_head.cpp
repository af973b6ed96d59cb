#include "parallel/tensor/vocabulary_parallel_loss_head.h"

namespace tokenwerk {

void VocabularyParallelLossHead::forward(Run& run, TensorView loss, TensorView lse,
                                         ConstTensorView x, ConstTensorView targets) const {
  Device& device = *x.device;
  const Tensor shares(device, loss.dtype, Shape{run.rows * axis_->size(), 2});
  const Index first = run.rows * axis_->rank();
  const TensorView mine = shares.view().slice_rows({first, first + run.rows});
  {
    WholeRows rows(*axis_, run.stream, x, run.rows);
    blocks_.for_each(run, rows.wait(run.stream), [&](Rows range, TensorView y) {
      cross_entropy_share(run.stream, mine.slice_rows(range), y, elements_of(targets, range),
                          blocks_.share(run));
    });
  }
  axis_->communicator().all_gather(run.stream, shares, mine);
  cross_entropy_combine(run.stream, loss, lse, shares, targets);
}

void VocabularyParallelLossHead::backward(Run& run, TensorView dx, GradientSink& sink,
                                          ConstTensorView x, ConstTensorView targets,
                                          ConstTensorView lse, double scale) const {
  WholeRows rows(*axis_, run.stream, x, run.rows);
  PartialSum sum(*axis_, dx, run.rows);
  blocks_.backward(run, sum.partial(), sink, rows.wait(run.stream), targets, lse, scale);
  sum.start(run.stream);
  sum.finish(run.stream);
}

void VocabularyParallelLossHead::logits(Run& run, TensorView logits, ConstTensorView x) const {
  WholeRows rows(*axis_, run.stream, x, run.rows);
  blocks_.logits(run, logits, rows.wait(run.stream));
}

}  // namespace tokenwerk
