#pragma once
/// Bytes that the kernels of an operation move, beside the least that it can move.

#include <functional>
#include <string>
#include <vector>

#include "core/tensor.h"

namespace tokenwerk::traffic {

/// A call of an operation and the formulas of its bytes.
struct Call {
  std::string operation;
  std::string operands;  ///< dtype and shape
  double least = 0.0;    ///< every input read once, every result written once
  /// What the kernels are known to move beyond: read again, or left behind and read.
  double more = 0.0;
  std::string reason = {};  ///< of `more`
  std::function<void(Stream&)> run;
};

struct Measurement {
  Call call;
  std::string kernels;
  double moved = 0.0;  ///< in sectors of 32 bytes, as each warp asks for them: no cache saves any
};

/// How far the moved bytes may be from least + more, either way: a kernel that moves less has a
/// formula that says too much.
inline constexpr double tolerance = 0.10;
/// Rests of sectors, of no weight in calls that a recipe would time.
inline constexpr double slack_bytes = 512.0;

class Meter {
 public:
  explicit Meter(Stream& stream) : stream_(&stream) {}

  /// Runs the call, whose kernels' traffic becomes the next measurement.
  void measure(Call call);
  [[nodiscard]] const std::vector<Measurement>& measurements() const { return measurements_; }

  [[nodiscard]] Device& device() const { return stream_->device(); }
  [[nodiscard]] Stream& stream() const { return *stream_; }
  /// An array of the device, every element of this value.
  [[nodiscard]] Tensor filled(DType dtype, Shape shape, double value = 0.5) const;
  /// A vector of i32, element i being i * step mod modulus.
  [[nodiscard]] Tensor indices(Index count, Index step, Index modulus) const;

 private:
  Stream* stream_;
  std::vector<Measurement> measurements_;
};

/// The measurement against its formulas: empty, or what is wrong.
[[nodiscard]] std::string fault_of(const Measurement& measurement);
/// A header and a line a measurement.
[[nodiscard]] std::string table_of(const std::vector<Measurement>& measurements);

}  // namespace tokenwerk::traffic
