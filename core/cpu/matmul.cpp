#include <algorithm>
#include <cstring>

#include "core/cpu/families.h"
#include "core/cpu/fixed_product.h"
#include "core/cpu/kernels/matmul.h"
#include "core/cpu/onednn.h"
#include "core/cpu/parallel_for.h"
#include "core/ops/elementwise.h"

namespace tokenwerk::cpu {
namespace {

/// Extent of the blocks in which bf16 operands are converted: large enough that the conversion is
/// small beside the product, small enough that scratch stays at 16 MiB an operand.
constexpr Index convert_block = 2048;

/// Rows first .. first + count of a view and so many columns.
template <typename View>
View part_of(const View& view, Index row, Index rows, Index column, Index columns) {
  return view.slice_rows({row, row + rows}).slice_columns(column, columns);
}

/// Which of its dims a stored operand gives to the product.
enum class Side { as_stored, transposed };

/// An operand as it is stored, and how it enters the product.
struct Operand {
  ConstTensorView view;
  Side side;

  [[nodiscard]] Matrix matrix() const {
    return side == Side::as_stored ? matrix_of(view) : transpose_of(view);
  }
  [[nodiscard]] Index rows() const { return matrix().rows; }
  [[nodiscard]] Index columns() const { return matrix().columns; }
  /// The part that is rows x columns of the matrix.
  [[nodiscard]] Operand part(Index row, Index rows, Index column, Index columns) const {
    if (side == Side::as_stored) return {part_of(view, row, rows, column, columns), side};
    return {part_of(view, column, columns, row, rows), side};
  }
};

/// An operand converted to f32 in scratch.
struct ConvertedOperand {
  ConvertedOperand(Stream& stream, const Operand& from)
      : values(stream.device(), DType::f32, {from.view.rows(), from.view.columns()}),
        operand{values, from.side} {
    convert(stream, values, from.view);
  }
  Tensor values;
  Operand operand;
};

/// c += a b in f64, for gradient tests: plain loops, sums in order of k.
void multiply_f64(TensorView c, const Matrix& a, const Matrix& b) {
  const auto* left = static_cast<const double*>(a.data);
  const auto* right = static_cast<const double*>(b.data);
  parallel_for(c.rows(), 1 + (1 << 16) / std::max<Index>(1, a.columns * b.columns),
               [&](Index first, Index last) {
                 for (Index i = first; i < last; ++i) {
                   double* out = c.as<double>() + i * c.row_stride;
                   for (Index k = 0; k < a.columns; ++k) {
                     const double factor = left[i * a.row_stride + k * a.column_stride];
                     const double* in = right + k * b.row_stride;
                     for (Index j = 0; j < b.columns; ++j)
                       out[j] += factor * in[j * b.column_stride];
                   }
                 }
               });
}

/// y(N,F) = bias(F) in each row, or zero; or y as it is, plus the bias.
void start_rows(Stream& stream, TensorView y, ConstTensorView bias, Write write) {
  if (write == Write::overwrite) fill(stream, y, 0.0);
  if (bias) add_row(stream, y, bias);
}

/// A bias in the type of the sums.
Tensor sums_of(Stream& stream, ConstTensorView bias) {
  Tensor wide(stream.device(), accumulation_type(bias.dtype), {bias.count()});
  convert(stream, wide.reshaped({1, bias.count()}), bias);
  return wide;
}

class CpuMatmulOps final : public MatmulOps {
 public:
  void do_matmul(Stream& stream, TensorView y, ConstTensorView x, ConstTensorView w,
                 ConstTensorView bias, Matmul how) override {
    product(stream, y, {x, Side::as_stored}, {w, Side::transposed}, bias, how);
  }
  void do_matmul_backward_input(Stream& stream, TensorView dx, ConstTensorView dy,
                                ConstTensorView w, Matmul how) override {
    product(stream, dx, {dy, Side::as_stored}, {w, Side::as_stored}, {}, how);
  }
  void do_matmul_backward_weight(Stream& stream, TensorView dw, ConstTensorView dy,
                                 ConstTensorView x, Matmul how) override {
    product(stream, dw, {dy, Side::transposed}, {x, Side::as_stored}, {}, how);
  }

