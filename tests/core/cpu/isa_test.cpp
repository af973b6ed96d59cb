/// The kernels of all instruction sets that this machine has, called through their tables, give the
/// same bits; and so does the choice of the set for a whole run.

#include "core/cpu/isa.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "core/cpu/kernels/activation.h"
#include "core/cpu/kernels/attention.h"
#include "core/cpu/kernels/elementwise.h"
#include "core/cpu/kernels/embedding.h"
#include "core/cpu/kernels/loss.h"
#include "core/cpu/kernels/matmul.h"
#include "core/cpu/kernels/norm.h"
#include "core/cpu/kernels/optimizer.h"
#include "core/cpu/kernels/product.h"
#include "core/cpu/kernels/rope.h"
#include "tests/support/dtypes.h"
#include "tests/support/reference.h"

namespace tokenwerk::cpu {
namespace {

class IsaTest : public ::testing::TestWithParam<DType> {
 protected:
  /// `count` values in [-magnitude, magnitude) of the dtype, the same at every call.
  Tensor operand(DType dtype, Index count, std::uint64_t seed, double magnitude = 3.0) {
    return random_tensor(*test_.device, dtype, {count}, seed, magnitude);
  }
  /// Runs `body` with each set, for sizes around the width of the lanes; it returns what the kernel
  /// wrote.
  void expect_equal_bits(const std::function<std::vector<Tensor>(Isa, Index count)>& body) {
    for (Index count : {1, 2, 15, 16, 17, 63, 64, 65, 250}) {
      const std::vector<Tensor> want = body(Isa::scalar, count);
      for (Isa set : {Isa::avx2, Isa::avx512}) {
        if (set > best_isa()) continue;
        const std::vector<Tensor> got = body(set, count);
        ASSERT_EQ(got.size(), want.size());
        for (std::size_t i = 0; i < got.size(); ++i) {
          EXPECT_EQ(0, std::memcmp(got[i].view().data, want[i].view().data, got[i].bytes()))
              << name_of(set) << ", " << count << " elements, result " << i;
        }
      }
    }
  }
  template <typename... Tensors>
  static std::vector<Tensor> results(Tensors&&... tensors) {
    std::vector<Tensor> out;
    (out.push_back(std::move(tensors)), ...);
    return out;
  }

