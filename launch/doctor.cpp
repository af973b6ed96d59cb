#include "launch/doctor.h"

#include <fmt/core.h>

#include <set>

#include "core/cpu/isa.h"
#include "core/cpu/onednn.h"
#include "core/device_module.h"
#include "launch/build_info.h"
#include "launch/data_sheet.h"
#include "launch/machine.h"
#include "parallel/checkpoint/hdf5_file.h"
#include "parallel/comm/control.h"

namespace tokenwerk {
namespace {

std::string line(std::string_view name, const std::string& value) {
  return fmt::format("  {:<13} {}\n", name, value);
}

std::string gibibytes(std::size_t bytes) {
  return fmt::format("{:.1f} GiB", static_cast<double>(bytes) / (1 << 30));
}

std::string giga(double per_second, std::string_view unit) {
  return fmt::format("{:.1f} G{}/s", per_second / 1e9, unit);
}

/// A disk that cannot be measured is a finding of its own, not the end of the report.
std::string disk_line(const MpiEnvironment& environment, const DoctorOptions& options) {
  if (options.disk_megabytes == 0 || environment.local_rank() != 0) return {};
  try {
    const auto bytes = static_cast<std::size_t>(options.disk_megabytes) * 1'000'000;
    const DiskSpeed speed = measured_disk_speed(options.folder, bytes);
    const std::size_t room = std::filesystem::space(options.folder).available;
    return line("disk", fmt::format("{} written and synced, {} read back, {} free in {}",
                                    giga(speed.write, "B"), giga(speed.read, "B"), gibibytes(room),
                                    options.folder.string()));
  } catch (const std::exception& error) {
    return line("disk", error.what());
  }
}

/// What the CUDA back end runs with, or what is missing.
std::string cuda_line() {
  try {
    using Describe = const char* (*)();
    const auto describe =
        reinterpret_cast<Describe>(cuda_module_function("tokenwerk_cuda_description"));
    return line("CUDA", describe());
  } catch (const Error& error) {
    return line("CUDA", error.what());
  }
}

/// The GPU that this rank would train on, or why there is none.
std::string gpu_line(const MpiEnvironment& environment) {
  try {
    const DeviceFacts facts = make_device(DeviceKind::cuda, environment.local_rank())->facts();
    const auto peak = data_sheet_peak(facts.name, DType::bf16);
    return line("GPU", fmt::format("{}, {}, {}", facts.name, gibibytes(facts.memory_bytes),
                                   peak ? "bf16 " + giga(*peak, "FLOP") + " by its data sheet"
                                        : "no data sheet known"));
  } catch (const Error& error) {
    return line("GPU", error.what());
  }
}

}  // namespace

std::string binary_report(const MpiEnvironment& environment) {
  const BuildInfo build = build_info();
  return fmt::format("tokenwerk {}\n", build.version) + line("build", build.type) +
         line("compiler", build.compiler) + line("oneDNN", cpu::onednn_description()) +
         line("HDF5", hdf5_version()) + line("MPI", environment.library()) + cuda_line();
}

std::string machine_report(const MpiEnvironment& environment, const DoctorOptions& options) {
  const Cores core = cores();
  const HostMemory memory = host_memory();
  const auto device = make_device(DeviceKind::cpu);
  const auto stream = device->make_stream();
  const double f32 = measured_matrix_peak(*device, *stream, DType::f32);
  const double bf16 = measured_matrix_peak(*device, *stream, DType::bf16);
  return line("processor", device->facts().name) +
         line("cores", fmt::format("{}, {} of {} hardware threads", core.physical, core.usable,
                                   core.present)) +
         line("kernels", cpu::name_of(cpu::isa())) +
         line("memory", fmt::format("{}, {} available", gibibytes(memory.total),
                                    gibibytes(memory.available))) +
         line("matrix peak",
              fmt::format("f32 {}, bf16 {}", giga(f32, "FLOP"), giga(bf16, "FLOP"))) +
         line("bandwidth", giga(measured_memory_bandwidth(*device), "B")) + gpu_line(environment) +
         disk_line(environment, options);
}

std::string doctor_report(MpiEnvironment& environment, const DoctorOptions& options) {
  const auto device = make_device(DeviceKind::cpu);
  const auto world = environment.make_world(*device);
  const std::vector<std::string> hosts = gather_strings(*world, environment.host());
  const std::vector<std::string> machines =
      gather_strings(*world, machine_report(environment, options));
  const std::size_t distinct = std::set(hosts.begin(), hosts.end()).size();
  std::string report = binary_report(environment);
  report += line("ranks", fmt::format("{} on {} {}", environment.size(), distinct,
                                      distinct == 1 ? "host" : "hosts"));
  for (std::size_t rank = 0; rank < machines.size(); ++rank)
    report += fmt::format("rank {} host {}\n{}", rank, hosts[rank], machines[rank]);
  return report;
}

}  // namespace tokenwerk
