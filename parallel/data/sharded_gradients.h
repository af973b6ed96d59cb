#pragma once
/// Gradients of a rank that holds its shard of them: ZeRO stages 2 and 3.

#include <deque>

#include "parallel/data/completion.h"

namespace tokenwerk {

/// A matrix' gradient of one micro-batch lives whole from its product until it is reduce-scattered
/// over `shard` and added to this rank's shard, which happens beside the backward of the next
/// units: at most `in_flight` of them are there at a time. Vectors accumulate whole. What is summed
/// over `replicate` or `data` goes once a step.
class ShardedGradients final : public GradientSync {
 public:
  ShardedGradients(Stream& stream, const DataAxes& axes, const ParameterStore& store,
                   const Units& units);

  void begin(Index microbatches) override;
  [[nodiscard]] GradientSink& sink() override { return sink_; }
  void added(Stream& stream, Index unit) override;
  void finish(Stream& stream) override;
  [[nodiscard]] TensorView shard(const ParameterGroup& group) const override;

 private:
  static constexpr std::size_t in_flight = 4;

  /// Hands layers an array for each group as they need it.
  class Sink final : public GradientSink {
   public:
    explicit Sink(ShardedGradients& owner) : owner_(&owner) {}
    void add(const Run& run, const ParameterGroup& group, Index rows,
             const Product& product) override;

   private:
    ShardedGradients* owner_;
  };
  /// Whether a step has more gradients of a group to come.
  enum class Place { before_others, last };
  /// A gradient on its way to the shards.
  struct Transfer {
    const ParameterGroup* group;
    Tensor whole;
    Event scattered;
    Place place;
  };

  void scatter(Stream& stream, const ParameterGroup& group, Place place);
  /// Adds the oldest transfer to its shard and frees it.
  void land(Stream& stream);

  DataAxes axes_;
  const ParameterStore* store_;
  const Units* units_;
  Tensor shards_;
  std::vector<Write> written_;  ///< by group: whether the shard holds something of this step
  std::vector<Tensor> whole_;   ///< by group: gradients that products are adding to
  std::deque<Transfer> transfers_;
  Sink sink_;
  Completion completion_;
  std::unique_ptr<Stream> stream_;
};

}  // namespace tokenwerk
