#pragma once
/// Gradients of a rank that holds all of them: ZeRO stages 0 and 1.

#include "core/nn/accumulating_sink.h"
#include "parallel/data/completion.h"
#include "parallel/data/gradient_reducer.h"

namespace tokenwerk {

/// Stage 0: one flat f32 array, summed over the data axis in buckets.
class AllReducedGradients final : public GradientSync {
 public:
  AllReducedGradients(Stream& stream, const DataAxes& axes, const ParameterStore& store,
                      const Units& units);

  void begin(Index microbatches) override;
  [[nodiscard]] GradientSink& sink() override { return sink_; }
  void added(Stream& stream, Index unit) override;
  void finish(Stream& stream) override { reducer_.finish(stream); }
  [[nodiscard]] TensorView shard(const ParameterGroup& group) const override;

 private:
  DataAxes axes_;
  const Units* units_;
  Tensor gradients_;
  AccumulatingSink sink_;
  GradientReducer reducer_;
  Completion completion_;
};

/// Stage 1: the same array; each matrix is reduce-scattered in place over `shard`, its shard summed
/// over `replicate`; vectors are summed over `data`.
class ScatteredGradients final : public GradientSync {
 public:
  ScatteredGradients(Stream& stream, const DataAxes& axes, const ParameterStore& store,
                     const Units& units);

  void begin(Index microbatches) override;
  [[nodiscard]] GradientSink& sink() override { return sink_; }
  void added(Stream& stream, Index unit) override;
  void finish(Stream& stream) override;
  [[nodiscard]] TensorView shard(const ParameterGroup& group) const override;

 private:
  DataAxes axes_;
  const ParameterStore* store_;
  const Units* units_;
  Tensor gradients_;
  AccumulatingSink sink_;
  Completion completion_;
  std::unique_ptr<Registration> registered_;  ///< gradients_
  std::unique_ptr<Stream> stream_;
};

}  // namespace tokenwerk
