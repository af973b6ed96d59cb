#include "core/ops/loss.h"

#include <string>

#include "tests/support/reference.h"
#include "tests/support/threads.h"

namespace tokenwerk {
namespace {

struct Sizes {
  Index rows, columns, vocabulary;
};
// One, primes, non-multiples of sixteen; with and without padding columns.
const std::vector<Sizes> all_sizes = {{1, 1, 1},   {3, 7, 5},     {13, 17, 17},
                                      {5, 64, 61}, {7, 264, 259}, {2, 1009, 1009}};

/// The dtype of logits and of their gradient.
struct Types {
  DType logits, gradient;
};

class LossTest : public testing::TestWithParam<Types> {
 protected:
  /// Every third row is masked; the others have targets all over the vocabulary.
  Tensor targets(Index rows, Index vocabulary) {
    std::vector<double> values;
    for (Index r = 0; r < rows; ++r)
      values.push_back(r % 3 == 2 ? masked_target : static_cast<double>((r * 31 + 4) % vocabulary));
    return make_tensor(device_, DType::i32, {rows}, values);
  }

  TestDevice test_;
  Device& device_ = *test_.device;
  Stream& stream_ = *test_.stream;
  DType dtype_ = GetParam().logits;
  DType gradient_ = GetParam().gradient;
};

struct NaiveLoss {
  NaiveLoss(const ConstTensorView& device_logits, const ConstTensorView& device_targets,
            Index vocabulary, double scale) {
    const HostElements host_logits(device_logits), host_targets(device_targets);
    const ConstTensorView logits = host_logits, targets = host_targets;
    for (Index r = 0; r < logits.rows(); ++r) {
      double sum = 0.0;
      for (Index c = 0; c < vocabulary; ++c) sum += std::exp(element(logits, r, c));
      lse.push_back(std::log(sum));
      const Index target = targets.as<std::int32_t>()[r];
      const bool masked = target == masked_target;
      loss.push_back(masked ? 0.0 : lse.back() - element(logits, r, target));
      for (Index c = 0; c < logits.columns(); ++c) {
        const double p = std::exp(element(logits, r, c) - lse.back());
        const double d = scale * (p - (c == target ? 1.0 : 0.0));
        dlogits.push_back(masked || c >= vocabulary ? 0.0 : d);
      }
    }
  }
  std::vector<double> loss, lse, dlogits;
};

TEST_P(LossTest, ForwardAndBackwardEqualTheNaiveCrossEntropy) {
  for (const auto [rows, columns, vocabulary] : all_sizes) {
    const StridedTensor logits(device_, dtype_, rows, columns);
    const StridedTensor dlogits(device_, gradient_, rows, columns, 1, 2);
    fill_random(logits.view, 1, 5.0);
    const Tensor target = targets(rows, vocabulary);
    const Tensor loss(device_, dtype_, {rows}), lse(device_, dtype_, {rows});
    const NaiveLoss want(logits.view, target, vocabulary, 0.37);
    cross_entropy_forward(stream_, loss, lse, logits.view, target, vocabulary);
    cross_entropy_backward(stream_, dlogits.view, logits.view, lse, target, vocabulary, 0.37);
    expect_close(loss, want.loss);
    expect_close(lse, want.lse);
    expect_close(dlogits.view, want.dlogits);
    dlogits.expect_guards_intact();
  }
}

TEST_P(LossTest, PaddingAndMaskedRowsReceiveExactZeros) {
  const Tensor logits = random_tensor(device_, dtype_, {3, 40}, 2), target = targets(3, 21);
  const Tensor loss(device_, dtype_, {3}), lse(device_, dtype_, {3}),
      dlogits(device_, gradient_, {3, 40});
  for (Index r = 0; r < 3; ++r)
    for (Index c = 21; c < 40; ++c) set_element(logits, r, c, std::nan(""));  // never read
  cross_entropy_forward(stream_, loss, lse, logits, target, 21);
  cross_entropy_backward(stream_, dlogits, logits, lse, target, 21, 1.0);
  EXPECT_EQ(element(loss, 0, 2), 0.0);
  for (Index r = 0; r < 3; ++r) {
    for (Index c = 0; c < 40; ++c) {
      const double value = element(dlogits, r, c);
      EXPECT_EQ(value == 0.0, r == 2 || c >= 21) << "row " << r << " column " << c << ": " << value;
    }
  }
}

TEST_P(LossTest, TheGradientMayReplaceTheLogits) {
  const Tensor logits = random_tensor(device_, dtype_, {5, 37}, 3, 4.0), target = targets(5, 33);
  const Tensor loss(device_, dtype_, {5}), lse(device_, dtype_, {5}),
      apart(device_, dtype_, {5, 37});
  cross_entropy_forward(stream_, loss, lse, logits, target, 33);
  cross_entropy_backward(stream_, apart, logits, lse, target, 33, 0.5);
  cross_entropy_backward(stream_, logits, logits, lse, target, 33, 0.5);
  expect_equal(logits, apart);
}

TEST_P(LossTest, LargeLogitsDoNotOverflow) {
  const Tensor logits = make_tensor(device_, dtype_, {1, 3}, {1e4, -1e4, 9990.0});
  const Tensor target = make_tensor(device_, DType::i32, {1}, {1});
  const Tensor loss(device_, dtype_, {1}), lse(device_, dtype_, {1});
  cross_entropy_forward(stream_, loss, lse, logits, target, 3);
  expect_close(loss, {2e4 + std::log1p(std::exp(-10.0))});
}

TEST_P(LossTest, SameBitsOnOneThreadAndTwo) {
  const Tensor logits = random_tensor(device_, dtype_, {301, 127}, 4), target = targets(301, 127);
  const Tensor loss1(device_, dtype_, {301}), lse1(device_, dtype_, {301});
  const Tensor loss2(device_, dtype_, {301}), lse2(device_, dtype_, {301});
  const Tensor dlogits1(device_, gradient_, {301, 127}), dlogits2(device_, gradient_, {301, 127});
  const ThreadCount restored(1);
  cross_entropy_forward(stream_, loss1, lse1, logits, target, 127);
  cross_entropy_backward(stream_, dlogits1, logits, lse1, target, 127, 0.1);
  const ThreadCount two(2);
  cross_entropy_forward(stream_, loss2, lse2, logits, target, 127);
  cross_entropy_backward(stream_, dlogits2, logits, lse2, target, 127, 0.1);
  expect_equal(loss1, loss2);
  expect_equal(lse1, lse2);
  expect_equal(dlogits1, dlogits2);
}

/// Loss and log-sum-exp of rows whose vocabulary lies in so many shares of equal width.
struct SharedLoss {
  SharedLoss(Stream& stream, const ConstTensorView& logits, const ConstTensorView& targets,
             Index vocabulary, Index shares, Index chunks)
      : loss(stream.device(), logits.dtype, {logits.rows()}),
        lse(stream.device(), logits.dtype, {logits.rows()}) {
    const Index rows = logits.rows(), width = logits.columns() / shares;
    const Tensor partials(stream.device(), logits.dtype, {shares * rows, 2});
    for (Index s = 0; s < shares; ++s) {
      cross_entropy_share(stream, partials.view().slice_rows({s * rows, (s + 1) * rows}),
                          logits.slice_columns(s * width, width), targets,
                          {vocabulary, s * width, chunks});
    }
    cross_entropy_combine(stream, loss, lse, partials, targets);
  }
  Tensor loss, lse;
};

TEST_P(LossTest, SharesOfTheVocabularyGiveTheLossOfTheWhole) {
  // Whole, ragged and empty shares; chunks that do not divide a share.
  for (const auto [rows, columns, vocabulary] :
       std::vector<Sizes>{{13, 264, 259}, {5, 264, 61}, {3, 24, 1}, {7, 1080, 1073}}) {
    const Tensor logits = random_tensor(device_, dtype_, {rows, columns}, 5, 5.0);
    const Tensor target = targets(rows, vocabulary);
    for (Index r = 0; r < rows; ++r)
      for (Index c = vocabulary; c < columns; ++c) set_element(logits, r, c, std::nan(""));
    const NaiveLoss want(logits, target, vocabulary, 1.0);
    for (Index shares : {1, 2, 3, 4, 6, 8}) {
      const SharedLoss got(stream_, logits, target, vocabulary, shares, 4);
      expect_close(got.loss, want.loss, 16.0);
      expect_close(got.lse, want.lse, 16.0);
      for (Index r = 2; r < rows; r += 3) EXPECT_EQ(element(got.loss, 0, r), 0.0);
    }
  }
}

TEST_P(LossTest, EightChunksGiveTheSameBitsInAnyNumberOfShares) {
  for (const auto [rows, columns, vocabulary] :
       std::vector<Sizes>{{301, 264, 259}, {5, 1064, 1063}, {9, 264, 61}}) {
    const Tensor logits = random_tensor(device_, dtype_, {rows, columns}, 6, 5.0);
    const Tensor target = targets(rows, vocabulary);
    const SharedLoss whole(stream_, logits, target, vocabulary, 1, 8);
    for (Index shares : {2, 4, 8}) {
      const ThreadCount threads(shares == 4 ? 2 : 1);
      const SharedLoss cut(stream_, logits, target, vocabulary, shares, 8 / shares);
      expect_equal(cut.loss, whole.loss);
      expect_equal(cut.lse, whole.lse);
    }
  }
}

TEST_P(LossTest, AShareOfTheGradientHasTheBitsOfTheWhole) {
  const Index rows = 7, columns = 120, vocabulary = 97;
  const Tensor logits = random_tensor(device_, dtype_, {rows, columns}, 7, 5.0);
  const Tensor target =
      make_tensor(device_, DType::i32, {rows}, {39, 40, masked_target, 0, 79, 80, 96});
  const Tensor loss(device_, dtype_, {rows}), lse(device_, dtype_, {rows});
  const Tensor want(device_, gradient_, {rows, columns}), got(device_, gradient_, {rows, columns});
  cross_entropy_forward(stream_, loss, lse, logits, target, vocabulary);
  cross_entropy_backward(stream_, want, logits, lse, target, vocabulary, 0.3);
  for (Index first : {40, 0, 80}) {  // each beside one that is done: a stray write shows
    cross_entropy_backward(stream_, got.view().slice_columns(first, 40),
                           ConstTensorView(logits).slice_columns(first, 40), lse, target,
                           vocabulary, 0.3, first);
  }
  expect_equal(got, want);
}

TEST_P(LossTest, NoRowsAreLegalAndMisfitsAreRefused) {
  const Tensor none(device_, dtype_, {0, 5}), nothing(device_, dtype_, {0});
  cross_entropy_forward(stream_, nothing, nothing, none, Tensor(device_, DType::i32, {0}), 5);
  const Tensor logits(device_, dtype_, {2, 5}), two(device_, dtype_, {2}),
      one(device_, dtype_, {1});
  const Tensor target = targets(2, 5), halves(device_, DType::bf16, {2, 5});
  EXPECT_THROW(cross_entropy_forward(stream_, two, two, logits, target, 6), ShapeError);
  EXPECT_THROW(cross_entropy_forward(stream_, one, two, logits, target, 5), ShapeError);
  EXPECT_THROW(cross_entropy_forward(stream_, two, two, halves, target, 5), ShapeError);
  EXPECT_THROW(cross_entropy_backward(stream_, two, logits, two, target, 5, 1.0), ShapeError);
  EXPECT_THROW(cross_entropy_backward(stream_, logits, logits, two, target, 5, 1.0, -1),
               ShapeError);
}

TEST_P(LossTest, SharesThatDoNotFitAreRefused) {
  const Tensor logits(device_, dtype_, {2, 5}), two(device_, dtype_, {2}),
      partial(device_, dtype_, {2, 2}), three(device_, dtype_, {3, 2});
  const Tensor target = targets(2, 5);
  EXPECT_THROW(cross_entropy_share(stream_, partial, logits, target, {5, 0, 3}), ShapeError);
  EXPECT_THROW(cross_entropy_share(stream_, partial, logits, target, {0, 0, 1}), ShapeError);
  EXPECT_THROW(cross_entropy_share(stream_, three, logits, target, {5, 0, 1}), ShapeError);
  EXPECT_THROW(cross_entropy_combine(stream_, two, two, three, target), ShapeError);
  const Tensor none(device_, dtype_, {0, 2}), nothing(device_, dtype_, {0});
  cross_entropy_combine(stream_, nothing, nothing, none, Tensor(device_, DType::i32, {0}));
}

INSTANTIATE_TEST_SUITE_P(AllTypes, LossTest,
                         testing::Values(Types{DType::f64, DType::f64},
                                         Types{DType::f32, DType::f32},
                                         Types{DType::f32, DType::bf16}),
                         [](const auto& types) {
                           return std::string(name_of(types.param.logits)) + "_to_" +
                                  std::string(name_of(types.param.gradient));
                         });

}  // namespace
}  // namespace tokenwerk
