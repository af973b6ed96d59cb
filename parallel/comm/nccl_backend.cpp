#include "parallel/comm/nccl_backend.h"

#include "core/device_module.h"

namespace tokenwerk {

std::unique_ptr<NcclBackend> make_nccl_backend(Device& device, Communicator& control,
                                               Ledger& ledger, std::function<void()> abort) {
  using Make = NcclBackend* (*)(Device&, Communicator&, Ledger&, std::function<void()>);
  const auto make = reinterpret_cast<Make>(cuda_module_function("tokenwerk_make_nccl_backend"));
  return std::unique_ptr<NcclBackend>(make(device, control, ledger, std::move(abort)));
}

}  // namespace tokenwerk
