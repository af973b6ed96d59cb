#include "tests/emulator/cublaslt/product.h"

#include <cmath>
#include <type_traits>
#include <vector>

#include "tests/emulator/cublaslt/elements.h"
#include "tests/emulator/cublaslt/packed_product.h"

namespace tokenwerk::emulator {
namespace {

template <typename T>
using Vector = std::vector<T>;

std::size_t size(std::int64_t count) { return static_cast<std::size_t>(count); }

/// One matrix of the batch, read so that `lines` run along the sum.
struct Lines {
  const std::byte* first;
  cudaDataType type;
  std::int64_t count;      ///< how many lines
  std::int64_t depth;      ///< elements of each
  std::int64_t line_step;  ///< elements from one line to the next
  std::int64_t step;       ///< elements inside a line
};

const std::byte* batch_of(const Matrix& matrix, const std::byte* first, std::int64_t batch) {
  return first + batch * matrix.batch_stride * static_cast<std::int64_t>(bytes_of(matrix.type));
}

/// The rows of op(a).
Lines lines_of_a(const Problem& problem, const Operands& operands, std::int64_t batch) {
  const auto& a = problem.a;
  const auto down = a.row_step();
  const auto along = a.column_step();
  return {batch_of(a, operands.a, batch),
          a.type,
          problem.m(),
          problem.k(),
          problem.transposes_a ? along : down,
          problem.transposes_a ? down : along};
}

/// The columns of op(b).
Lines lines_of_b(const Problem& problem, const Operands& operands, std::int64_t batch) {
  const auto& b = problem.b;
  const auto down = b.row_step();
  const auto along = b.column_step();
  return {batch_of(b, operands.b, batch),
          b.type,
          problem.n(),
          problem.k(),
          problem.transposes_b ? down : along,
          problem.transposes_b ? along : down};
}

/// Packs the lines and, if wanted, adds up each.
template <typename T>
Panels<T> pack(const Lines& lines, std::int64_t width, bool rounds_to_tf32, Vector<T>* sums) {
  Panels<T> panels(lines.count, lines.depth, width);
  Vector<T> line(size(lines.depth));
  for (std::int64_t i = 0; i < lines.count; ++i) {
    const auto offset = i * lines.line_step * static_cast<std::int64_t>(bytes_of(lines.type));
    load(lines.first + offset, lines.type, lines.step, lines.depth, line.data());
    if (sums != nullptr) {
      T sum = 0;
      for (const T value : line) sum += value;
      sums->push_back(sum);
    }
    if constexpr (std::is_same_v<T, float>) {
      if (rounds_to_tf32) {
        for (auto& value : line) value = round_to_tf32(value);
      }
    }
    panels.set_line(i, line.data());
  }
  return panels;
}

/// gelu in the tanh form, as the library has it, and its derivative.
template <typename T>
struct Gelu {
  static constexpr T slope = static_cast<T>(0.7978845608028654);  // sqrt(2/pi)
  static constexpr T cubic = static_cast<T>(0.044715);

  static T value(T x) {
    return static_cast<T>(0.5) * x * (1 + std::tanh(slope * (x + cubic * x * x * x)));
  }
  static T derivative(T x) {
    const T t = std::tanh(slope * (x + cubic * x * x * x));
    const T inner = slope * (1 + 3 * cubic * x * x);
    return static_cast<T>(0.5) * (1 + t) + static_cast<T>(0.5) * x * (1 - t * t) * inner;
  }
};

/// One product of the batch on its way to memory.
template <typename T>
class Output final {
 public:
  Output(const Problem& problem, const Operands& operands, const Scales& scales, std::int64_t batch)
      : problem_(problem),
        operands_(operands),
        alpha_(static_cast<T>(scales.alpha)),
        beta_(static_cast<T>(scales.beta)),
        batch_(batch),
        row_sums_(size(problem.epilogue.sums_output() ? problem.m() : 0)),
        bias_(load_bias()) {}

