#pragma once
/// When work starts: at once, or, with a seed, late and in an order among streams that CUDA allows
/// and a GPU seldom shows.

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <vector>

#include <cuda_runtime_api.h>

namespace tokenwerk::emulator {

class Timing final {
 public:
  explicit Timing(std::optional<std::uint64_t> seed)
      : is_adversarial_(seed.has_value()), random_(seed.value_or(0)) {}

  [[nodiscard]] bool is_adversarial() const { return is_adversarial_; }

  /// The order in which streams are looked at in one round.
  void arrange(std::vector<cudaStream_t>& streams);

  /// How long an operation stands at the head of its stream before it starts.
  [[nodiscard]] std::chrono::microseconds latency();

 private:
  bool is_adversarial_;
  std::mt19937_64 random_;
};

}  // namespace tokenwerk::emulator
