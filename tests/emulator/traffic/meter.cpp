#include "tests/emulator/traffic/meter.h"

#include <cxxabi.h>
#include <fmt/core.h>

#include <cmath>
#include <cstdlib>
#include <memory>
#include <utility>

#include "core/ops/elementwise.h"
#include "tests/emulator/statistics.h"
#include "tests/emulator/traffic/cases.h"

namespace tokenwerk::traffic {
namespace {

/// The name of a kernel's function alone; of a map, with the operation that it maps.
std::string short_name(const std::string& mangled) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> demangled(
      abi::__cxa_demangle(mangled.c_str(), nullptr, nullptr, &status), &std::free);
  std::string name = status == 0 ? demangled.get() : mangled;
  for (const char* scope : {"tokenwerk::cuda::", "(anonymous namespace)::"})
    for (std::size_t at = name.find(scope); at != std::string::npos; at = name.find(scope))
      name.erase(at, std::string(scope).size());
  if (const std::size_t comma = name.find(", "); name.find("map_") != std::string::npos)
    return name.substr(comma + 2, name.find_first_of("<>(", comma) - comma - 2);
  if (name.starts_with("void ")) name.erase(0, 5);
  name = name.substr(0, name.find_first_of("<("));
  return name.ends_with("_kernel") ? name.substr(0, name.size() - 7) : name;
}

}  // namespace

void Meter::measure(Call call) {
  stream_->synchronize();
  emulator::reset_statistics();
  call.run(*stream_);
  stream_->synchronize();
  Measurement result{std::move(call), {}, 0.0};
  for (const auto& [name, sum] : emulator::statistics()) {
    const std::uint64_t sectors = sum.global_read_sectors + sum.global_written_sectors;
    result.moved += static_cast<double>(sectors * emulator::sector_bytes);
    const std::string kernel = short_name(name);
    if (result.kernels.find(kernel) == std::string::npos)
      result.kernels += (result.kernels.empty() ? "" : ", ") + kernel;
  }
  result.call.run = {};
  measurements_.push_back(std::move(result));
}

Tensor Meter::filled(DType dtype, Shape shape, double value) const {
  Tensor out(device(), dtype, shape);
  fill(*stream_, out, value);
  return out;
}

Tensor Meter::indices(Index count, Index step, Index modulus) const {
  std::vector<std::int32_t> values;
  for (Index i = 0; i < count; ++i) values.push_back(static_cast<std::int32_t>(i * step % modulus));
  Tensor out(device(), DType::i32, Shape{count});
  device().copy_from_host(*stream_, out.view().data, values.data(), out.bytes());
  stream_->synchronize();
  return out;
}

std::string fault_of(const Measurement& m) {
  const double stated = m.call.least + m.call.more, distance = m.moved - stated;
  if (std::abs(distance) <= tolerance * stated + slack_bytes) return {};
  return fmt::format("{} {}: {} moved {:.0f} bytes, the least and what is stated are {:.0f}",
                     m.call.operation, m.call.operands, m.kernels, m.moved, stated);
}

std::string table_of(const std::vector<Measurement>& measurements) {
  std::string text = fmt::format("{:<28} {:<16} {:>12} {:>12} {:>6} {:>6}  {}\n", "operation",
                                 "operands", "least", "moved", "ratio", "stated", "kernels");
  for (const Measurement& m : measurements) {
    text += fmt::format("{:<28} {:<16} {:>12.0f} {:>12.0f} {:>6.3f} {:>6.3f}  {}{}{}\n",
                        m.call.operation, m.call.operands, m.call.least, m.moved,
                        m.moved / m.call.least, (m.call.least + m.call.more) / m.call.least,
                        m.kernels, m.call.reason.empty() ? "" : "; ", m.call.reason);
  }
  return text;
}

std::string operands(DType dtype, Index rows, Index columns) {
  return fmt::format("{} {}x{}", name_of(dtype), rows, columns);
}

}  // namespace tokenwerk::traffic
