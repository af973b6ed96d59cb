#pragma once
/// Ranks along one mesh axis, and what they do together.

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "core/tensor.h"
#include "parallel/comm/collective_call.h"
#include "parallel/mesh.h"

namespace tokenwerk {

class CallHistory;
class Ledger;

/// The two halves of an `exchange`; an empty view or a rank of -1 leaves a half out.
struct Exchange {
  ConstTensorView send{};
  int to = -1;
  TensorView receive{};
  int from = -1;
};

/// One way between two ranks of an axis.
struct Link {
  int from = 0, to = 0;
  friend auto operator<=>(const Link&, const Link&) = default;
};

/// A promise that memory stays where it is, given back when it ends.
class Registration {
 public:
  Registration() = default;
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;
  virtual ~Registration() = default;
};

/// Collective operations of the ranks along one axis; ranks are counted within the axis.
///
/// Stream-ordered: on a stream of `make_stream`, or any of a GPU, a call only queues the work,
/// which then runs beside compute; on any other stream of the cpu it runs at once on the caller.
/// All ranks of a communicator make the same calls in the same order, whatever the streams. Buffers
/// belong to the operation until the stream has passed it. Views are dense; wrong ones throw
/// ShapeError. A failure of the transport throws CommError, naming operation, axis, size and peer,
/// from the call or, on an own stream, from the next `synchronize`; the stream is unusable from
/// then on.
///
/// A communicator of size 1 works like any other, so that callers never test for it. Each call
/// knows where it was made, for messages about a rank that does not come.
class Communicator {
 public:
  Communicator(Axis axis, int rank, int size, Device& device);
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;
  virtual ~Communicator();

  [[nodiscard]] Axis axis() const { return axis_; }
  [[nodiscard]] int rank() const { return rank_; }
  [[nodiscard]] int size() const { return size_; }
  [[nodiscard]] Device& device() const { return *device_; }

  /// A stream on which collectives run beside compute, in the order in which they were queued.
  /// Timelines call it by its purpose.
  [[nodiscard]] virtual std::unique_ptr<Stream> make_stream(std::string purpose) = 0;
  /// Prepares exchanges that only send, on one rank, and only receive, on the other. All ranks call
  /// together with the same links; those there already stay.
  virtual void connect(std::span<const Link>) {}
  /// Says that an array will be sent and received again and again, so that a transport may prepare
  /// it once; null where none does. It ends before the array and the communicator.
  [[nodiscard]] virtual std::unique_ptr<Registration> register_buffer(TensorView) { return {}; }
  /// Moves queued work on where nothing else does; never blocks. Call it between layers.
  virtual void progress() {}

  /// x = the reduction of all ranks' x, the same bits on every rank and in every run. f32 or f64.
  void all_reduce(Stream&, TensorView x, Reduction reduction = Reduction::sum,
                  CallSite site = CallSite::current());
  /// y(n) = part `rank` of the sum of all ranks' x(size * n); f32 or f64. x is used as workspace
  /// and undefined afterwards, except that y may be x's own part.
  void reduce_scatter(Stream&, TensorView y, TensorView x, CallSite site = CallSite::current());
  /// y(size * n) = all ranks' x(n) in rank order; x may be y's own part.
  void all_gather(Stream&, TensorView y, ConstTensorView x, CallSite site = CallSite::current());
  /// x = the root's x.
  void broadcast(Stream&, TensorView x, int root, CallSite site = CallSite::current());
  /// Part j of y(size * n) = part `rank` of rank j's x(size * n).
  void all_to_all(Stream&, TensorView y, ConstTensorView x, CallSite site = CallSite::current());
  /// Sends to one rank while receiving from one; each send needs its receive on the other side. An
  /// exchange of which one half is left out wants a link (`connect`).
  void exchange(Stream&, const Exchange& exchange, CallSite site = CallSite::current());
  /// Passes once every rank has come here.
  void barrier(Stream&, CallSite site = CallSite::current());

  /// The same for small control data in host memory, at once on the caller. All blocks are as long.
  void all_gather_bytes(std::span<std::byte> y, std::span<const std::byte> x,
                        CallSite site = CallSite::current());
  void broadcast_bytes(std::span<std::byte> x, int root, CallSite site = CallSite::current());
  void barrier(CallSite site = CallSite::current());

  /// From now on calls are noted in the ledger of this rank, and speak of these ranks of the run
  /// and of the communicator by this number.
  void record_in(Ledger& ledger, const RankGroup& group, int number);
  /// From now on each collective first compares what the ranks call, over a communicator of the cpu
  /// with the same ranks: a mismatch throws CommError on all of them, naming two ranks, their calls
  /// and call sites. Exchanges are not compared.
  void check_calls_over(std::unique_ptr<Communicator> control);

 protected:
  /// What the `do_` function at work was called for.
  [[nodiscard]] const CollectiveCall& call() const { return call_; }
  [[nodiscard]] const RankGroup& group() const { return group_; }

 private:
  virtual void do_all_reduce(Stream&, TensorView x, Reduction reduction) = 0;
  virtual void do_reduce_scatter(Stream&, TensorView y, TensorView x) = 0;
  /// Bytes from here on: `bytes` is what one rank contributes.
  virtual void do_all_gather(Stream&, void* y, const void* x, std::size_t bytes) = 0;
  virtual void do_broadcast(Stream&, void* x, std::size_t bytes, int root) = 0;
  virtual void do_all_to_all(Stream&, void* y, const void* x, std::size_t bytes) = 0;
  virtual void do_exchange(Stream&, const Exchange& exchange) = 0;
  virtual void do_barrier(Stream&) = 0;
  /// The stream for control data: runs at once on the caller.
  [[nodiscard]] Stream& control_stream();
  /// Numbers and notes a call; compares it where that is asked for.
  void begin(CollectiveCall call);
  void compare();

  Axis axis_;
  int rank_;
  int size_;
  Device* device_;
  RankGroup group_;
  int number_ = 0;
  CollectiveCall call_;
  Index collectives_ = 0, exchanges_ = 0;  ///< called so far
  std::unique_ptr<CallHistory> history_;
  std::unique_ptr<Communicator> checker_;
  std::unique_ptr<Stream> control_stream_;
};

}  // namespace tokenwerk
