/// What parallel layers rely on: an operation over a part of the rows, columns, heads or sequences
/// gives the bits that the part has in the operation over the whole, on any number of threads.

#include <cmath>
#include <functional>

#include "core/ops/activation.h"
#include "core/ops/elementwise.h"
#include "core/ops/embedding.h"
#include "core/ops/loss.h"
#include "core/ops/matmul.h"
#include "core/ops/norm.h"
#include "core/ops/optimizer.h"
#include "core/ops/rope.h"
#include "tests/support/dtypes.h"
#include "tests/support/reference.h"
#include "tests/support/threads.h"

namespace tokenwerk {
namespace {

/// A window: some rows, and columns first .. first + count.
struct Window {
  Rows rows;
  Index first, count;

  [[nodiscard]] TensorView of(const TensorView& view) const {
    return view.slice_rows(rows).slice_columns(first, count);
  }
  [[nodiscard]] ConstTensorView of(const ConstTensorView& view) const {
    return view.slice_rows(rows).slice_columns(first, count);
  }
};

class CutTest : public testing::TestWithParam<DType> {
 protected:
  static constexpr Index rows = 37, columns = 301;

  Tensor random(Index r, Index c, std::uint64_t seed, double magnitude = 2.0) {
    return random_tensor(device_, dtype_, {r, c}, seed, magnitude);
  }
  Tensor empty(DType dtype, Index r, Index c) {
    Tensor out(device_, dtype, {r, c});
    fill(stream_, out, 0.0);
    return out;
  }
  /// Runs body on windows that cover a (rows, columns) array, cut at odd places.
  template <typename Body>
  static void for_windows(const Body& body) {
    const std::vector<Index> at_rows = {0, 1, 8, 21, rows};
    const std::vector<Index> at_columns = {0, 5, 21, 150, columns};
    for (std::size_t i = 0; i + 1 < at_rows.size(); ++i) {
      const ThreadCount threads(static_cast<int>(i) + 1);
      for (std::size_t j = 0; j + 1 < at_columns.size(); ++j)
        body(
            Window{{at_rows[i], at_rows[i + 1]}, at_columns[j], at_columns[j + 1] - at_columns[j]});
    }
  }
  /// The same for whole rows.
  template <typename Body>
  static void for_row_windows(const Body& body) {
    for (const Rows range : {Rows{0, 1}, Rows{1, 8}, Rows{8, 21}, Rows{21, rows}}) body(range);
  }

