/// What a GPU does with our operations, beside what it could do. tests/gpu.sh runs this.
///
///     bench_on_gpu [--quick] [PART...]      products attention kernels collectives; default: all
///
/// Prints tables in Markdown. Under mpirun only collectives make sense; other parts run on the
/// first rank. A part that fails says so and leaves the others alone; then the exit code is 1.

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "tests/bench/gpu/collectives.h"

namespace tokenwerk::bench {
namespace {

const std::vector<std::string> all_parts{"products", "attention", "kernels", "collectives"};

struct Options {
  Size size = Size::full;
  std::vector<std::string> parts;
};

Options read(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--quick") {
      options.size = Size::quick;
      continue;
    }
    TW_CHECK_AS(ConfigError, std::ranges::find(all_parts, word) != all_parts.end(),
                "bench_on_gpu: \"", word, "\" is no part; there are ",
                fmt::format("{}", fmt::join(all_parts, ", ")));
    options.parts.push_back(word);
  }
  if (options.parts.empty()) options.parts = all_parts;
  return options;
}

void run(const std::string& part, Bench& bench, MpiEnvironment& environment) {
  if (part == "collectives") return collectives(bench, environment);
  if (environment.rank() > 0) return;
  if (part == "products") products(bench);
  if (part == "attention") attention(bench);
  if (part == "kernels") kernels(bench);
}

/// How many parts failed.
int run_all(const Options& options, MpiEnvironment& environment) {
  const auto device = make_device(DeviceKind::cuda, environment.local_rank());
  const auto stream = device->make_stream();
  Bench bench(*stream, options.size);
  int failed = 0;
  for (const std::string& part : options.parts) {
    try {
      run(part, bench, environment);
    } catch (const std::exception& error) {
      fmt::print("\nFAILED {}: {}\n", part, error.what());
      ++failed;
      if (environment.size() > 1) environment.abort_all(1);  // the others wait for this rank
    }
  }
  return failed;
}

}  // namespace
}  // namespace tokenwerk::bench

int main(int argc, char** argv) {
  using namespace tokenwerk;
  try {
    const bench::Options options = bench::read(argc, argv);
    MpiEnvironment environment;
    return bench::run_all(options, environment) == 0 ? 0 : 1;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 4;
  }
}
