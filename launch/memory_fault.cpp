#include "launch/memory_fault.h"

#include <fmt/core.h>

namespace tokenwerk {
namespace {

/// Bytes of a rank for each parameter of its part of the model: values, f32 gradients, two f32
/// moments and, for bf16 values, their f32 master; what ZeRO divides counts for its share.
double bytes_per_parameter(const Recipe& recipe) {
  const bool bf16 = recipe.training.precision == "bf16";
  const auto divided = [&](Index stage, double bytes) {
    return recipe.parallel.zero >= stage
               ? bytes / static_cast<double>(recipe.parallel.zero_group.value())
               : bytes;
  };
  return divided(3, bf16 ? 2.0 : 4.0) + divided(2, 4.0) + divided(1, bf16 ? 12.0 : 8.0);
}

}  // namespace

std::string memory_fault(const Recipe& recipe, const ModelConfig& c, std::size_t memory_bytes,
                         std::string_view owner) {
  constexpr double gib = 1024.0 * 1024.0 * 1024.0;
  const ParallelSection& p = recipe.parallel;
  const double parameters = static_cast<double>(parameter_count(c));
  const double held =
      parameters / static_cast<double>(p.tensor * p.pipeline) * bytes_per_parameter(recipe);
  // The input of each block at the least.
  const Index slices = *p.sequence ? p.tensor : 1;
  const Index blocks = c.layers / p.pipeline + 1;
  const double kept = static_cast<double>(recipe.training.micro_batch) *
                      static_cast<double>(c.sequence_length) * static_cast<double>(c.width) *
                      static_cast<double>(blocks) / static_cast<double>(slices) *
                      (recipe.training.precision == "bf16" ? 2.0 : 4.0);
  const auto there = static_cast<double>(memory_bytes);
  if (held + kept <= there) return {};
  return fmt::format(
      "{}: more memory than {} has: {:.3g} GiB for {:.3g} parameters with their "
      "optimizer state, {:.3g} GiB or more for training.micro_batch = {}, of {:.3g} GiB\n",
      recipe.file, owner, held / gib, parameters, kept / gib, recipe.training.micro_batch,
      there / gib);
}

}  // namespace tokenwerk
