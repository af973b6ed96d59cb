#include "parallel/comm/mpi_communicator.h"

namespace tokenwerk {
namespace {

/// MPI promises tags up to 32767. Collectives take the even ones, exchanges the odd ones; a tag is
/// used again only after 16384 calls, long after its last message has passed.
int tag_of(Index call, int parity) { return static_cast<int>(call % 16384) * 2 + parity; }

std::size_t bytes_of(const ConstTensorView& view) {
  return static_cast<std::size_t>(view.count()) * size_of(view.dtype);
}

}  // namespace

MpiCommunicator::MpiCommunicator(Axis axis, Device& device, CommEngine& engine, UniqueMpiComm comm,
                                 int rank, int size)
    : Communicator(axis, rank, size, device),
      engine_(&engine),
      comm_(std::move(comm)),
      inline_queue_(engine, device, "at once"),
      sent_(static_cast<std::size_t>(size)),
      received_(static_cast<std::size_t>(size)) {}

MpiCommunicator::~MpiCommunicator() {
  if (engine_->halted())
    static_cast<void>(comm_.take());  // messages are under way on it
  else
    engine_->serialized([this] { comm_.reset(); });
}

std::unique_ptr<Stream> MpiCommunicator::make_stream(std::string purpose) {
  return std::make_unique<CommStream>(*engine_, device(), std::move(purpose));
}

void MpiCommunicator::progress() { engine_->help(); }

OperationArguments MpiCommunicator::arguments() {
  const int tag = tag_of(calls_++, 0);
  return {.call = call(), .comm = comm_.get(), .send_tag = tag, .receive_tag = tag};
}

void MpiCommunicator::run(Stream& stream, const OperationArguments& arguments, MessagePlan plan) {
  auto operation = std::make_unique<Operation>(arguments, std::move(plan));
  if (auto* own = dynamic_cast<CommStream*>(&stream)) {
    own->queue().submit(std::move(operation));
    return;
  }
  stream.synchronize();
  inline_queue_.submit(std::move(operation));
  inline_queue_.wait(inline_queue_.submitted());
}

void MpiCommunicator::do_all_reduce(Stream& stream, TensorView x, Reduction reduction) {
  OperationArguments a = arguments();
  a.output = x.as<std::byte>();
  a.dtype = x.dtype;
  a.reduction = reduction;
  run(stream, a, plan_all_reduce(site(), x.count(), size_of(x.dtype)));
}

void MpiCommunicator::do_reduce_scatter(Stream& stream, TensorView y, TensorView x) {
  OperationArguments a = arguments();
  a.output = y.as<std::byte>();
  a.workspace = x.as<std::byte>();
  a.dtype = x.dtype;
  run(stream, a, plan_reduce_scatter(site(), y.count(), size_of(x.dtype)));
}

void MpiCommunicator::do_all_gather(Stream& stream, void* y, const void* x, std::size_t bytes) {
  OperationArguments a = arguments();
  a.output = static_cast<std::byte*>(y);
  a.input = static_cast<const std::byte*>(x);
  run(stream, a, plan_all_gather(site(), bytes));
}

void MpiCommunicator::do_broadcast(Stream& stream, void* x, std::size_t bytes, int root) {
  OperationArguments a = arguments();
  a.output = static_cast<std::byte*>(x);
  run(stream, a, plan_broadcast(site(), bytes, root));
}

void MpiCommunicator::do_all_to_all(Stream& stream, void* y, const void* x, std::size_t bytes) {
  OperationArguments a = arguments();
  a.output = static_cast<std::byte*>(y);
  a.input = static_cast<const std::byte*>(x);
  run(stream, a, plan_all_to_all(site(), bytes));
}

void MpiCommunicator::do_exchange(Stream& stream, const Exchange& exchange) {
  OperationArguments a{.call = call(), .comm = comm_.get()};
  if (exchange.to >= 0) {
    a.send_tag = tag_of(sent_[static_cast<std::size_t>(exchange.to)]++, 1);
    a.input = exchange.send.as<std::byte>();
  }
  if (exchange.from >= 0) {
    a.receive_tag = tag_of(received_[static_cast<std::size_t>(exchange.from)]++, 1);
    a.output = exchange.receive.as<std::byte>();
  }
  run(stream, a,
      plan_exchange(exchange.to, exchange.to < 0 ? 0 : bytes_of(exchange.send), exchange.from,
                    exchange.from < 0 ? 0 : bytes_of(exchange.receive)));
}

void MpiCommunicator::do_barrier(Stream& stream) { run(stream, arguments(), plan_barrier(site())); }

}  // namespace tokenwerk
