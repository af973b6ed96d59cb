#include "launch/run_device.h"

#include <fmt/core.h>

#include <cmath>
#include <utility>

#include "launch/agreement.h"
#include "launch/data_sheet.h"
#include "launch/machine.h"
#include "parallel/comm/control.h"

namespace tokenwerk {

DeviceKind device_kind(const std::string& name) {
  return name == "cuda" ? DeviceKind::cuda : DeviceKind::cpu;
}

RunDevice::RunDevice(MpiEnvironment& environment, DeviceKind kind)
    : environment_(&environment),
      host_(make_device(DeviceKind::cpu)),
      control_(environment.make_world(*host_)) {
  if (kind == DeviceKind::cpu) {
    device_ = std::move(host_);
    return;
  }
  agree(*control_, [&] { device_ = make_device(kind, environment.local_rank()); });
  world_ = environment.make_world(*device_);
}

MatrixPeak RunDevice::matrix_peak(DType dtype) {
  if (device_->kind() == DeviceKind::cpu)
    return {measured_matrix_peak(*control_, dtype), "matrix product, measured"};
  const std::string name = device_->facts().name;
  const std::optional<double> mine = data_sheet_peak(name, dtype);
  const double sum = all_reduce(*control_, mine.value_or(0.0));
  if (!all_ok(*control_, mine.has_value()))
    return {std::nullopt, fmt::format("no data sheet of {} is known, so no MFU", name)};
  return {sum, "data sheet of " + name};
}

void RunDevice::count_waits(Stream& compute) {
  waited_ = environment_->waited_seconds();
  if (!compute.take_waits()) compute.count_waits();
}

std::optional<double> RunDevice::counted_waits(Stream& compute) const {
  if (device_->kind() == DeviceKind::cpu) return environment_->waited_seconds() - waited_;
  return compute.take_waits();
}

void RunDevice::count_joules() { joules_ = device_->joules(); }

std::optional<double> RunDevice::counted_joules() {
  if (device_->kind() == DeviceKind::cpu) return std::nullopt;
  const std::optional<double> now = device_->joules();
  const double mine = now && joules_ ? *now - *joules_ : std::nan("");
  const double sum = all_reduce(*control_, mine);
  return std::isnan(sum) ? std::nullopt : std::optional(sum);
}

}  // namespace tokenwerk
