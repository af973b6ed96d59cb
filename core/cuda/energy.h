#pragma once
/// The GPU's own energy counter, read through NVML (NVIDIA Management Library), which comes with
/// the driver and is opened at run time. Its functions are declared here: `nvml.h` is not part of
/// every toolkit.

#include <optional>
#include <string>

namespace tokenwerk::cuda {

class EnergyCounter {
 public:
  /// Of the GPU with this PCI bus id ("0000:17:00.0"), as the runtime tells it. Where NVML or the
  /// counter is missing there is nothing to read, and the log says why.
  explicit EnergyCounter(const std::string& bus_id);
  EnergyCounter(const EnergyCounter&) = delete;
  EnergyCounter& operator=(const EnergyCounter&) = delete;
  ~EnergyCounter();

  /// Joules since the driver was loaded; counted in thousandths since Volta
  /// (nvmlDeviceGetTotalEnergyConsumption).
  [[nodiscard]] std::optional<double> joules() const;

 private:
  using Nvml = void*;    ///< what dlopen gives
  using Handle = void*;  ///< nvmlDevice_t

  /// Empty when the GPU's counter has been found and read, otherwise what is missing.
  [[nodiscard]] std::string open(const std::string& bus_id);

  Nvml library_ = nullptr;
  Handle gpu_ = nullptr;
  int (*shutdown_)() = nullptr;
  int (*read_)(Handle, unsigned long long* millijoules) = nullptr;
};

}  // namespace tokenwerk::cuda
