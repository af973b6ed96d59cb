#include "parallel/comm/self_communicator.h"

#include "core/error.h"

namespace tokenwerk {
namespace {

void copy(Stream& stream, void* y, const void* x, std::size_t bytes) {
  if (y != x && bytes > 0) stream.device().copy(stream, y, x, bytes);
}

std::size_t bytes_of(const ConstTensorView& view) {
  return static_cast<std::size_t>(view.count()) * size_of(view.dtype);
}

}  // namespace

void SelfCommunicator::do_reduce_scatter(Stream& stream, TensorView y, TensorView x) {
  copy(stream, y.data, x.data, bytes_of(x));
}

void SelfCommunicator::do_all_gather(Stream& stream, void* y, const void* x, std::size_t bytes) {
  copy(stream, y, x, bytes);
}

void SelfCommunicator::do_all_to_all(Stream& stream, void* y, const void* x, std::size_t bytes) {
  copy(stream, y, x, bytes);
}

void SelfCommunicator::do_exchange(Stream& stream, const Exchange& exchange) {
  TW_CHECK_AS(CommError, (exchange.to >= 0) == (exchange.from >= 0), "exchange over ",
              name_of(axis()), ": a rank alone must send and receive together");
  if (exchange.to < 0) return;
  TW_CHECK_AS(CommError, bytes_of(exchange.send) == bytes_of(exchange.receive), "exchange over ",
              name_of(axis()), ": ", exchange.send.shape.text(), " sent, ",
              exchange.receive.shape.text(), " wanted");
  copy(stream, exchange.receive.data, exchange.send.data, bytes_of(exchange.send));
}

}  // namespace tokenwerk
