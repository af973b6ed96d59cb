/// Products in SumOrder::fixed: each element is the chain and the tree that the contract says, so
/// that the bits do not depend on how rows, columns, threads or ranks cut the work.

#include <cmath>
#include <functional>
#include <numeric>

#include "core/ops/elementwise.h"
#include "core/ops/matmul.h"
#include "tests/support/reference.h"
#include "tests/support/threads.h"

namespace tokenwerk {
namespace {

/// The dtype of operands and of the result.
struct Types {
  DType in, out;
};

/// A product of (m, k) by (k, n), and what the options say.
struct Case {
  Index m, n, k;
  Index chunks;
  std::array<Index, 4> parts;
};
// Ragged tiles; more rows, columns or depth than a block, a strip or a pass has; chunks of nothing,
// chunks that do not divide, and chunks deeper than a pass.
const std::vector<Case> all_cases = {{1, 1, 1, 1, {}},
                                     {3, 5, 7, 8, {}},
                                     {15, 33, 17, 2, {}},
                                     {14, 32, 64, 4, {}},
                                     {29, 65, 801, 1, {}},
                                     {1127, 3, 20, 2, {}},
                                     {7, 401, 50, 8, {}},
                                     {5, 18, 6200, 8, {}},
                                     {9, 40, 1700, 2, {}},
                                     {6, 7, 24, 4, {8, 16}},
                                     {16, 34, 96, 8, {48, 24, 24}},
                                     {8, 5, 1500, 4, {700, 300, 300, 200}},
                                     {5, 9, 3000, 1, {2000, 1000}}};

enum class Product { forward, backward_input, backward_weight };

/// The operands of one of the three products, in windows, with the result's former contents.
struct Operands {
  Operands(Device& device, Product which, Types types, const Case& c)
      : left(device, types.in, left_rows(which, c), which == Product::backward_weight ? c.m : c.k),
        right(device, types.in, which == Product::forward ? c.n : c.k,
              which == Product::forward ? c.k : c.n, 1, 2),
        result(device, which == Product::backward_weight ? accumulation_type(types.in) : types.out,
               c.m, c.n),
        bias(random_tensor(device, types.in, {c.n}, 3)),
        product(which) {
    fill_random(left.view, 1);
    fill_random(right.view, 2);
    fill_random(result.view, 4);
    left_values = HostElements(left.view);
    right_values = HostElements(right.view);
  }
  static Index left_rows(Product which, const Case& c) {
    return which == Product::backward_weight ? c.k : c.m;
  }
  /// The element of the left operand at (row, k), of the right one at (k, column).
  [[nodiscard]] double a(Index row, Index k) const {
    return product == Product::backward_weight ? element(left_values, k, row)
                                               : element(left_values, row, k);
  }
  [[nodiscard]] double b(Index k, Index column) const {
    return product == Product::forward ? element(right_values, column, k)
                                       : element(right_values, k, column);
  }
  void multiply(Stream& stream, const Matmul& how) const {
    switch (product) {
      case Product::forward: matmul(stream, result.view, left.view, right.view, bias, how); break;
      case Product::backward_input:
        matmul_backward_input(stream, result.view, left.view, right.view, how);
        break;
      case Product::backward_weight:
        matmul_backward_weight(stream, result.view, left.view, right.view, how);
        break;
    }
  }
  StridedTensor left, right, result;
  HostElements left_values{left.view}, right_values{right.view};  ///< as filled
  Tensor bias;
  Product product;
};

/// The contract, word by word, for one element in type A.
template <typename A>
A element_by_contract(const Operands& o, const Case& c, Index row, Index column) {
  const auto chain = [&](Index chunk) {
    A sum = 0;
    Index start = 0;
    for (Index part : c.parts[0] == 0 ? std::array<Index, 4>{c.k} : c.parts) {
      for (Index k = start + chunk * part / c.chunks; k < start + (chunk + 1) * part / c.chunks;
           ++k)
        sum = std::fma(static_cast<A>(o.a(row, k)), static_cast<A>(o.b(k, column)), sum);
      start += part;
    }
    return sum;
  };
  const std::function<A(Index, Index)> tree = [&](Index first, Index count) {
    if (count == 1) return chain(first);
    const A low = tree(first, count / 2), high = tree(first + count / 2, count / 2);
    return low + high;
  };
  const A sum = tree(0, c.chunks);
  if (o.product != Product::forward) return sum;
  return sum + static_cast<A>(element(o.bias, 0, column));
}

class FixedProductTest : public testing::TestWithParam<Types> {
 protected:
  static Matmul options(const Case& c, Write write = Write::overwrite) {
    return {write, SumOrder::fixed, c.chunks, c.parts};
  }
  template <typename A>
  void expect_contract(Product product, const Case& c, Write write) {
    const Operands o(device_, product, GetParam(), c);
    const DType dtype = o.result.view.dtype;
    const std::vector<double> before = values_of(o.result.view);
    o.multiply(stream_, options(c, write));
    const Index step = c.m * c.n < 5000 ? 1 : 37;
    std::vector<double> want;
    for (Index i = 0; i < c.m * c.n; i += step) {
      A value = element_by_contract<A>(o, c, i / c.n, i % c.n);
      if (write == Write::accumulate)
        value = static_cast<A>(before[static_cast<std::size_t>(i)]) + value;
      want.push_back(value);
    }
    const std::vector<double> got = values_of(o.result.view);
    const std::vector<double> rounded =
        values_of(make_tensor(device_, dtype, {1, static_cast<Index>(want.size())}, want));
    for (std::size_t i = 0; i < want.size(); ++i) {
      ASSERT_EQ(got[i * static_cast<std::size_t>(step)], rounded[i])
          << "element " << i * static_cast<std::size_t>(step) << " of " << c.m << " x " << c.n
          << " x " << c.k << ", " << c.chunks << " chunks";
    }
    o.result.expect_guards_intact();
  }

