/// The product is cut three times. Threads share the result as a grid of regions. A region is cut
/// into blocks of so many rows and columns, and the summed dim into passes, so that a block's
/// operands, packed, fit the caches. In a pass every tile of the block takes the same steps through
/// the chunks of the summed dim; between passes the sums of its tiles wait in memory.

#include "core/cpu/fixed_product.h"

#include <omp.h>

#include <bit>
#include <vector>

#include "core/cpu/kernels/product.h"
#include "core/cpu/parallel_for.h"

namespace tokenwerk::cpu {
namespace {

constexpr Index most_rows = 1120;     // of a block: packed, they stay in the third cache
constexpr Index strip_columns = 192;  // packed at once: they stay in the second cache
constexpr Index most_depth = 768;     // of a pass
constexpr Index most_sums = 3 * (Index{1} << 20);  // that wait between passes, in elements
constexpr double least_work = 2e5;                 // multiply-adds that are worth a thread

Index divide_up(Index count, Index divisor) { return (count + divisor - 1) / divisor; }

/// A run of the summed dim as the operands store it.
struct Piece {
  Index first, depth;
};

/// What a pass sums: pieces of the summed dim, one after another, and the steps through its chunks.
struct Pass {
  std::vector<Piece> pieces;
  std::vector<ProductStep> steps;
  Index depth = 0;
};

/// The pieces of a chunk: piece `chunk` of each part in turn.
std::vector<Piece> pieces_of_chunk(const Matmul& how, Index depth, Index chunk) {
  std::vector<Piece> pieces;
  Index start = 0;
  for (Index part : how.parts) {
    if (start == 0 && part == 0) part = depth;  // no parts given: one
    const Index first = chunk * part / how.chunks, last = (chunk + 1) * part / how.chunks;
    if (first < last) pieces.push_back({start + first, last - first});
    start += part;
    if (start == depth) break;
  }
  return pieces;
}

/// All chunks in passes that are not too deep. A chunk that fits a pass is not cut.
std::vector<Pass> plan_passes(const Matmul& how, Index depth) {
  std::vector<Pass> passes(1);
  for (Index chunk = 0; chunk < how.chunks; ++chunk) {
    const int level = std::countr_one(static_cast<std::uint64_t>(chunk));
    Index left = 0;
    const std::vector<Piece> pieces = pieces_of_chunk(how, depth, chunk);
    for (const Piece& piece : pieces) left += piece.depth;
    if (passes.back().depth > 0 && passes.back().depth + left > most_depth) passes.emplace_back();
    ProductStep step{0, level, true, false};
    const auto take_step = [&] {
      passes.back().steps.push_back(step);
      passes.back().depth += step.depth;
      step = {0, level, false, false};
    };
    for (Piece piece : pieces) {
      while (piece.depth > 0) {
        const Index room = most_depth - passes.back().depth - step.depth;
        if (room == 0) {
          take_step();
          passes.emplace_back();
          continue;
        }
        const Index taken = std::min(room, piece.depth);
        passes.back().pieces.push_back({piece.first, taken});
        step.depth += taken;
        piece = {piece.first + taken, piece.depth - taken};
      }
    }
    step.ends = true;
    take_step();
  }
  return passes;
}

/// Rows and columns of a result, cut alike into as many ranges as a caller wants.
struct Extent {
  Index count;
  Index unit;  ///< ranges begin at multiples of it

  [[nodiscard]] Index units() const { return divide_up(count, unit); }
  [[nodiscard]] Index longest(Index ranges) const {
    return std::min(count, divide_up(units(), ranges) * unit);
  }
  [[nodiscard]] Rows range(Index i, Index ranges) const {
    return {std::min(count, units() * i / ranges * unit),
            std::min(count, units() * (i + 1) / ranges * unit)};
  }
};

/// How many threads share the rows and how many the columns.
struct Grid {
  Index rows, columns;
};

/// The grid whose threads have least to multiply and to pack.
Grid choose_grid(const Extent& rows, const Extent& columns, Index depth) {
  constexpr double pack_cost = 16.0;  // of an element, in multiply-adds
  const double work = static_cast<double>(rows.count * columns.count) * static_cast<double>(depth);
  const Index worth = static_cast<Index>(std::min(work / least_work, 1e6));
  const Index threads = std::clamp<Index>(omp_get_max_threads(), 1, std::max<Index>(1, worth));
  Grid best{1, 1};
  double least = 0.0;
  for (Index r = 1; r <= threads; ++r) {
    if (threads % r != 0) continue;
    const auto m = static_cast<double>(rows.longest(r));
    const auto n = static_cast<double>(columns.longest(threads / r));
    const double cost = m * n + pack_cost * (m + n);
    if (r == 1 || cost < least) {
      least = cost;
      best = {r, threads / r};
    }
  }
  return best;
}

class FixedProduct {
 public:
  FixedProduct(TensorView c, const Matrix& a, const Matrix& b, ConstTensorView bias,
               const Matmul& how)
      : c_(c),
        a_(a),
        b_(b),
        bias_(bias),
        type_(accumulation_type(a.dtype)),
        accumulates_(how.write == Write::accumulate),
        passes_(plan_passes(how, a.columns)),
        levels_(std::countr_zero(static_cast<std::uint64_t>(how.chunks)) + 1),
        tile_rows_(product_kernels().tile_rows),
        tile_columns_(product_kernels().tile_columns / (type_ == DType::f64 ? 2 : 1)) {}