  TestDevice test_;
  DType dtype_ = GetParam();
  DType sums_ = accumulation_type(dtype_);
};

TEST_P(IsaTest, Elementwise) {
  expect_equal_bits([&](Isa set, Index n) {
    const auto& kernels = elementwise_kernels(set);
    const Tensor a = operand(dtype_, n, 1), b = operand(dtype_, n, 2);
    Tensor y = operand(dtype_, n, 3), half = operand(DType::bf16, n, 4);
    kernels.add(dtype_, y.view().data, a.view().data, b.view().data, n);
    kernels.scale(dtype_, y.view().data, 0.3, n);
    kernels.convert(DType::bf16, half.view().data, dtype_, a.view().data, n);
    const double total = kernels.sum(dtype_, a.view().data, n);
    return results(y, half, make_tensor(*test_.device, DType::f64, {1}, {total}));
  });
}

TEST_P(IsaTest, Norm) {
  for (bool centred : {true, false}) {
    expect_equal_bits([&](Isa set, Index n) {
      const auto& k = norm_kernels(set);
      const Tensor x = operand(dtype_, 3 * n, 1), dy = operand(dtype_, 3 * n, 2);
      const Tensor gamma = operand(dtype_, n, 3), beta = operand(dtype_, n, 4);
      Tensor y = operand(dtype_, 3 * n, 5), dx = operand(dtype_, 3 * n, 6);
      Tensor stats = operand(sums_, 6, 7), dgamma = operand(sums_, n, 8);
      Tensor dbeta = operand(sums_, n, 9);
      const ConstRows xs{x.view().data, n}, dys{dy.view().data, n}, ss{stats.view().data, 2};
      const NormForward forward{dtype_,
                                3,
                                n,
                                {y.view().data, n},
                                {stats.view().data, 2},
                                xs,
                                gamma.view().data,
                                beta.view().data,
                                1e-5};
      const NormBackwardInput input{
          dtype_, 3, n, {dx.view().data, n}, dys, xs, ss, gamma.view().data, Write::accumulate};
      const NormBackwardWeight weight{dtype_, 3,  n, dgamma.view().data, dbeta.view().data,
                                      dys,    xs, ss};
      (centred ? k.layer_norm_forward : k.rms_norm_forward)(forward);
      (centred ? k.layer_norm_backward_input : k.rms_norm_backward_input)(input);
      (centred ? k.layer_norm_backward_weight : k.rms_norm_backward_weight)(weight);
      return results(y, stats, dx, dgamma, dbeta);
    });
  }
}

TEST_P(IsaTest, Activation) {
  expect_equal_bits([&](Isa set, Index n) {
    const auto& k = activation_kernels(set);
    const Tensor x = operand(dtype_, n, 1, 12.0), up = operand(dtype_, n, 2);
    const Tensor dy = operand(dtype_, n, 3);
    Tensor gelu = operand(dtype_, n, 4), dx = operand(dtype_, n, 5), swiglu = operand(dtype_, n, 6);
    Tensor dgate = operand(dtype_, n, 7), dup = operand(dtype_, n, 8);
    k.gelu_forward(dtype_, gelu.view().data, x.view().data, n);
    k.gelu_backward(dtype_, dx.view().data, dy.view().data, x.view().data, n);
    k.swiglu_forward(dtype_, swiglu.view().data, x.view().data, up.view().data, n);
    k.swiglu_backward(dtype_, dgate.view().data, dup.view().data, dy.view().data, x.view().data,
                      up.view().data, n);
    return results(gelu, dx, swiglu, dgate, dup);
  });
}

TEST_P(IsaTest, Rope) {
  expect_equal_bits([&](Isa set, Index n) {
    Tensor x = operand(dtype_, 4 * n, 1), dx = operand(dtype_, 4 * n, 2);
    const Tensor cosines = operand(sums_, n, 3, 1.0), sines = operand(sums_, n, 4, 1.0);
    rope_kernels(set).turn({dtype_, 2, n, x.view().data, cosines.view().data, sines.view().data});
    rope_kernels(set).turn_back(
        {dtype_, 2, n, dx.view().data, cosines.view().data, sines.view().data});
    return results(x, dx);
  });
}

TEST_P(IsaTest, Embedding) {
  expect_equal_bits([&](Isa set, Index n) {
    const std::vector<std::int32_t> tokens = {1, 0, 1, 1};
    const Tensor x = operand(dtype_, 4 * n, 1);
    Tensor sum = operand(sums_, n, 2), table = operand(sums_, 2 * n, 3);
    embedding_kernels(set).accumulate(dtype_, sum.view().data, x.view().data, n);
    embedding_kernels(set).scatter(dtype_, {table.view().data, n}, {tokens.data(), 0, 2},
                                   {x.view().data, n}, 4, n);
    return results(sum, table);
  });
}

TEST_P(IsaTest, Optimizer) {
  expect_equal_bits([&](Isa set, Index n) {
    Tensor w = operand(dtype_, n, 1), master = operand(sums_, n, 2), m = operand(sums_, n, 3);
    Tensor v = operand(sums_, n, 4);
    const Tensor gradient = operand(sums_, n, 5);
    for (Index i = 0; i < n; ++i) set_element(v, 0, i, std::abs(element(v, 0, i)));
    optimizer_kernels(set).adamw({.dtype = dtype_,
                                  .count = n,
                                  .w = w.view().data,
                                  .master = master.view().data,
                                  .m = m.view().data,
                                  .v = v.view().data,
                                  .gradient = gradient.view().data,
                                  .gradient_scale = 0.7,
                                  .beta1 = 0.9,
                                  .beta2 = 0.95,
                                  .decay = 1e-3,
                                  .step_size = 1e-2,
                                  .root_correction = 1.3,
                                  .epsilon = 1e-8});
    const double squares = optimizer_kernels(set).squared_norm(dtype_, w.view().data, n);
    return results(w, master, m, v, make_tensor(*test_.device, DType::f64, {1}, {squares}));
  });
}

TEST_P(IsaTest, Matmul) {
  expect_equal_bits([&](Isa set, Index n) {
    const Tensor dy = operand(dtype_, 11 * n, 1);
    Tensor sums = operand(sums_, n, 2);
    matmul_kernels(set).add_rows(dtype_, sums.view().data, dy.view().data, 11, n, n);
    return results(sums);
  });
}

TEST_P(IsaTest, Product) {
  const auto multiply = [&](Isa set, Index n, const ProductSource& a, const ProductSource& b,
                            const Tensor& result) {
    const ProductKernels& k = product_kernels(set);
    const Index depth = a.depth, columns = k.tile_columns / (sums_ == DType::f64 ? 2 : 1);
    const auto panels = [&](Index count, Index width) {
      return Tensor(*test_.device, sums_,
                    {(count + width - 1) / width * panel_distance(depth, width)});
    };
    const Tensor left = panels(a.count, k.tile_rows), right = panels(b.count, columns);
    const Tensor sums(*test_.device, sums_, {2 * k.tile_rows * columns});
    const std::vector<ProductStep> steps = {{depth / 3, 0, true, true},
                                            {depth - depth / 3, 1, true, true}};
    k.pack_left(left.view().data, depth, 0, a);
    k.pack_right(right.view().data, depth, 0, b);
    k.multiply({dtype_,
                a.count,
                b.count,
                depth,
                left.view().data,
                right.view().data,
                steps.data(),
                2,
                sums.view().data,
                0,
                {dtype_, {result.view().data, n}, nullptr, true}});
  };
  expect_equal_bits([&](Isa set, Index n) {
    const Index rows = 31, depth = 50;
    const Tensor a = operand(dtype_, rows * depth, 1), b = operand(dtype_, n * depth, 2);
    Tensor y = operand(dtype_, rows * n, 3), z = operand(dtype_, rows * n, 4);
    multiply(set, n, {dtype_, a.view().data, depth, 1, rows, depth},
             {dtype_, b.view().data, 1, n, n, depth}, y);
    multiply(set, n, {dtype_, a.view().data, 1, rows, rows, depth},
             {dtype_, b.view().data, depth, 1, n, depth}, z);
    return results(y, z);
  });
}

TEST_P(IsaTest, Attention) {
  expect_equal_bits([&](Isa set, Index n) {
    const Index keys = n % 37 + 70, size = n % 64 + 1, queries = keys - 7, group = 2;
    const Index width = group * size;
    const Tensor q = operand(dtype_, queries * width, 1),
                 dout = operand(dtype_, queries * width, 2);
    const Tensor k = operand(dtype_, keys * size, 3), v = operand(dtype_, keys * size, 4);
    Tensor o = operand(dtype_, queries * width, 5), dq = operand(dtype_, queries * width, 6);
    Tensor dk = operand(dtype_, keys * size, 7), dv = operand(dtype_, keys * size, 8);
    Tensor stats = operand(sums_, group * queries, 9);
    const Tensor scratch(*test_.device, sums_, {attention_backward_scratch(size, keys, group)});
    AttentionTask task{};
    task.dtype = dtype_;
    task.group = group;
    task.head_size = size;
    task.query_length = queries;
    task.key_rows = keys;
    task.query_offset = keys - queries;
    task.scale = 0.1;
    task.q = {q.view().data, width};
    task.k = {k.view().data, size};
    task.v = {v.view().data, size};
    task.o = {o.view().data, width};
    task.o_read = {o.view().data, width};
    task.stats = stats.view().data;
    task.stats_read = stats.view().data;
    task.dout = {dout.view().data, width};
    task.dq = {dq.view().data, width};
    task.dk = {dk.view().data, size};
    task.dv = {dv.view().data, size};
    task.key_gradient_dtype = dtype_;
    task.scratch = scratch.view().data;
    attention_kernels(set).forward(task, 0, queries);
    attention_kernels(set).backward(task);
    return results(o, stats, dq, dk, dv);
  });
}

TEST_P(IsaTest, Loss) {
  expect_equal_bits([&](Isa set, Index n) {
    const Tensor logits = operand(sums_, n + 3, 1, 6.0);
    Tensor loss = operand(sums_, 1, 2), lse = operand(sums_, 1, 3);
    Tensor dlogits = operand(dtype_, n + 3, 4), partial = operand(sums_, 2, 5);
    Tensor joint_loss = operand(sums_, 1, 6), joint_lse = operand(sums_, 1, 7);
    const LossRow row{logits.view().data, n + 3, n, n / 2};
    loss_kernels(set).forward(sums_, loss.view().data, lse.view().data, row);
    loss_kernels(set).backward(dtype_, dlogits.view().data, row, lse.view().data, 0.7);
    loss_kernels(set).share(sums_, partial.view().data, row, 8);
    loss_kernels(set).combine(sums_, joint_loss.view().data, joint_lse.view().data,
                              {logits.view().data, 2, (n + 3) / 2, false});
    return results(loss, lse, dlogits, partial, joint_loss, joint_lse);
  });
}

INSTANTIATE_TEST_SUITE_P(Types, IsaTest, floating_types, dtype_name);

TEST(Isa, HasADistinctTableForEachSet) {
  EXPECT_NE(&norm_kernels(Isa::scalar), &norm_kernels(Isa::avx2));
  EXPECT_NE(&norm_kernels(Isa::avx2), &norm_kernels(Isa::avx512));
  EXPECT_LE(isa(), best_isa());
}

}  // namespace
}  // namespace tokenwerk::cpu