  TestDevice test_;
  Device& device_ = *test_.device;
  Stream& stream_ = *test_.stream;
  DType dtype_ = GetParam();
  DType sums_ = accumulation_type(dtype_);
};

TEST_P(CutTest, ElementFunctions) {
  const Tensor a = random(rows, columns, 1, 9.0), b = random(rows, columns, 2);
  const Tensor c = random(rows, columns, 3);
  using Part = std::function<ConstTensorView(const Tensor&)>;
  const std::vector<std::function<void(TensorView, TensorView, const Part&)>> functions = {
      [&](TensorView y, TensorView, const Part& part) { add(stream_, y, part(a), part(b)); },
      [&](TensorView y, TensorView, const Part& part) { gelu_forward(stream_, y, part(a)); },
      [&](TensorView y, TensorView, const Part& part) {
        gelu_backward(stream_, y, part(b), part(a));
      },
      [&](TensorView y, TensorView, const Part& part) {
        swiglu_forward(stream_, y, part(a), part(b));
      },
      [&](TensorView y, TensorView z, const Part& part) {
        swiglu_backward(stream_, y, z, part(c), part(a), part(b));
      }};
  for (const auto& function : functions) {
    const Tensor y = empty(dtype_, rows, columns), z = empty(dtype_, rows, columns);
    const Tensor y_cut = empty(dtype_, rows, columns), z_cut = empty(dtype_, rows, columns);
    function(y, z, [](const Tensor& t) { return ConstTensorView(t); });
    for_windows([&](const Window& w) {
      function(w.of(y_cut.view()), w.of(z_cut.view()),
               [&](const Tensor& t) { return w.of(ConstTensorView(t)); });
    });
    expect_equal(y_cut, y);
    expect_equal(z_cut, z);
  }
}

TEST_P(CutTest, RowsOfNormsAndTheLoss) {
  const Tensor x = random(rows, columns, 1), dy = random(rows, columns, 2);
  const Tensor gamma = random_tensor(device_, dtype_, {columns}, 3);
  const Tensor beta = random_tensor(device_, dtype_, {columns}, 4);
  const Tensor logits = random_tensor(device_, sums_, {rows, columns}, 5, 6.0);
  const Tensor targets(device_, DType::i32, {rows, 1});
  fill_random(targets, 6, columns - 1.0);
  // y and dx of both norms, dlogits; stats, losses and their log-sum-exp.
  const auto run = [&](Rows r, const std::vector<Tensor>& out) {
    const auto to = [&](std::size_t i) { return out[i].view().slice_rows(r); };
    const auto of = [&](const Tensor& t) { return t.view().slice_rows(r); };
    layer_norm_forward(stream_, to(0), to(5), of(x), gamma, beta, 1e-5);
    layer_norm_backward_input(stream_, to(1), of(dy), of(x), to(5), gamma, Write::overwrite);
    rms_norm_forward(stream_, to(2), to(6), of(x), gamma, 1e-5);
    rms_norm_backward_input(stream_, to(3), of(dy), of(x), to(6), gamma, Write::overwrite);
    cross_entropy_forward(stream_, to(7), to(8), of(logits), of(targets), columns);
    cross_entropy_backward(stream_, to(4), of(logits), to(8), of(targets), columns, 0.3);
  };
  const auto results = [&] {
    std::vector<Tensor> out;
    for (int i = 0; i < 5; ++i) out.push_back(empty(dtype_, rows, columns));
    for (Index width : {2, 1, 1, 1}) out.push_back(empty(sums_, rows, width));
    return out;
  };
  const std::vector<Tensor> whole = results(), cut = results();
  run({0, rows}, whole);
  for_row_windows([&](Rows r) { run(r, cut); });
  for (std::size_t i = 0; i < whole.size(); ++i) expect_equal(cut[i], whole[i]);
}

TEST_P(CutTest, PositionsOfASequence) {
  const Tensor table = random(rows, columns, 1), tokens(device_, DType::i32, {rows, 1});
  for (Index r = 0; r < rows; ++r) set_element(tokens, r, 0, static_cast<double>(r * 5 % rows));
  const Tensor start = random(rows, 300, 3);
  const auto run = [&](Rows r, TensorView y, TensorView turned) {
    embedding_forward(stream_, y, tokens.view().slice_rows(r), table);
    position_embedding_forward(stream_, y, table, {r.count(), r.first});
    convert(stream_, turned, start.view().slice_rows(r));
    rope_forward(stream_, turned, {10, r.count(), r.first});
    for (Index head = 0; head < 30; head += 5)  // a rank's heads
      rope_backward(stream_, turned.slice_columns(10 * head, 50), {10, r.count(), r.first + 1});
  };
  const Tensor y = empty(dtype_, rows, columns), turned = empty(dtype_, rows, 300);
  const Tensor y_cut = empty(dtype_, rows, columns), turned_cut = empty(dtype_, rows, 300);
  run({0, rows}, y, turned);
  for_row_windows(
      [&](Rows r) { run(r, y_cut.view().slice_rows(r), turned_cut.view().slice_rows(r)); });
  expect_equal(y_cut, y);
  expect_equal(turned_cut, turned);
}

TEST_P(CutTest, ColumnsOfSumsOverRows) {
  const Tensor dy = random(rows, columns, 1), tokens(device_, DType::i32, {rows});
  for (Index r = 0; r < rows; ++r) set_element(tokens, 0, r, static_cast<double>(r % 3));
  const Tensor bias = empty(sums_, 1, columns), bias_cut = empty(sums_, 1, columns);
  const Tensor table = empty(sums_, 3, columns), table_cut = empty(sums_, 3, columns);
  bias_backward(stream_, bias, dy);
  embedding_backward(stream_, table, dy, tokens, Write::overwrite);
  for_windows([&](const Window& w) {
    const ConstTensorView part = ConstTensorView(dy).slice_columns(w.first, w.count);
    bias_backward(stream_, bias_cut.view().slice_columns(w.first, w.count), part);
    embedding_backward(stream_, table_cut.view().slice_columns(w.first, w.count), part, tokens,
                       Write::overwrite);
  });
  expect_equal(bias_cut, bias);
  expect_equal(table_cut, table);
}

TEST_P(CutTest, TilesOfTheNormAndElementsOfTheUpdate) {
  const Index wide = 8 * 4099;  // an eighth is no multiple of anything
  const Tensor x = random_tensor(device_, sums_, {3, wide}, 1);
  const Tensor squares = empty(DType::f64, 3, 8), squares_cut = empty(DType::f64, 3, 8);
  squared_norm_tiles(stream_, squares, x);
  double want = 0.0, total = 0.0;
  for (double value : values_of(x)) want += value * value;
  for (double value : values_of(squares)) total += value;
  EXPECT_NEAR(total / want, 1.0, 1e-12);
  for (Index ranks : {2, 4, 8}) {
    for (Index rank = 0; rank < ranks; ++rank) {
      squared_norm_tiles(stream_, squares_cut.view().slice_columns(rank * 8 / ranks, 8 / ranks),
                         ConstTensorView(x).slice_columns(rank * wide / ranks, wide / ranks));
    }
    expect_equal(squares_cut, squares);
  }
  EXPECT_THROW(squared_norm_tiles(stream_, empty(DType::f64, 1, 1), x), ShapeError);

  const Index count = 1000;
  const Tensor scalars = empty(DType::f64, 1, step_scalar_count);
  fill(stream_, scalars, 0.5);
  const auto run = [&](Index first, Index last, const std::vector<Tensor>& s) {
    const auto part = [&](std::size_t i) { return s[i].view().slice_columns(first, last - first); };
    adamw(stream_, part(0), dtype_ == sums_ ? TensorView{} : part(1), part(2), part(3), part(4),
          scalars, {.weight_decay = 0.1});
  };
  const auto state = [&] {
    std::vector<Tensor> s;
    for (std::uint64_t i = 0; i < 5; ++i)
      s.push_back(random_tensor(device_, i == 0 ? dtype_ : sums_, {1, count}, i));
    for (Index i = 0; i < count; ++i) set_element(s[3], 0, i, std::abs(element(s[3], 0, i)));
    return s;
  };
  const std::vector<Tensor> whole = state(), cut = state();
  run(0, count, whole);
  for (const Rows part : {Rows{0, 7}, Rows{7, 30}, Rows{30, 501}, Rows{501, count}})
    run(part.first, part.last, cut);
  for (std::size_t i = 0; i < whole.size(); ++i) expect_equal(cut[i], whole[i]);
}

INSTANTIATE_TEST_SUITE_P(Types, CutTest, floating_types, dtype_name);

}  // namespace
}  // namespace tokenwerk
