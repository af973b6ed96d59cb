#include "parallel/comm/communicator.h"

#include "core/error.h"

namespace tokenwerk {
namespace {

void check_dense(const ConstTensorView& view, std::string_view operation) {
  TW_CHECK_AS(ShapeError, view.data != nullptr, operation, ": no array");
  TW_CHECK_AS(ShapeError, view.dense(), operation, ": ", view.shape.text(), " has rows apart");
}

void check_summable(const ConstTensorView& view, std::string_view operation) {
  check_dense(view, operation);
  TW_CHECK_AS(ShapeError, view.dtype == DType::f32 || view.dtype == DType::f64, operation, ": ",
              name_of(view.dtype), ", wants f32 or f64");
}

void check_parts(const ConstTensorView& whole, const ConstTensorView& part, int size,
                 std::string_view operation) {
  TW_CHECK_AS(ShapeError, whole.count() == part.count() * size, operation, ": ", whole.shape.text(),
              " is not ", size, " parts of ", part.shape.text());
  TW_CHECK_AS(ShapeError, whole.dtype == part.dtype, operation, ": ", name_of(whole.dtype),
              " from ", name_of(part.dtype));
}

std::size_t bytes_of(const ConstTensorView& view) {
  return static_cast<std::size_t>(view.count()) * size_of(view.dtype);
}

void check_rank(int rank, int size, std::string_view operation) {
  TW_CHECK_AS(ShapeError, 0 <= rank && rank < size, operation, ": rank ", rank, " of ", size);
}

}  // namespace

void Communicator::all_reduce(Stream& stream, TensorView x, Reduction reduction) {
  check_summable(x, "all_reduce");
  do_all_reduce(stream, x, reduction);
}

void Communicator::reduce_scatter(Stream& stream, TensorView y, TensorView x) {
  check_summable(x, "reduce_scatter");
  check_dense(y, "reduce_scatter");
  check_parts(x, y, size_, "reduce_scatter");
  do_reduce_scatter(stream, y, x);
}

void Communicator::all_gather(Stream& stream, TensorView y, ConstTensorView x) {
  check_dense(x, "all_gather");
  check_dense(y, "all_gather");
  check_parts(y, x, size_, "all_gather");
  do_all_gather(stream, y.data, x.data, bytes_of(x));
}

void Communicator::broadcast(Stream& stream, TensorView x, int root) {
  check_dense(x, "broadcast");
  check_rank(root, size_, "broadcast");
  do_broadcast(stream, x.data, bytes_of(x), root);
}

void Communicator::all_to_all(Stream& stream, TensorView y, ConstTensorView x) {
  check_dense(x, "all_to_all");
  check_dense(y, "all_to_all");
  check_parts(y, x, 1, "all_to_all");
  TW_CHECK_AS(ShapeError, x.count() % size_ == 0, "all_to_all: ", x.shape.text(), " in ", size_,
              " parts");
  TW_CHECK_AS(ShapeError, x.data != y.data, "all_to_all cannot work in place");
  do_all_to_all(stream, y.data, x.data, bytes_of(x) / static_cast<std::size_t>(size_));
}

void Communicator::exchange(Stream& stream, const Exchange& exchange) {
  if (exchange.to >= 0) {
    check_dense(exchange.send, "exchange");
    check_rank(exchange.to, size_, "exchange");
  }
  if (exchange.from >= 0) {
    check_dense(exchange.receive, "exchange");
    check_rank(exchange.from, size_, "exchange");
  }
  do_exchange(stream, exchange);
}

void Communicator::barrier(Stream& stream) { do_barrier(stream); }

void Communicator::all_gather_bytes(std::span<std::byte> y, std::span<const std::byte> x) {
  TW_CHECK_AS(ShapeError, y.size() == x.size() * static_cast<std::size_t>(size_),
              "all_gather_bytes: ", y.size(), " bytes are not ", size_, " parts of ", x.size());
  do_all_gather(control_stream(), y.data(), x.data(), x.size());
}

void Communicator::broadcast_bytes(std::span<std::byte> x, int root) {
  check_rank(root, size_, "broadcast_bytes");
  do_broadcast(control_stream(), x.data(), x.size(), root);
}

void Communicator::barrier() { do_barrier(control_stream()); }

Stream& Communicator::control_stream() {
  TW_CHECK(device_->kind() == DeviceKind::cpu, "control data goes over a world of the cpu device");
  if (!control_stream_) control_stream_ = device_->make_stream();
  return *control_stream_;
}

}  // namespace tokenwerk
