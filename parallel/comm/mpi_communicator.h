#pragma once
/// The communicator of several ranks, over the engine's own algorithms on MPI messages. Only files
/// of this folder include this header: make one with MpiEnvironment::make_communicator.

#include "parallel/comm/collectives.h"
#include "parallel/comm/engine.h"
#include "parallel/comm/mpi_check.h"
#include "parallel/comm/operation.h"

namespace tokenwerk {

/// All messages of one call carry one tag, counted in program order, so that operations on several
/// streams of a communicator may be under way together.
class MpiCommunicator final : public Communicator {
 public:
  MpiCommunicator(Axis axis, Device& device, CommEngine& engine, UniqueMpiComm comm, int rank,
                  int size);
  ~MpiCommunicator() override;

  [[nodiscard]] std::unique_ptr<Stream> make_stream(std::string purpose) override;
  void progress() override;
  [[nodiscard]] CommEngine& engine() const { return *engine_; }
  [[nodiscard]] MPI_Comm handle() const { return comm_.get(); }

 private:
  void do_all_reduce(Stream&, TensorView x, Reduction reduction) override;
  void do_reduce_scatter(Stream&, TensorView y, TensorView x) override;
  void do_all_gather(Stream&, void* y, const void* x, std::size_t bytes) override;
  void do_broadcast(Stream&, void* x, std::size_t bytes, int root) override;
  void do_all_to_all(Stream&, void* y, const void* x, std::size_t bytes) override;
  void do_exchange(Stream&, const Exchange& exchange) override;
  void do_barrier(Stream&) override;

  [[nodiscard]] OperationArguments arguments();
  [[nodiscard]] PlanSite site() const { return {rank(), size()}; }
  /// Queues the plan on a communication stream; on any other runs it to its end.
  void run(Stream& stream, const OperationArguments& arguments, MessagePlan plan);

  CommEngine* engine_;
  UniqueMpiComm comm_;
  CommQueue inline_queue_;
  Index calls_ = 0;                     ///< collectives so far
  std::vector<Index> sent_, received_;  ///< exchanges so far, per peer
};

}  // namespace tokenwerk
