#include "core/tensor.h"

#include <gtest/gtest.h>

namespace tokenwerk {
namespace {

/// A matrix (3,5) whose element (r, c) is 10 r + c, in rows of 8.
struct Matrix {
  Matrix() {
    for (int r = 0; r < 3; ++r)
      for (int c = 0; c < 5; ++c) values[8 * r + c] = static_cast<float>(10 * r + c);
  }
  float values[24] = {};
  TensorView view{values, {3, 5}, 8, DType::f32, nullptr};
};

TEST(TensorView, ABoxIsAWindowOnItsElements) {
  Matrix matrix;
  const TensorView box = matrix.view.slice({{1, 2}, {2, 3}});
  EXPECT_EQ(box.shape, (Shape{2, 3}));
  for (Index r = 0; r < 2; ++r)
    for (Index c = 0; c < 3; ++c)
      EXPECT_EQ(box.at<float>(r, c), static_cast<float>(10 * (r + 1) + c + 2));
  box.at<float>(1, 2) = -1.0f;
  EXPECT_EQ(ConstTensorView(matrix.view).at<float>(2, 4), -1.0f);
}

TEST(TensorView, ABoxOfAVectorIsAVector) {
  Matrix matrix;
  const ConstTensorView vector{matrix.values, {5}, 5, DType::f32, nullptr};
  const ConstTensorView box = vector.slice({{1}, {3}});
  EXPECT_EQ(box.shape, Shape{3});
  EXPECT_EQ(box.at<float>(0, 2), 3.0f);
}

TEST(TensorView, RefusesBoxesThatReachOut) {
  const Matrix matrix;
  EXPECT_THROW((void)matrix.view.slice({{2, 0}, {2, 5}}), ShapeError);
  EXPECT_THROW((void)matrix.view.slice({{0, 3}, {3, 3}}), ShapeError);
  EXPECT_THROW((void)matrix.view.slice({{0, -1}, {3, 3}}), ShapeError);
  EXPECT_THROW((void)matrix.view.slice({{0}, {3}}), ShapeError);
}

}  // namespace
}  // namespace tokenwerk
