#pragma once
/// The device on which a rank of a run computes, and what is known of it.

#include <memory>
#include <optional>
#include <string>

#include "parallel/comm/environment.h"

namespace tokenwerk {

/// Of all ranks together.
struct MatrixPeak {
  std::optional<double> flops;  ///< FLOP/s; empty: not known
  std::string source;           ///< in words: measured, the data sheet, or why there is none
};

/// Made by all ranks together.
class RunDevice {
 public:
  /// On a host with GPUs each rank takes the one of its place. Throws SharedError, on every rank,
  /// when a rank has no device of this kind.
  RunDevice(MpiEnvironment& environment, DeviceKind kind);

  [[nodiscard]] Device& device() const { return *device_; }
  /// All ranks, for arrays of the device.
  [[nodiscard]] Communicator& world() const { return world_ ? *world_ : *control_; }
  /// All ranks, for what stays in host memory.
  [[nodiscard]] Communicator& control() const { return *control_; }

  /// Collective: of a GPU the data sheet's, of a cpu a measured one.
  [[nodiscard]] MatrixPeak matrix_peak(DType dtype);
  /// Starts counting for how long the program, or of a GPU the stream on which it computes, waits
  /// for other ranks.
  void count_waits(Stream& compute);
  /// Seconds since then.
  [[nodiscard]] std::optional<double> counted_waits(Stream& compute) const;
  /// Starts counting the energy that the devices use.
  void count_joules();
  /// Collective: joules of all ranks' devices since then; empty where one does not count.
  [[nodiscard]] std::optional<double> counted_joules();

 private:
  MpiEnvironment* environment_;
  std::unique_ptr<Device> host_;  ///< of control, where the device is none for that
  std::unique_ptr<Device> device_;
  std::unique_ptr<Communicator> control_;
  std::unique_ptr<Communicator> world_;  ///< where control's arrays are not the device's
  std::optional<double> joules_;         ///< this rank's counter when counting began
  double waited_ = 0.0;                  ///< seconds, of a cpu, then
};

/// What a recipe or a flag calls it.
[[nodiscard]] DeviceKind device_kind(const std::string& name);

}  // namespace tokenwerk
