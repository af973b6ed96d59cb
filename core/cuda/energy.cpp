#include "core/cuda/energy.h"

#include <dlfcn.h>
#include <fmt/core.h>

#include "core/log.h"

namespace tokenwerk::cuda {
namespace {

constexpr int success = 0;  // NVML_SUCCESS

template <typename Function>
bool find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  return function != nullptr;
}

}  // namespace

EnergyCounter::EnergyCounter(const std::string& bus_id) {
  const std::string missing = open(bus_id);
  if (missing.empty()) return;
  read_ = nullptr;
  log_info("no energy is counted: {}", missing);
}

EnergyCounter::~EnergyCounter() {
  if (shutdown_ != nullptr) static_cast<void>(shutdown_());
  if (library_ != nullptr) dlclose(library_);
}

std::string EnergyCounter::open(const std::string& bus_id) {
  library_ = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library_ == nullptr) return dlerror();
  int (*start)() = nullptr;
  int (*find_gpu)(const char*, Handle*) = nullptr;
  int (*shutdown)() = nullptr;
  if (!find(library_, "nvmlInit_v2", start) || !find(library_, "nvmlShutdown", shutdown) ||
      !find(library_, "nvmlDeviceGetHandleByPciBusId_v2", find_gpu) ||
      !find(library_, "nvmlDeviceGetTotalEnergyConsumption", read_))
    return "libnvidia-ml.so.1 lacks what it needs";
  if (const int status = start(); status != success)
    return fmt::format("NVML does not start (status {})", status);
  shutdown_ = shutdown;
  if (const int status = find_gpu(bus_id.c_str(), &gpu_); status != success)
    return fmt::format("NVML does not know the GPU {} (status {})", bus_id, status);
  if (!joules()) return fmt::format("the GPU {} has no energy counter", bus_id);
  return {};
}

std::optional<double> EnergyCounter::joules() const {
  unsigned long long millijoules = 0;
  if (read_ == nullptr || read_(gpu_, &millijoules) != success) return std::nullopt;
  return static_cast<double>(millijoules) / 1e3;
}

}  // namespace tokenwerk::cuda