  void run() {
    const Extent rows{c_.rows(), tile_rows_}, columns{c_.columns(), tile_columns_};
    const Grid grid = choose_grid(rows, columns, a_.columns);
    const Extent region_rows{rows.longest(grid.rows), tile_rows_};
    const Extent region_columns{columns.longest(grid.columns), tile_columns_};
    block_rows_ = region_rows.longest(divide_up(region_rows.count, most_rows));
    block_columns_ = region_columns.count;
    if (passes_.size() > 1) {  // sums wait in memory, so much for each column
      const Index column = levels_ * divide_up(block_rows_, tile_rows_) * tile_rows_;
      block_columns_ = region_columns.longest(divide_up(region_columns.count * column, most_sums));
    }
    plan_memory();
    const Index regions = grid.rows * grid.columns;
    const Tensor scratch(*c_.device, type_, {regions, elements_});
    parallel_for(regions, 1, [&](Index first, Index last) {
      for (Index i = first; i < last; ++i) {
        multiply_region(rows.range(i / grid.columns, grid.rows),
                        columns.range(i % grid.columns, grid.columns),
                        scratch.view().slice_rows({i, i + 1}).as<std::byte>());
      }
    });
  }

 private:
  /// Where the packed operands and the sums lie in a thread's scratch, in elements.
  void plan_memory() {
    Index depth = 0;
    for (const Pass& pass : passes_) depth = std::max(depth, pass.depth);
    const Index row_panels = divide_up(block_rows_, tile_rows_);
    const Index strip_panels = divide_up(std::min(strip_columns, block_columns_), tile_columns_);
    const Index tile = levels_ * tile_rows_ * tile_columns_;
    const auto aligned = [](Index n) { return divide_up(n, 16) * 16; };
    right_ = aligned(row_panels * panel_distance(depth, tile_rows_));
    sums_ = right_ + aligned(strip_panels * panel_distance(depth, tile_columns_));
    tile_distance_ = passes_.size() == 1 ? 0 : tile;
    column_distance_ = row_panels * tile_distance_;
    const Index waiting = divide_up(block_columns_, tile_columns_) * column_distance_;
    elements_ = sums_ + aligned(std::max(tile, waiting));
  }

  void multiply_region(Rows rows, Rows columns, std::byte* scratch) const {
    for (Index j = columns.first; j < columns.last; j += block_columns_) {
      for (Index i = rows.first; i < rows.last; i += block_rows_) {
        multiply_block({i, std::min(i + block_rows_, rows.last)},
                       {j, std::min(j + block_columns_, columns.last)}, scratch);
      }
    }
  }

  void multiply_block(Rows rows, Rows columns, std::byte* scratch) const {
    for (const Pass& pass : passes_) {
      Index packed = 0;
      for (const Piece& piece : pass.pieces) {
        product_kernels().pack_left(scratch, pass.depth, packed, left_source(rows, piece));
        packed += piece.depth;
      }
      for (Index j = columns.first; j < columns.last; j += strip_columns) {
        const Index tile_column = (j - columns.first) / tile_columns_;
        multiply_strip(pass, rows, {j, std::min(j + strip_columns, columns.last)}, scratch,
                       scratch + bytes(sums_ + tile_column * column_distance_));
      }
    }
  }

  /// One pass over a strip of columns; the rows are packed already.
  void multiply_strip(const Pass& pass, Rows rows, Rows columns, std::byte* scratch,
                      std::byte* sums) const {
    std::byte* right = scratch + bytes(right_);
    Index packed = 0;
    for (const Piece& piece : pass.pieces) {
      product_kernels().pack_right(right, pass.depth, packed, right_source(columns, piece));
      packed += piece.depth;
    }
    product_kernels().multiply(
        {a_.dtype, rows.count(), columns.count(), pass.depth, scratch, right, pass.steps.data(),
         static_cast<Index>(pass.steps.size()), sums, tile_distance_,
         &pass == &passes_.back() ? result(rows, columns) : ProductResult{}});
  }

  [[nodiscard]] ProductSource left_source(Rows rows, Piece piece) const {
    return {a_.dtype,      at(a_, rows.first, piece.first),
            a_.row_stride, a_.column_stride,
            rows.count(),  piece.depth};
  }
  [[nodiscard]] ProductSource right_source(Rows columns, Piece piece) const {
    return {b_.dtype,         at(b_, piece.first, columns.first),
            b_.column_stride, b_.row_stride,
            columns.count(),  piece.depth};
  }
  [[nodiscard]] ProductResult result(Rows rows, Rows columns) const {
    std::byte* first =
        c_.as<std::byte>() +
        static_cast<std::size_t>(rows.first * c_.row_stride + columns.first) * size_of(c_.dtype);
    const std::byte* bias = bias_ ? bias_.as<std::byte>() + bytes(columns.first) : nullptr;
    return {c_.dtype, {first, c_.row_stride}, bias, accumulates_};
  }

  static const std::byte* at(const Matrix& m, Index row, Index column) {
    const Index element = row * m.row_stride + column * m.column_stride;
    return static_cast<const std::byte*>(m.data) +
           static_cast<std::size_t>(element) * size_of(m.dtype);
  }
  /// Of elements in the sums' type.
  [[nodiscard]] std::size_t bytes(Index elements) const {
    return static_cast<std::size_t>(elements) * size_of(type_);
  }

  TensorView c_;
  Matrix a_, b_;
  ConstTensorView bias_;
  DType type_;  ///< of the sums
  bool accumulates_;
  std::vector<Pass> passes_;
  Index levels_;  ///< of the tree over the chunks
  Index tile_rows_, tile_columns_;
  Index block_rows_ = 0, block_columns_ = 0;
  Index right_ = 0, sums_ = 0, elements_ = 0, tile_distance_ = 0, column_distance_ = 0;
};

}  // namespace

void multiply_fixed(TensorView c, const Matrix& a, const Matrix& b, ConstTensorView bias,
                    const Matmul& how) {
  FixedProduct(c, a, b, bias, how).run();
}

}  // namespace tokenwerk::cpu
