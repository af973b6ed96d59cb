#pragma once
/// What the parts of bench_on_gpu share: a device, sizes, timing, and tables in Markdown.

#include <functional>
#include <string>
#include <vector>

#include "core/tensor.h"

namespace tokenwerk::bench {

/// How large and how long. `quick` only shows that every line is there, on the emulated device.
enum class Size { full, quick };

class Bench {
 public:
  Bench(Stream& on, Size size)
      : device(on.device()), stream(on), facts(device.facts()), size_(size) {}

  Device& device;
  Stream& stream;
  DeviceFacts facts;

  [[nodiscard]] bool quick() const { return size_ == Size::quick; }
  /// n, or what takes its place in a quick run.
  [[nodiscard]] Index pick(Index n, Index small) const { return quick() ? small : n; }

  [[nodiscard]] Tensor empty(DType dtype, Shape shape) const { return {device, dtype, shape}; }
  /// Normal numbers of this deviation.
  [[nodiscard]] Tensor random(DType dtype, Shape shape, double deviation = 1.0);
  /// So many whole numbers below `bound`, in no order.
  [[nodiscard]] Tensor tokens(Index count, Index bound) const;

  /// Seconds of one call, whose work is queued on the stream: the median of some batches, each as
  /// long as timing wants, after a warm-up. The host's clock runs from an idle stream to an idle
  /// stream.
  [[nodiscard]] double seconds(const std::function<void()>& call);

 private:
  [[nodiscard]] double batch(const std::function<void()>& call, int times);

  Size size_;
  std::uint64_t draws_ = 0;
};

/// Prints the head of a table.
void print_head(const std::string& title, const std::vector<std::string>& columns);
/// Prints a line of it.
void print_row(const std::vector<std::string>& cells);
/// 1234.5678 as "1235", 12.345678 as "12.3", 0.12345 as "0.123".
[[nodiscard]] std::string number(double value);
/// A part of a whole as "93 %".
[[nodiscard]] std::string percent(double part, double whole);
[[nodiscard]] double median(std::vector<double> values);

// The parts, each of which prints its tables.

/// Matrix products of layers in bf16, ours beside the best of cuBLASLt and the data sheet.
void products(Bench& bench);
/// Causal attention, forward and backward.
void attention(Bench& bench);
/// Our own kernels, in bytes a second of the least that must move, beside a copy.
void kernels(Bench& bench);

}  // namespace tokenwerk::bench
