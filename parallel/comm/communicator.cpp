#include "parallel/comm/communicator.h"

#include <algorithm>

#include "core/error.h"
#include "parallel/comm/control.h"
#include "parallel/comm/ledger.h"

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

Index count_of(std::size_t bytes) { return static_cast<Index>(bytes); }

std::size_t bytes_of(const ConstTensorView& view) {
  return static_cast<std::size_t>(view.count()) * size_of(view.dtype);
}

void check_rank(int rank, int size, std::string_view operation) {
  TW_CHECK_AS(ShapeError, 0 <= rank && rank < size, operation, ": rank ", rank, " of ", size);
}

}  // namespace

Communicator::Communicator(Axis axis, int rank, int size, Device& device)
    : axis_(axis), rank_(rank), size_(size), device_(&device), group_{0, 1, size} {}

Communicator::~Communicator() = default;

void Communicator::all_reduce(Stream& stream, TensorView x, Reduction reduction, CallSite site) {
  check_summable(x, "all_reduce");
  begin({.collective = Collective::all_reduce,
         .count = x.count(),
         .dtype = x.dtype,
         .reduction = reduction,
         .site = site});
  do_all_reduce(stream, x, reduction);
}

void Communicator::reduce_scatter(Stream& stream, TensorView y, TensorView x, CallSite site) {
  check_summable(x, "reduce_scatter");
  check_dense(y, "reduce_scatter");
  check_parts(x, y, size_, "reduce_scatter");
  begin({.collective = Collective::reduce_scatter,
         .count = x.count(),
         .dtype = x.dtype,
         .site = site});
  do_reduce_scatter(stream, y, x);
}

void Communicator::all_gather(Stream& stream, TensorView y, ConstTensorView x, CallSite site) {
  check_dense(x, "all_gather");
  check_dense(y, "all_gather");
  check_parts(y, x, size_, "all_gather");
  begin({.collective = Collective::all_gather, .count = x.count(), .dtype = x.dtype, .site = site});
  do_all_gather(stream, y.data, x.data, bytes_of(x));
}

void Communicator::broadcast(Stream& stream, TensorView x, int root, CallSite site) {
  check_dense(x, "broadcast");
  check_rank(root, size_, "broadcast");
  begin({.collective = Collective::broadcast,
         .count = x.count(),
         .dtype = x.dtype,
         .root = group_.rank_at(root),
         .site = site});
  do_broadcast(stream, x.data, bytes_of(x), root);
}

void Communicator::all_to_all(Stream& stream, TensorView y, ConstTensorView x, CallSite site) {
  check_dense(x, "all_to_all");
  check_dense(y, "all_to_all");
  check_parts(y, x, 1, "all_to_all");
  TW_CHECK_AS(ShapeError, x.count() % size_ == 0, "all_to_all: ", x.shape.text(), " in ", size_,
              " parts");
  TW_CHECK_AS(ShapeError, x.data != y.data, "all_to_all cannot work in place");
  begin({.collective = Collective::all_to_all, .count = x.count(), .dtype = x.dtype, .site = site});
  do_all_to_all(stream, y.data, x.data, bytes_of(x) / static_cast<std::size_t>(size_));
}

void Communicator::exchange(Stream& stream, const Exchange& exchange, CallSite site) {
  CollectiveCall call{.collective = Collective::exchange, .site = site};
  if (exchange.to >= 0) {
    check_dense(exchange.send, "exchange");
    check_rank(exchange.to, size_, "exchange");
    call.count += count_of(bytes_of(exchange.send));
    call.to = group_.rank_at(exchange.to);
  }
  if (exchange.from >= 0) {
    check_dense(exchange.receive, "exchange");
    check_rank(exchange.from, size_, "exchange");
    call.count += count_of(bytes_of(exchange.receive));
    call.from = group_.rank_at(exchange.from);
  }
  begin(call);
  do_exchange(stream, exchange);
}

void Communicator::barrier(Stream& stream, CallSite site) {
  begin({.collective = Collective::barrier, .site = site});
  do_barrier(stream);
}

void Communicator::all_gather_bytes(std::span<std::byte> y, std::span<const std::byte> x,
                                    CallSite site) {
  TW_CHECK_AS(ShapeError, y.size() == x.size() * static_cast<std::size_t>(size_),
              "all_gather_bytes: ", y.size(), " bytes are not ", size_, " parts of ", x.size());
  begin({.collective = Collective::all_gather, .count = count_of(x.size()), .site = site});
  do_all_gather(control_stream(), y.data(), x.data(), x.size());
}

void Communicator::broadcast_bytes(std::span<std::byte> x, int root, CallSite site) {
  check_rank(root, size_, "broadcast_bytes");
  begin({.collective = Collective::broadcast,
         .count = count_of(x.size()),
         .root = group_.rank_at(root),
         .site = site});
  do_broadcast(control_stream(), x.data(), x.size(), root);
}

void Communicator::barrier(CallSite site) { barrier(control_stream(), site); }

void Communicator::record_in(Ledger& ledger, const RankGroup& group, int number) {
  TW_CHECK(group.size == size_, "a group of ", group.size, " ranks for a communicator of ", size_);
  group_ = group;
  number_ = number;
  history_ = std::make_unique<CallHistory>(ledger);
}

void Communicator::check_calls_over(std::unique_ptr<Communicator> control) {
  checker_ = std::move(control);
}

void Communicator::begin(CollectiveCall call) {
  call.axis = axis_;
  call.group = group_;
  call.communicator = number_;
  call.number = call.collective == Collective::exchange ? ++exchanges_ : ++collectives_;
  call_ = call;
  if (history_) history_->note(call);
  if (checker_ && call.collective != Collective::exchange) compare();
}

void Communicator::compare() {
  const std::string mine = fmt::format("{} {}", call_.text(), call_.number);
  const std::vector<std::string> calls = gather_strings(*checker_, mine, call_.site);
  const auto other = std::ranges::find_if(calls, [&](const auto& c) { return c != calls.front(); });
  if (other == calls.end()) return;
  const std::vector<std::string> sites = gather_strings(*checker_, text_of(call_.site), call_.site);
  const auto told = [&](std::ptrdiff_t place) {
    const auto i = static_cast<std::size_t>(place);
    return fmt::format("rank {} calls {} at {}", group_.rank_at(static_cast<int>(place)), calls[i],
                       sites[i]);
  };
  TW_RAISE(CommError, "ranks call different things over ", name_of(axis_), " (", text_of(group_),
           "): ", told(0), "; ", told(other - calls.begin()));
}

Stream& Communicator::control_stream() {
  TW_CHECK(device_->kind() == DeviceKind::cpu, "control data goes over a world of the cpu device");
  if (!control_stream_) control_stream_ = device_->make_stream();
  return *control_stream_;
}

}  // namespace tokenwerk