  /// Scales the sums of one column, applies the epilogue and writes it.
  void finish(std::int64_t column, T* values) {
    for (std::int64_t i = 0; i < problem_.m(); ++i) values[i] *= alpha_;
    if (beta_ != 0) add_c(column, values);
    for (std::size_t i = 0; i < bias_.size(); ++i) values[i] += bias_[i];
    const auto& epilogue = problem_.epilogue;
    if (epilogue.writes_aux()) {
      store(values, problem_.m(), aux_column(column), epilogue.aux_type, 1);
    }
    if (epilogue.applies_gelu()) {
      for (std::int64_t i = 0; i < problem_.m(); ++i) values[i] = Gelu<T>::value(values[i]);
    }
    if (epilogue.reads_aux()) multiply_by_derivative(column, values);
    for (std::size_t i = 0; i < row_sums_.size(); ++i) row_sums_[i] += values[i];
    store(values, problem_.m(), column_of(problem_.d, operands_.d, column), problem_.d.type,
          problem_.d.row_step());
  }

  [[nodiscard]] const Vector<T>& row_sums() const { return row_sums_; }

  /// Writes a gradient of the bias.
  void store_bias(const Vector<T>& values) const {
    store(values.data(), problem_.bias_length(), bias_of_batch(), problem_.epilogue.bias_type, 1);
  }

 private:
  template <typename Byte>
  [[nodiscard]] Byte* column_of(const Matrix& matrix, Byte* first, std::int64_t column) const {
    const auto offset = batch_ * matrix.batch_stride + column * matrix.column_step();
    return first + offset * static_cast<std::int64_t>(bytes_of(matrix.type));
  }
  [[nodiscard]] std::byte* bias_of_batch() const {
    const auto& epilogue = problem_.epilogue;
    return operands_.bias + batch_ * epilogue.bias_batch_stride *
                                static_cast<std::int64_t>(bytes_of(epilogue.bias_type));
  }
  [[nodiscard]] std::byte* aux_column(std::int64_t column) const {
    const auto& epilogue = problem_.epilogue;
    const auto offset = batch_ * epilogue.aux_batch_stride + column * epilogue.aux_leading;
    return operands_.aux + offset * static_cast<std::int64_t>(bytes_of(epilogue.aux_type));
  }
  [[nodiscard]] Vector<T> load_bias() const {
    if (!problem_.epilogue.adds_bias()) return {};
    Vector<T> bias(size(problem_.m()));
    load(bias_of_batch(), problem_.epilogue.bias_type, 1, problem_.m(), bias.data());
    return bias;
  }
  void add_c(std::int64_t column, T* values) const {
    Vector<T> old(size(problem_.m()));
    load(column_of(problem_.c, operands_.c, column), problem_.c.type, problem_.c.row_step(),
         problem_.m(), old.data());
    for (std::size_t i = 0; i < old.size(); ++i) values[i] += beta_ * old[i];
  }
  void multiply_by_derivative(std::int64_t column, T* values) const {
    Vector<T> argument(size(problem_.m()));
    load(aux_column(column), problem_.epilogue.aux_type, 1, problem_.m(), argument.data());
    for (std::size_t i = 0; i < argument.size(); ++i) {
      values[i] *= Gelu<T>::derivative(argument[i]);
    }
  }

  const Problem& problem_;
  const Operands& operands_;
  T alpha_;
  T beta_;
  std::int64_t batch_;
  Vector<T> row_sums_;
  Vector<T> bias_;
};

template <typename T>
void compute_batch(const Problem& problem, const Operands& operands, const Scales& scales,
                   std::int64_t batch) {
  const auto& epilogue = problem.epilogue;
  Vector<T> sums;
  const auto a = pack<T>(lines_of_a(problem, operands, batch), panel_rows<T>,
                         problem.rounds_to_tf32, epilogue.sums_a() ? &sums : nullptr);
  const auto b = pack<T>(lines_of_b(problem, operands, batch), panel_columns,
                         problem.rounds_to_tf32, epilogue.sums_b() ? &sums : nullptr);
  Vector<T> product(size(problem.m() * problem.n()));
  multiply(a, b, problem.m(), problem.n(), product.data());
  Output<T> output(problem, operands, scales, batch);
  for (std::int64_t column = 0; column < problem.n(); ++column) {
    output.finish(column, product.data() + column * problem.m());
  }
  if (epilogue.sums_output()) output.store_bias(output.row_sums());
  if (epilogue.sums_a() || epilogue.sums_b()) output.store_bias(sums);
}

}  // namespace

void compute_product(const Problem& problem, const Operands& operands, const Scales& scales) {
  for (std::int64_t batch = 0; batch < problem.d.batches; ++batch) {
    if (problem.is_double()) {
      compute_batch<double>(problem, operands, scales, batch);
    } else {
      compute_batch<float>(problem, operands, scales, batch);
    }
  }
}

}  // namespace tokenwerk::emulator