  TestDevice test_;
  Device& device_ = *test_.device;
  Stream& stream_ = *test_.stream;
};

TEST_P(FixedProductTest, EveryElementIsTheChainAndTheTreeOfTheContract) {
  for (Product product : {Product::forward, Product::backward_input, Product::backward_weight}) {
    for (const Case& c : all_cases) {
      for (Write write : {Write::overwrite, Write::accumulate}) {
        if (GetParam().in == DType::f64) {
          expect_contract<double>(product, c, write);
        } else {
          expect_contract<float>(product, c, write);
        }
      }
    }
  }
}

TEST_P(FixedProductTest, RowsColumnsAndThreadsDoNotChangeTheBits) {
  const Case c{301, 420, 900, 4, {}};
  const Operands o(device_, Product::backward_input, GetParam(), c);
  const Tensor whole(device_, GetParam().out, {c.m, c.n}), cut(device_, GetParam().out, {c.m, c.n});
  const ThreadCount one(1);
  matmul_backward_input(stream_, whole, o.left.view, o.right.view, options(c));
  for (int threads : {1, 2, 3, 4}) {
    const ThreadCount count(threads);
    matmul_backward_input(stream_, cut, o.left.view, o.right.view, options(c));
    expect_equal(cut, whole);
  }
  const std::vector<Index> rows = {0, 1, 15, 100, 301}, columns = {0, 3, 19, 211, 420};
  for (std::size_t i = 0; i + 1 < rows.size(); ++i) {
    for (std::size_t j = 0; j + 1 < columns.size(); ++j) {
      const Index width = columns[j + 1] - columns[j];
      const Rows range{rows[i], rows[i + 1]};
      matmul_backward_input(stream_, cut.view().slice_rows(range).slice_columns(columns[j], width),
                            o.left.view.slice_rows(range),
                            o.right.view.slice_columns(columns[j], width), options(c));
    }
  }
  expect_equal(cut, whole);
}

/// The sum of the ranks' results by the binary tree over their number.
Tensor sum_of_ranks(Stream& stream, std::vector<Tensor> results) {
  for (std::size_t distance = 1; distance < results.size(); distance *= 2) {
    for (std::size_t r = 0; r < results.size(); r += 2 * distance)
      add(stream, results[r], results[r], results[r + distance]);
  }
  return std::move(results[0]);
}

/// Columns of the parts that one of `ranks` holds, side by side.
Tensor share_of_parts(Device& device, const ConstTensorView& x, const std::array<Index, 4>& parts,
                      Index rank, Index ranks) {
  const Index width = x.columns() / ranks;
  Tensor share(device, x.dtype, {x.rows(), width});
  const HostElements whole(x);
  HostElements::change(share, [&](const TensorView& host) {
    Index from = 0, to = 0;
    for (Index part : parts) {
      const Index held = part / ranks;
      for (Index r = 0; r < x.rows(); ++r)
        for (Index c = 0; c < held; ++c)
          set_element(host, r, to + c, element(whole, r, from + rank * held + c));
      from += part;
      to += held;
    }
  });
  return share;
}

/// The transpose, so that rows can be shared out as columns are.
Tensor transposed(Device& device, const ConstTensorView& x) {
  Tensor out(device, x.dtype, {x.columns(), x.rows()});
  const HostElements values(x);
  HostElements::change(out, [&](const TensorView& host) {
    for (Index r = 0; r < x.rows(); ++r)
      for (Index c = 0; c < x.columns(); ++c) set_element(host, c, r, element(values, r, c));
  });
  return out;
}

TEST_P(FixedProductTest, RanksThatShareTheSummedDimGiveTheBitsOfOne) {
  const DType in = GetParam().in, sums = accumulation_type(in);
  const std::vector<std::array<Index, 4>> all_parts = {{800}, {96, 48, 48}, {24, 24}, {8}, {8000}};
  for (const auto& parts : all_parts) {
    const Index depth = std::accumulate(parts.begin(), parts.end(), Index{0});
    const Index rows = 21, columns = 37;
    const Tensor x = random_tensor(device_, in, {rows, depth}, 1);  // dy of a fused product
    const Tensor w = random_tensor(device_, in, {columns, depth}, 2);
    const Tensor want(device_, sums, {rows, columns});
    matmul(stream_, want, x, w, {}, {.order = SumOrder::fixed, .chunks = 8, .parts = parts});
    for (Index ranks : {2, 4, 8}) {
      std::vector<Tensor> forward, backward;
      std::array<Index, 4> held = parts;
      for (Index& part : held) part /= ranks;
      const Matmul how{.order = SumOrder::fixed, .chunks = 8 / ranks, .parts = held};
      for (Index rank = 0; rank < ranks; ++rank) {
        const Tensor x_held = share_of_parts(device_, x, parts, rank, ranks);
        const Tensor w_held = share_of_parts(device_, w, parts, rank, ranks);
        forward.emplace_back(device_, sums, want.shape());
        matmul(stream_, forward.back(), x_held, w_held, {}, how);
        backward.emplace_back(device_, sums, want.shape());
        matmul_backward_input(stream_, backward.back(), x_held, transposed(device_, w_held), how);
      }
      expect_equal(sum_of_ranks(stream_, std::move(forward)), want);
      expect_equal(sum_of_ranks(stream_, std::move(backward)), want);
    }
  }
}

TEST_P(FixedProductTest, ManyBlocksTakeNoMoreMemoryThanOneAndHaveItsBits) {
  const ThreadCount one(1);
  const Case c{1120, 1100, 1600, 8, {}};
  const Operands o(device_, Product::backward_input, GetParam(), c);
  device_.reset_peak();
  const std::size_t held = device_.memory().current;
  o.multiply(stream_, options(c));
  const std::size_t factor = GetParam().in == DType::f64 ? 2 : 1;
  EXPECT_LE(device_.memory().peak - held, factor * (std::size_t{17} << 20));
  EXPECT_EQ(device_.memory().current, held);
  const Tensor corner(device_, GetParam().out, {120, 300});
  matmul_backward_input(stream_, corner, o.left.view.slice_rows({1000, 1120}),
                        o.right.view.slice_columns(800, 300), options(c));
  expect_equal(corner, o.result.view.slice_rows({1000, 1120}).slice_columns(800, 300));
}

TEST_P(FixedProductTest, EmptySumsLeaveBiasAndOldContents) {
  const Tensor x(device_, GetParam().in, {2, 0}), w(device_, GetParam().in, {3, 0});
  const Tensor y = random_tensor(device_, GetParam().out, {2, 3}, 1);
  const std::vector<double> before = values_of(y);
  matmul(stream_, y, x, w, {}, {Write::accumulate, SumOrder::fixed, 8, {}});
  EXPECT_EQ(values_of(y), before);
  matmul(stream_, y, x, w, {}, {Write::overwrite, SumOrder::fixed, 8, {}});
  EXPECT_EQ(values_of(y), std::vector<double>(6, 0.0));
}

TEST_P(FixedProductTest, OptionsThatDoNotFitAreRefused) {
  const Tensor x(device_, GetParam().in, {2, 6}), w(device_, GetParam().in, {4, 6}),
      y(device_, GetParam().out, {2, 4});
  const auto refused = [&](const Matmul& how) {
    EXPECT_THROW(matmul(stream_, y, x, w, {}, how), ShapeError);
  };
  refused({.order = SumOrder::fixed, .chunks = 3});
  refused({.order = SumOrder::fixed, .chunks = 16});
  refused({.order = SumOrder::fixed, .chunks = 0});
  refused({.order = SumOrder::fixed, .parts = {2, 3}});
  refused({.order = SumOrder::fixed, .parts = {4, 0, 2}});
  refused({.order = SumOrder::fixed, .parts = {8, -2}});
  refused({.chunks = 2});
  refused({.parts = {6}});
}

INSTANTIATE_TEST_SUITE_P(
    AllTypes, FixedProductTest,
    testing::Values(Types{DType::f64, DType::f64}, Types{DType::f32, DType::f32},
                    Types{DType::bf16, DType::bf16}, Types{DType::bf16, DType::f32}),
    [](const auto& types) {
      return std::string(name_of(types.param.in)) + "_to_" + std::string(name_of(types.param.out));
    });

}  // namespace
}  // namespace tokenwerk
