#include "core/ops/embedding.h"

#include "core/ops/elementwise.h"
#include "tests/support/dtypes.h"
#include "tests/support/reference.h"
#include "tests/support/threads.h"

namespace tokenwerk {
namespace {

/// Row by row, as the contract says, in f64.
std::vector<double> scattered(std::vector<double> sums, const ConstTensorView& dy,
                              const std::vector<double>& table_rows) {
  for (Index r = 0; r < dy.rows(); ++r) {
    const auto row = static_cast<Index>(table_rows[static_cast<std::size_t>(r)]);
    for (Index c = 0; c < dy.columns(); ++c) {
      sums[static_cast<std::size_t>(row * dy.columns() + c)] += element(dy, r, c);
    }
  }
  return sums;
}

class EmbeddingTest : public ::testing::TestWithParam<DType> {
 protected:
  /// Tokens that repeat, so that sums have many terms.
  std::vector<double> tokens(Index count, int vocabulary) {
    std::vector<double> out;
    for (Index i = 0; i < count; ++i) out.push_back(static_cast<double>(i * i * 7 % vocabulary));
    return out;
  }
  std::vector<double> zeros(Index count) {
    return std::vector<double>(static_cast<std::size_t>(count));
  }

  TestDevice test_;
  Stream& stream_ = *test_.stream;
  DType dtype_ = GetParam();
  DType sums_ = accumulation_type(dtype_);
};

TEST_P(EmbeddingTest, CopiesTheRowsOfTheTokens) {
  for (Index columns : {1, 16, 37}) {
    const std::vector<double> ids = tokens(29, 11);
    const Tensor t = make_tensor(*test_.device, DType::i32, {29}, ids);
    const Tensor table = random_tensor(*test_.device, dtype_, {11, columns}, 1);
    StridedTensor y(*test_.device, dtype_, 29, columns);
    embedding_forward(stream_, y.view, t, table);
    for (Index r = 0; r < 29; ++r) {
      const auto row = static_cast<Index>(ids[static_cast<std::size_t>(r)]);
      expect_equal(y.view.slice_rows({r, r + 1}), table.view().slice_rows({row, row + 1}));
    }
    y.expect_guards_intact();
  }
}

TEST_P(EmbeddingTest, AddsGradientsToTheRowsOfTheTokens) {
  for (Index columns : {1, 16, 37, 131}) {
    const std::vector<double> ids = tokens(101, 11);
    const Tensor t = make_tensor(*test_.device, DType::i32, {101}, ids);
    StridedTensor dy(*test_.device, dtype_, 101, columns);
    StridedTensor dtable(*test_.device, sums_, 11, columns);
    fill_random(dy.view, 1);
    fill_random(dtable.view, 2);
    const std::vector<double> before = values_of(dtable.view);
    embedding_backward(stream_, dtable.view, dy.view, t, Write::accumulate);
    expect_close(dtable.view, scattered(before, dy.view, ids), 32.0);
    embedding_backward(stream_, dtable.view, dy.view, t, Write::overwrite);
    expect_close(dtable.view, scattered(zeros(11 * columns), dy.view, ids), 32.0);
    dtable.expect_guards_intact();
  }
}

TEST_P(EmbeddingTest, SharesOfTheTableSumToTheWhole) {
  const Index columns = 37, vocabulary = 12, held = 4;
  const Tensor t = make_tensor(*test_.device, DType::i32, {101}, tokens(101, 11));
  const Tensor table = random_tensor(*test_.device, dtype_, {vocabulary, columns}, 1);
  const Tensor dy = random_tensor(*test_.device, dtype_, {101, columns}, 2);
  const Tensor y(*test_.device, dtype_, {101, columns}), part(*test_.device, dtype_, y.shape());
  const Tensor sum(*test_.device, dtype_, y.shape());
  const Tensor want(*test_.device, sums_, table.shape()), got(*test_.device, sums_, table.shape());
  embedding_forward(stream_, y, t, table);
  embedding_backward(stream_, want, dy, t, Write::overwrite);
  fill(stream_, sum, 0.0);
  for (Index first : {4, 0, 8}) {  // each beside one that is done: a stray write shows
    const Rows rows{first, first + held};
    fill_random(part, 3);
    embedding_forward(stream_, part, t, table.view().slice_rows(rows), first);
    add(stream_, sum, sum, part);
    embedding_backward(stream_, got.view().slice_rows(rows), dy, t, Write::overwrite, first);
  }
  expect_equal(sum, y);
  expect_equal(got, want);
}

TEST_P(EmbeddingTest, AddsThePositionsRow) {
  const Positions positions{5, 2};
  const Tensor table = random_tensor(*test_.device, dtype_, {9, 37}, 1);
  StridedTensor y(*test_.device, dtype_, 15, 37);
  fill_random(y.view, 2);
  std::vector<double> want = values_of(y.view);
  for (Index r = 0; r < 15; ++r)
    for (Index c = 0; c < 37; ++c)
      want[static_cast<std::size_t>(r * 37 + c)] += element(table, 2 + r % 5, c);
  position_embedding_forward(stream_, y.view, table, positions);
  expect_close(y.view, want);
  y.expect_guards_intact();
}

TEST_P(EmbeddingTest, AddsGradientsToThePositions) {
  const Positions positions{5, 2};
  std::vector<double> ids;
  for (Index r = 0; r < 35; ++r) ids.push_back(static_cast<double>(2 + r % 5));
  for (Index columns : {1, 37}) {
    StridedTensor dy(*test_.device, dtype_, 35, columns);
    StridedTensor dtable(*test_.device, sums_, 9, columns);
    fill_random(dy.view, 1);
    fill_random(dtable.view, 2);
    const std::vector<double> before = values_of(dtable.view);
    position_embedding_backward(stream_, dtable.view, dy.view, positions, Write::accumulate);
    expect_close(dtable.view, scattered(before, dy.view, ids), 32.0);
    position_embedding_backward(stream_, dtable.view, dy.view, positions, Write::overwrite);
    expect_close(dtable.view, scattered(zeros(9 * columns), dy.view, ids), 32.0);
    dtable.expect_guards_intact();
  }
}

TEST_P(EmbeddingTest, GivesTheSameBitsOnOneThreadAndOnTwo) {
  const Tensor t = make_tensor(*test_.device, DType::i32, {600}, tokens(600, 13));
  const Tensor dy = random_tensor(*test_.device, dtype_, {600, 333}, 1);
  std::vector<std::vector<double>> results[2];
  for (int threads : {1, 2}) {
    const ThreadCount count(threads);
    const Tensor a(*test_.device, sums_, {13, 333}), b(*test_.device, sums_, {200, 333});
    embedding_backward(stream_, a, dy, t, Write::overwrite);
    position_embedding_backward(stream_, b, dy, {200, 0}, Write::overwrite);
    results[threads - 1] = {values_of(a), values_of(b)};
  }
  EXPECT_EQ(results[0], results[1]);
}

TEST_P(EmbeddingTest, SlicesOfABatchHaveTheirRowsPositions) {
  const Index length = 5, rows = 15;
  const Tensor table = random_tensor(*test_.device, dtype_, {length + 1, 7}, 1);
  const Tensor whole(*test_.device, dtype_, {rows, 7}), sliced(*test_.device, dtype_, {rows, 7});
  fill(stream_, whole, 0.0);
  fill(stream_, sliced, 0.0);
  position_embedding_forward(stream_, whole, table, {length, 1});
  for (Index first = 0; first < rows; first += 3) {  // cuts across sequences
    position_embedding_forward(stream_, sliced.view().slice_rows({first, first + 3}), table,
                               {length, 1, first});
  }
  expect_equal(sliced, whole);
  const DType sums = accumulation_type(dtype_);
  const Tensor all(*test_.device, sums, {length + 1, 7}),
      parts(*test_.device, sums, {length + 1, 7});
  position_embedding_backward(stream_, all, whole, {length, 1}, Write::overwrite);
  fill(stream_, parts, 0.0);
  for (Index first = 0; first < rows; first += 3) {
    position_embedding_backward(stream_, parts, whole.view().slice_rows({first, first + 3}),
                                {length, 1, first}, Write::accumulate);
  }
  expect_equal(parts, all);
}

TEST_P(EmbeddingTest, RefusesOperandsThatDoNotFit) {
  const Tensor table(*test_.device, dtype_, {11, 8}), y(*test_.device, dtype_, {6, 8});
  const Tensor few(*test_.device, DType::i32, {5});
  EXPECT_THROW(embedding_forward(stream_, y, few, table), ShapeError);
  const Tensor six(*test_.device, DType::i32, {6});
  EXPECT_THROW(embedding_forward(stream_, y, six, table, -1), ShapeError);
  EXPECT_THROW(position_embedding_forward(stream_, y, table, {0, 0}), ShapeError);
  EXPECT_THROW(position_embedding_forward(stream_, y, table, {4, 0, -1}), ShapeError);
  EXPECT_THROW(position_embedding_forward(stream_, y, table, {6, 6}), ShapeError);
}

INSTANTIATE_TEST_SUITE_P(Types, EmbeddingTest, floating_types, dtype_name);

}  // namespace
}  // namespace tokenwerk
