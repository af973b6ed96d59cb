#pragma once
/// The communicator of one rank.

#include "parallel/comm/communicator.h"

namespace tokenwerk {

/// Every collective is a copy or nothing, done at once on the caller.
class SelfCommunicator final : public Communicator {
 public:
  SelfCommunicator(Axis axis, Device& device) : Communicator(axis, 0, 1, device) {}
  [[nodiscard]] std::unique_ptr<Stream> make_stream(std::string) override {
    return device().make_stream();
  }

 private:
  void do_all_reduce(Stream&, TensorView, Reduction) override {}
  void do_reduce_scatter(Stream&, TensorView y, TensorView x) override;
  void do_all_gather(Stream&, void* y, const void* x, std::size_t bytes) override;
  void do_broadcast(Stream&, void*, std::size_t, int) override {}
  void do_all_to_all(Stream&, void* y, const void* x, std::size_t bytes) override;
  void do_exchange(Stream&, const Exchange& exchange) override;
  void do_barrier(Stream&) override {}
};

}  // namespace tokenwerk
