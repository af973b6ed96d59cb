#include "parallel/tensor/tensor_axis.h"

#include "core/ops/elementwise.h"

namespace tokenwerk {

TensorAxis::TensorAxis(Communicator& tensor, TokenLayout layout, Communicator* copies)
    : tensor_(&tensor),
      copies_(copies),
      layout_(layout),
      stream_(tensor.make_stream("activations")) {}

Share TensorAxis::share(Index units) const {
  if (units >= size()) {
    TW_CHECK_AS(ShapeError, units % size() == 0, units, " units do not divide over ", size(),
                " tensor ranks");
    const Index count = units / size();
    return {.whole = units, .first = rank() * count, .count = count};
  }
  TW_CHECK_AS(ShapeError, size() % units == 0, size(), " tensor ranks do not divide over ", units,
              " units");
  const Index copies = size() / units;
  TW_CHECK_AS(ShapeError, copies_ != nullptr && copies_->size() == copies, copies,
              " ranks share a unit and have no communicator");
  return {.whole = units,
          .first = rank() / copies,
          .count = 1,
          .copies = copies,
          .copy = rank() % copies};
}

void TensorAxis::mark_replicated(ParameterGroup& group) const {
  for (Parameter& part : group.parts) {
    part.copies = size();
    part.copy = rank();
  }
  group.sum_over_tensor = sliced() && size() > 1;
}

Rows TensorAxis::rows_here(Index rows) const {
  if (!sliced()) return {0, rows};
  TW_CHECK_AS(ShapeError, rows % size() == 0, rows, " rows do not divide over ", size(),
              " tensor ranks");
  return {rows / size() * rank(), rows / size() * (rank() + 1)};
}

Event TensorAxis::start_gather(Stream& stream, TensorView y, ConstTensorView slice) {
  stream_->wait_for(stream.record());
  tensor_->all_gather(*stream_, y, slice);
  return stream_->record();
}

void TensorAxis::sum_copies(Stream& stream, TensorView x) { copies_->all_reduce(stream, x); }

WholeRows::WholeRows(TensorAxis& axis, Stream& stream, ConstTensorView x, Index rows) : x_(x) {
  if (!axis.sliced()) return;
  gathered_ = Tensor(*x.device, x.dtype, Shape{rows, x.columns()});
  x_ = gathered_;
  ready_ = axis.start_gather(stream, gathered_, x);
}

ConstTensorView WholeRows::wait(Stream& stream) {
  stream.wait_for(ready_);
  return x_;
}

PartialSum::PartialSum(TensorAxis& axis, TensorView y, Index rows) : axis_(&axis), y_(y) {
  const DType type = accumulation_type(y.dtype);
  if (axis.sliced() || y.dtype != type) own_ = Tensor(*y.device, type, Shape{rows, y.columns()});
  partial_ = own_ ? own_.view() : y;
  sum_ = y.dtype == type ? y : partial_.slice_rows(axis.rows_here(rows));
}

void PartialSum::start(Stream& stream) {
  Stream& beside = *axis_->stream_;
  beside.wait_for(stream.record());
  if (axis_->sliced()) {
    axis_->tensor_->reduce_scatter(beside, sum_, partial_);
  } else {
    axis_->tensor_->all_reduce(beside, partial_);
  }
  ready_ = beside.record();
}

void PartialSum::finish(Stream& stream, ConstTensorView bias) {
  stream.wait_for(ready_);
  if (bias) add_row(stream, sum_, bias);
  if (sum_.data != y_.data) convert(stream, y_, sum_);
}

}  // namespace tokenwerk