  void do_bias_backward(Stream& stream, TensorView dbias, ConstTensorView dy, Matmul how) override {
    if (how.write == Write::overwrite) fill(stream, dbias, 0.0);
    // Threads take columns: each column's sum has the same order whatever their number.
    constexpr Index columns_of_a_line = 64;
    const Index grain = 1 + (1 << 14) / std::max<Index>(1, dy.rows() * columns_of_a_line);
    const Index groups = (dy.columns() + columns_of_a_line - 1) / columns_of_a_line;
    parallel_for(groups, grain, [&](Index first, Index last) {
      const Index column = first * columns_of_a_line;
      const Index columns = std::min(last * columns_of_a_line, dy.columns()) - column;
      const ConstTensorView part = dy.slice_columns(column, columns);
      auto* sums = dbias.as<std::byte>() + static_cast<std::size_t>(column) * size_of(dbias.dtype);
      matmul_kernels().add_rows(dy.dtype, sums, part.data, dy.rows(), dy.row_stride, columns);
    });
  }

 private:
  /// c(M,N) = a(M,K) b(K,N) + bias(N), by whatever this dtype and CPU want.
  void product(Stream& stream, TensorView c, const Operand& a, const Operand& b,
               ConstTensorView bias, const Matmul& how) {
    const Write write = how.write;
    if (c.rows() == 0 || c.columns() == 0) return;
    if (a.columns() == 0) {
      start_rows(stream, c, bias, write);
    } else if (how.order == SumOrder::fixed) {
      const Tensor wide_bias = bias ? sums_of(stream, bias) : Tensor();
      multiply_fixed(c, a.matrix(), b.matrix(), wide_bias, how);
    } else if (a.view.dtype == DType::f64) {
      start_rows(stream, c, bias, write);
      multiply_f64(c, a.matrix(), b.matrix());
    } else if (a.view.dtype == DType::bf16 && !ProductCache::has_fast_bf16()) {
      product_by_f32(stream, c, a, b, bias, write);
    } else {
      cache_.multiply(c, a.matrix(), b.matrix(), bias, write);
    }
  }

  /// A product of bf16 on a CPU without bf16 instructions: operands are converted block by block,
  /// and sums are rounded to bf16 once.
  void product_by_f32(Stream& stream, TensorView c, const Operand& a, const Operand& b,
                      ConstTensorView bias, Write write) {
    for (Index i = 0; i < c.rows(); i += convert_block) {
      const Index rows = std::min(convert_block, c.rows() - i);
      for (Index j = 0; j < c.columns(); j += convert_block) {
        const Index columns = std::min(convert_block, c.columns() - j);
        const TensorView out = part_of(c, i, rows, j, columns);
        Tensor sums;
        if (c.dtype != DType::f32) {
          sums = Tensor(stream.device(), DType::f32, {rows, columns});
          if (write == Write::accumulate) convert(stream, sums, out);
        }
        product_of_blocks(stream, sums ? sums.view() : out, a.part(i, rows, 0, a.columns()),
                          b.part(0, b.rows(), j, columns),
                          bias ? bias.slice_columns(j, columns) : bias, write);
        if (sums) convert(stream, out, sums);
      }
    }
  }

  /// The same for one block of the result, in f32, over blocks of the summed dim.
  void product_of_blocks(Stream& stream, TensorView c, const Operand& a, const Operand& b,
                         ConstTensorView bias, Write write) {
    Tensor wide_bias;
    if (bias) wide_bias = sums_of(stream, bias);
    for (Index k = 0; k < a.columns(); k += convert_block) {
      const Index depth = std::min(convert_block, a.columns() - k);
      const ConvertedOperand left(stream, a.part(0, a.rows(), k, depth));
      const ConvertedOperand right(stream, b.part(k, depth, 0, b.columns()));
      cache_.multiply(c, left.operand.matrix(), right.operand.matrix(),
                      k == 0 && bias ? ConstTensorView(wide_bias) : ConstTensorView{},
                      k == 0 ? write : Write::accumulate);
    }
  }

  ProductCache cache_;
};

}  // namespace

std::unique_ptr<MatmulOps> make_matmul_ops() { return std::make_unique<CpuMatmulOps>(); }

}  // namespace tokenwerk::cpu
