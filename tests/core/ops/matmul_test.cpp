#include "core/ops/matmul.h"

#include <omp.h>

#include <functional>

#include "tests/support/reference.h"

namespace tokenwerk {
namespace {

struct Sizes {
  Index n, c, f;
};
// One, primes, non-multiples of sixteen, and one above the block in which bf16 is converted.
const std::vector<Sizes> all_sizes = {{1, 1, 1},   {1, 17, 5},    {3, 7, 13},
                                      {31, 65, 1}, {64, 128, 96}, {5, 2100, 3}};

/// The dtype of operands and of the result.
struct Types {
  DType in, out;
};

class MatmulTest : public testing::TestWithParam<Types> {
 protected:
  TestDevice test_;
  Device& device_ = *test_.device;
  Stream& stream_ = *test_.stream;
  DType in_ = GetParam().in;
  DType out_ = GetParam().out;
};

using Entry = std::function<double(Index, Index)>;

/// out(rows, columns) = sum over k of a(row, k) b(k, column), in f64.
std::vector<double> naive_product(Index rows, Index columns, Index depth, const Entry& a,
                                  const Entry& b) {
  std::vector<double> out;
  for (Index i = 0; i < rows; ++i) {
    for (Index j = 0; j < columns; ++j) {
      double sum = 0.0;
      for (Index k = 0; k < depth; ++k) sum += a(i, k) * b(k, j);
      out.push_back(sum);
    }
  }
  return out;
}

// The elements of now, read from the device at once.
Entry entry(const ConstTensorView& view) {
  return [host = HostElements(view)](Index i, Index j) { return element(host, i, j); };
}
Entry transposed(const ConstTensorView& view) {
  return [host = HostElements(view)](Index i, Index j) { return element(host, j, i); };
}

std::vector<double> plus(std::vector<double> a, const std::vector<double>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] += b[i % b.size()];
  return a;
}

TEST_P(MatmulTest, ForwardEqualsTheNaiveProduct) {
  for (const auto [n, c, f] : all_sizes) {
    const Tensor x = random_tensor(device_, in_, {n, c}, 1),
                 w = random_tensor(device_, in_, {f, c}, 2);
    const Tensor bias = random_tensor(device_, in_, {f}, 3), y(device_, out_, {n, f});
    const auto want = naive_product(n, f, c, entry(x), transposed(w));
    matmul(stream_, y, x, w);
    expect_close(y, want, 16);
    matmul(stream_, y, x, w, bias);
    expect_close(y, plus(want, values_of(bias)), 16);
  }
}

TEST_P(MatmulTest, ForwardAccumulatesWithAndWithoutBias) {
  for (const auto [n, c, f] : all_sizes) {
    const Tensor x = random_tensor(device_, in_, {n, c}, 4),
                 w = random_tensor(device_, in_, {f, c}, 5);
    const Tensor bias = random_tensor(device_, in_, {f}, 6),
                 y = random_tensor(device_, out_, {n, f}, 7);
    const auto product = naive_product(n, f, c, entry(x), transposed(w));
    auto want = plus(product, values_of(y));
    matmul(stream_, y, x, w, {}, {Write::accumulate});
    expect_close(y, want, 16);
    want = plus(plus(product, values_of(y)), values_of(bias));
    matmul(stream_, y, x, w, bias, {Write::accumulate});
    expect_close(y, want, 16);
  }
}

TEST_P(MatmulTest, ForwardReadsAndWritesWindows) {
  for (const auto [n, c, f] : all_sizes) {
    const StridedTensor x(device_, in_, n, c), w(device_, in_, f, c, 1, 2), y(device_, out_, n, f);
    fill_random(x.view, 8);
    fill_random(w.view, 9);
    matmul(stream_, y.view, x.view, w.view);
    expect_close(y.view, naive_product(n, f, c, entry(x.view), transposed(w.view)), 16);
    y.expect_guards_intact();
  }
}

TEST_P(MatmulTest, BackwardInputEqualsTheNaiveProduct) {
  for (const auto [n, c, f] : all_sizes) {
    const StridedTensor dy(device_, in_, n, f), dx(device_, out_, n, c);
    const Tensor w = random_tensor(device_, in_, {f, c}, 10);
    fill_random(dy.view, 11);
    const auto want = naive_product(n, c, f, entry(dy.view), entry(w));
    matmul_backward_input(stream_, dx.view, dy.view, w);
    expect_close(dx.view, want, 16);
    const auto twice = plus(want, values_of(dx.view));
    matmul_backward_input(stream_, dx.view, dy.view, w, {Write::accumulate});
    expect_close(dx.view, twice, 16);
    dx.expect_guards_intact();
  }
}

TEST_P(MatmulTest, BackwardWeightSumsInTheAccumulationType) {
  for (const auto [c, n, f] : all_sizes) {  // the summed dim is the rows
    const StridedTensor dy(device_, in_, n, f), x(device_, in_, n, c);
    const Tensor dw(device_, accumulation_type(in_), {f, c});
    fill_random(dy.view, 12);
    fill_random(x.view, 13);
    auto want = naive_product(f, c, n, transposed(dy.view), entry(x.view));
    matmul_backward_weight(stream_, dw, dy.view, x.view);
    expect_close(dw, want, 32);
    want = plus(want, values_of(dw));
    matmul_backward_weight(stream_, dw, dy.view, x.view, {Write::accumulate});
    expect_close(dw, want, 32);
  }
}

TEST_P(MatmulTest, NoRowsAreLegal) {
  const Index c = 5, f = 3;
  const Tensor x(device_, in_, {0, c}), w = random_tensor(device_, in_, {f, c}, 14);
  const Tensor y(device_, out_, {0, f}), dy(device_, in_, {0, f}), dx(device_, out_, {0, c});
  matmul(stream_, y, x, w);
  matmul_backward_input(stream_, dx, dy, w);
  const Tensor dw = random_tensor(device_, accumulation_type(in_), {f, c}, 15);
  const auto before = values_of(dw);
  matmul_backward_weight(stream_, dw, dy, x, {Write::accumulate});
  EXPECT_EQ(values_of(dw), before);
  matmul_backward_weight(stream_, dw, dy, x);
  EXPECT_EQ(values_of(dw), std::vector<double>(static_cast<std::size_t>(f * c), 0.0));
}

TEST_P(MatmulTest, BiasBackwardSumsRows) {
  for (const auto [n, c, f] : {Sizes{0, 0, 3}, {1, 0, 1}, {7, 0, 17}, {23, 0, 64}, {130, 0, 331}}) {
    const StridedTensor dy(device_, in_, n, f);
    fill_random(dy.view, 16);
    const Tensor dbias = random_tensor(device_, accumulation_type(in_), {f}, 17);
    std::vector<double> want(static_cast<std::size_t>(f));
    for (Index r = 0; r < n; ++r)
      for (Index j = 0; j < f; ++j) want[static_cast<std::size_t>(j)] += element(dy.view, r, j);
    const auto sum = plus(want, values_of(dbias));
    bias_backward(stream_, dbias, dy.view, {Write::accumulate});
    expect_close(dbias, sum, 32);
    bias_backward(stream_, dbias, dy.view);
    expect_close(dbias, want, 32);
  }
}

TEST_P(MatmulTest, BiasBackwardHasTheSameBitsOnOneThreadAndTwo) {
  const Tensor dy = random_tensor(device_, in_, {1001, 333}, 18);
  const Tensor one(device_, accumulation_type(in_), {333}),
      two(device_, accumulation_type(in_), {333});
  const int threads = omp_get_max_threads();
  omp_set_num_threads(1);
  bias_backward(stream_, one, dy);
  omp_set_num_threads(2);
  bias_backward(stream_, two, dy);
  omp_set_num_threads(threads);
  expect_equal(one, two);
}

TEST_P(MatmulTest, SameInputGivesTheSameBitsAndReturnsItsScratch) {
  const Tensor x = random_tensor(device_, in_, {67, 129}, 19),
               w = random_tensor(device_, in_, {45, 129}, 20);
  const Tensor first(device_, out_, {67, 45}), second(device_, out_, {67, 45});
  const std::size_t held = device_.memory().current;
  matmul(stream_, first, x, w);
  matmul(stream_, second, x, w);
  expect_equal(first, second);
  EXPECT_EQ(device_.memory().current, held);
}

TEST_P(MatmulTest, ShapesAndTypesThatDoNotFitAreRefused) {
  const Tensor x(device_, in_, {2, 3}), w(device_, in_, {4, 3}), y(device_, out_, {2, 4});
  const Tensor wide(device_, in_, {4, 5}), bias(device_, in_, {3}),
      numbers(device_, DType::i32, {4, 3});
  EXPECT_THROW(matmul(stream_, y, x, wide), ShapeError);
  EXPECT_THROW(matmul(stream_, y, x, w, bias), ShapeError);
  EXPECT_THROW(matmul(stream_, y, x, numbers), ShapeError);
  EXPECT_THROW(matmul(stream_, y, x, {}), ShapeError);
  EXPECT_THROW(matmul_backward_input(stream_, y, x, w), ShapeError);
  EXPECT_THROW(matmul_backward_weight(stream_, y, x, w), ShapeError);
  EXPECT_THROW(bias_backward(stream_, bias, numbers), ShapeError);
}

INSTANTIATE_TEST_SUITE_P(
    AllTypes, MatmulTest,
    testing::Values(Types{DType::f64, DType::f64}, Types{DType::f32, DType::f32},
                    Types{DType::bf16, DType::bf16}, Types{DType::bf16, DType::f32}),
    [](const auto& types) {
      return std::string(name_of(types.param.in)) + "_to_" + std::string(name_of(types.param.out));
    });

}  // namespace
}  // namespace tokenwerk
