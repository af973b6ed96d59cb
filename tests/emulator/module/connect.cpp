/// Joins the parts of the emulator: kernels may touch what the runtime has allocated.

#include "tests/emulator/memory_map.h"
#include "tests/emulator/runtime/device_memory.h"

namespace tokenwerk::emulator {
namespace {

std::uint64_t address_of(const DeviceAllocation& allocation) {
  return reinterpret_cast<std::uint64_t>(allocation.address);
}

/// Made while the module is loaded, before any device memory.
const bool connected = [] {
  listen_to_memory({.made =
                        [](const DeviceAllocation& made) {
                          memory_map().add({.address = address_of(made),
                                            .size = made.bytes,
                                            .bytes = made.host,
                                            .writable = true});
                        },
                    .ended =
                        [](const DeviceAllocation& ended) {
                          static_cast<void>(memory_map().remove(address_of(ended)));
                        }});
  return true;
}();

}  // namespace
}  // namespace tokenwerk::emulator
