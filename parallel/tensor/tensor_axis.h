#pragma once
/// The tensor axis as its layers see it: who holds which share, and the two kinds of communication
/// that tie them together.

#include "core/nn/parameter.h"
#include "parallel/comm/communicator.h"

namespace tokenwerk {

/// What a rank holds of the residual stream: all tokens of the micro-batch, or an equal slice of
/// its rows (sequence parallelism, Korthikanti et al. 2022, arXiv:2205.05198, section 4.2.2).
enum class TokenLayout { whole, sliced };

class TensorAxis {
 public:
  /// `copies` joins the ranks that hold the same kv head, where the axis is longer than there are
  /// kv heads. Both must outlive the axis.
  TensorAxis(Communicator& tensor, TokenLayout layout, Communicator* copies = nullptr);

  [[nodiscard]] int rank() const { return tensor_->rank(); }
  [[nodiscard]] int size() const { return tensor_->size(); }
  [[nodiscard]] bool sliced() const { return layout_ == TokenLayout::sliced; }
  [[nodiscard]] Communicator& communicator() const { return *tensor_; }

  /// This rank's part of so many heads, columns or rows: an equal share, or one unit that several
  /// ranks hold alike. Throws ShapeError where neither divides the other.
  [[nodiscard]] Share share(Index units) const;
  /// Marks an array that every rank of the axis holds whole.
  void mark_replicated(ParameterGroup& group) const;
  /// Which of so many rows of a micro-batch residual arrays hold here.
  [[nodiscard]] Rows rows_here(Index rows) const;

  /// Starts y(rows,C) = the slices of all ranks, beside compute; ready after the event.
  [[nodiscard]] Event start_gather(Stream& stream, TensorView y, ConstTensorView slice);
  /// x = the sum over the ranks that hold copies of the same kv heads.
  void sum_copies(Stream& stream, TensorView x);

 private:
  friend class PartialSum;

  Communicator* tensor_;
  Communicator* copies_;
  TokenLayout layout_;
  std::unique_ptr<Stream> stream_;  ///< communication beside compute
};

/// x(rows,C) for layers that need all tokens: x itself, or gathered from the slices.
class WholeRows {
 public:
  /// Starts gathering where x is a slice.
  WholeRows(TensorAxis& axis, Stream& stream, ConstTensorView x, Index rows);
  /// All rows, once the stream has come here.
  [[nodiscard]] ConstTensorView wait(Stream& stream);

 private:
  Tensor gathered_;
  ConstTensorView x_;
  Event ready_;
};

/// y = the sum over the axis of what each rank's product gave, in accumulation_type: all rows, or
/// this rank's slice of them.
class PartialSum {
 public:
  PartialSum(TensorAxis& axis, TensorView y, Index rows);

  /// Where the product goes: (rows, C).
  [[nodiscard]] TensorView partial() const { return partial_; }
  /// Starts the sum beside compute.
  void start(Stream& stream);
  /// Waits for it, adds the bias (may be empty) and rounds to y's type.
  void finish(Stream& stream, ConstTensorView bias = {});

 private:
  TensorAxis* axis_;
  TensorView y_;
  Tensor own_;
  TensorView partial_;
  TensorView sum_;  ///< the rows of y in accumulation_type
  Event ready_;
};

}  // namespace tokenwerk
