#pragma once
/// One rank's end of an axis whose other ranks do not exist.

#include "parallel/comm/communicator.h"

namespace tokenwerk {

/// Knows its place and how many ranks there are; every collective passes at once and leaves arrays
/// as they are. For arrays of the simulated device, which hold no values.
class SimulatedCommunicator final : public Communicator {
 public:
  using Communicator::Communicator;
  [[nodiscard]] std::unique_ptr<Stream> make_stream(std::string) override {
    return device().make_stream();
  }

 private:
  void do_all_reduce(Stream&, TensorView, Reduction) override {}
  void do_reduce_scatter(Stream&, TensorView, TensorView) override {}
  void do_all_gather(Stream&, void*, const void*, std::size_t) override {}
  void do_broadcast(Stream&, void*, std::size_t, int) override {}
  void do_all_to_all(Stream&, void*, const void*, std::size_t) override {}
  void do_exchange(Stream&, const Exchange&) override {}
  void do_barrier(Stream&) override {}
};

}  // namespace tokenwerk
