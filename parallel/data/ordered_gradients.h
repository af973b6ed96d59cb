#pragma once
/// Gradients that have the same bits on any layout: each sequence's gradient is made apart and
/// summed by the binary tree over the sequence's index in the global batch.

#include "parallel/data/completion.h"
#include "parallel/data/sum_tree.h"

namespace tokenwerk {

/// For every ZeRO stage. A rank adds up the largest nodes of the tree that lie among its own
/// sequences: log2 of their number whole gradients at most, one where that is a power of two and
/// the run begins at a multiple of it. Once a step each node's slices go to the rank that keeps the
/// slice, which ends the tree; ranks that replicate a shard divide it and gather it again. Norms
/// and biases behind row-parallel products make each sequence's gradient of eight chunks of its
/// tokens, gathered over the tensor axis where tokens are sliced.
///
/// Sends a rank, of p data ranks, per group of n bytes: (p-1)/p n for each node; then, where r
/// ranks keep the same shard of n/s, (r-1)/r n/s to gather its sum. Without ZeRO and for vectors,
/// which are no shards, r is p; for matrices with a zero_group it is the groups' number.
class OrderedGradients final : public GradientSync {
 public:
  OrderedGradients(Stream& stream, const DataAxes& axes, const ParameterStore& store,
                   const Units& units, Index global_batch);

  void begin(Index microbatches) override;
  [[nodiscard]] GradientSink& sink() override { return sink_; }
  void added(Stream& stream, Index unit) override;
  void finish(Stream&) override {}
  [[nodiscard]] TensorView shard(const ParameterGroup& group) const override;

 private:
  /// Takes each sequence's gradient apart.
  class Sink final : public GradientSink {
   public:
    explicit Sink(OrderedGradients& owner) : owner_(&owner) {}
    void add(const Run& run, const ParameterGroup& group, Index rows,
             const Product& product) override;

   private:
    OrderedGradients* owner_;
  };
  /// A node's slice: a part of an array that is kept elsewhere, or one of its own.
  struct Slice {
    TensorView view;
    Tensor owner;
  };
  /// What one unit of the model does with a group: a tied table has two uses.
  struct Use {
    Index group = 0;
    Index unit = 0;
    friend auto operator<=>(const Use&, const Use&) = default;
  };
  using Sums = TreeSums<Tensor>;

  void add_sequences(const Run& run, const ParameterGroup& group, const GradientSink::Product&);
  void add_token_chunks(const Run& run, const ParameterGroup& group, Index rows,
                        const GradientSink::Product&);
  void add_leaf(const Run& run, const ParameterGroup& group, Index sequence, Tensor gradient);
  /// Sums a group over all ranks into its shard.
  void reduce(Stream& stream, const ParameterGroup& group);
  /// The tree's root over all ranks' nodes, of this rank's slice.
  [[nodiscard]] Slice root_slice(Stream& stream, const ParameterGroup& group, Sums& mine);
  /// Brings a shard together from what the ranks that share it have summed.
  void gather(Stream& stream, const ParameterGroup& group, TensorView slice);
  /// Elements of a group's padded array that a data rank sums; the last ranks of those that share a
  /// shard may have fewer than the first, which has the longest slice.
  [[nodiscard]] Rows slice_of(const ParameterGroup& group, Index data_rank) const;
  [[nodiscard]] Index longest_slice(const ParameterGroup& group) const;
  [[nodiscard]] Index padded_count(const ParameterGroup& group) const;

  DataAxes axes_;
  const ParameterStore* store_;
  const Units* units_;
  SumTree tree_;
  std::vector<std::vector<TreeNode>> nodes_of_rank_;  ///< by data rank
  Tensor shards_;
  std::map<Use, Sums> sums_;
  Sink sink_;
  Completion completion_;
};

}  // namespace tokenwerk
