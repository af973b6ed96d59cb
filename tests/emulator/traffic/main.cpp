/// Traffic of every kernel of the cuda device, as the emulator counts it.
///
///   kernel_traffic [--small] [--check]
///
/// --check fails where a kernel moves more than a tenth beyond what the table states.

#include <fmt/core.h>

#include <cstdio>
#include <string_view>

#include "core/error.h"
#include "tests/emulator/traffic/cases.h"

namespace tokenwerk::traffic {
namespace {

struct Options {
  Extents extents = large;
  bool check = false;
};

Options parse(int count, char** arguments) {
  Options options;
  for (int i = 1; i < count; ++i) {
    const std::string_view argument = arguments[i];
    if (argument == "--small") {
      options.extents = small;
    } else if (argument == "--check") {
      options.check = true;
    } else {
      TW_CHECK(false, "kernel_traffic: unknown argument ", argument, "; it takes --small, --check");
    }
  }
  return options;
}

int run(const Options& options) {
  const auto device = make_device(DeviceKind::cuda);
  const auto stream = device->make_stream();
  Meter meter(*stream);
  for (const DType dtype : {DType::bf16, DType::f32}) {
    measure_elementwise(meter, options.extents, dtype);
    measure_norms(meter, options.extents, dtype);
    measure_embeddings(meter, options.extents, dtype);
    measure_attention(meter, options.extents, dtype);
    measure_loss(meter, options.extents, dtype);
    measure_optimizer(meter, options.extents, dtype);
  }
  fmt::print("{}", table_of(meter.measurements()));
  int faults = 0;
  for (const Measurement& measurement : meter.measurements()) {
    const std::string fault = fault_of(measurement);
    if (!fault.empty()) fmt::print("{}\n", fault);
    faults += fault.empty() ? 0 : 1;
  }
  return options.check && faults > 0 ? 1 : 0;
}

}  // namespace
}  // namespace tokenwerk::traffic

int main(int count, char** arguments) {
  try {
    return tokenwerk::traffic::run(tokenwerk::traffic::parse(count, arguments));
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 2;
  }
}
