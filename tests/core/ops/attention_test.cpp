#include "core/ops/attention.h"

#include <omp.h>

#include <string>

#include "tests/support/reference.h"

namespace tokenwerk {
namespace {

struct Case {
  const char* name;
  AttentionShape shape;
};

AttentionShape plain(Index batch, Index heads, Index kv_heads, Index size, Index length) {
  return {batch, heads, kv_heads, size, length, length, length, 0, 1.0 / std::sqrt(size)};
}

/// Queries that follow `offset` earlier ones, in a cache with room for more.
AttentionShape cached(Index heads, Index kv_heads, Index size, Index offset, Index length) {
  return {2, heads, kv_heads, size, length, offset + length + 1, offset + length + 9, offset, 0.3};
}

const std::vector<Case> cases = {
    {"one_row", plain(1, 1, 1, 1, 1)},
    {"primes", plain(2, 3, 1, 7, 13)},
    {"whole_blocks", plain(1, 2, 2, 16, 128)},
    {"across_blocks", plain(1, 2, 1, 24, 131)},
    {"grouped", plain(2, 6, 2, 40, 67)},
    {"decoding_one_token", cached(4, 2, 32, 70, 1)},
    {"decoding_a_few_tokens", cached(2, 1, 19, 37, 30)},
    {"long_prefix", cached(1, 1, 8, 129, 65)},
};

/// Attention and its derivatives as the textbook has them, with whole score rows, in f64.
struct NaiveAttention {
  NaiveAttention(const AttentionShape& s, const HostElements& q, const HostElements& k,
                 const HostElements& v, const HostElements& dout)
      : o(values(q)),
        dq(o.size()),
        dk(values(k)),
        dv(dk.size()),
        stats(static_cast<std::size_t>(s.batch * s.heads * s.query_length)) {
    std::fill(o.begin(), o.end(), 0.0);
    std::fill(dk.begin(), dk.end(), 0.0);
    for (Index b = 0; b < s.batch; ++b) {
      for (Index h = 0; h < s.heads; ++h) {
        for (Index t = 0; t < s.query_length; ++t) row(s, q, k, v, dout, b, h, t);
      }
    }
  }

  std::vector<double> o, dq, dk, dv, stats;

 private:
  static std::vector<double> values(const ConstTensorView& view) {
    return std::vector<double>(static_cast<std::size_t>(view.count()));
  }

  void row(const AttentionShape& s, const ConstTensorView& q, const ConstTensorView& k,
           const ConstTensorView& v, const ConstTensorView& dout, Index b, Index h, Index t) {
    const Index D = s.head_size, i = b * s.query_length + t, g = h / (s.heads / s.kv_heads);
    const auto keys = static_cast<std::size_t>(s.query_offset + t + 1);
    std::vector<double> p(keys), dp(keys);
    const auto dot = [&](const ConstTensorView& x, const ConstTensorView& y, Index j) {
      double sum = 0.0;
      for (Index d = 0; d < D; ++d) sum += element(x, i, h * D + d) * element(y, j, g * D + d);
      return sum;
    };
    double total = 0.0, weighted = 0.0;
    for (std::size_t j = 0; j < keys; ++j) {
      const Index key = b * s.key_rows + static_cast<Index>(j);
      p[j] = std::exp(s.scale * dot(q, k, key));
      dp[j] = dot(dout, v, key);
      total += p[j];
      weighted += p[j] * dp[j];
    }
    stats[static_cast<std::size_t>((b * s.heads + h) * s.query_length + t)] = std::log(total);
    for (std::size_t j = 0; j < keys; ++j) {
      const double probability = p[j] / total;
      const double ds = s.scale * probability * (dp[j] - weighted / total);
      const Index key = b * s.key_rows + static_cast<Index>(j);
      for (Index d = 0; d < D; ++d) {
        const auto at_query = static_cast<std::size_t>(i * s.heads * D + h * D + d);
        const auto at_key = static_cast<std::size_t>(key * s.kv_heads * D + g * D + d);
        o[at_query] += probability * element(v, key, g * D + d);
        dq[at_query] += ds * element(k, key, g * D + d);
        dk[at_key] += ds * element(q, i, h * D + d);
        dv[at_key] += probability * element(dout, i, h * D + d);
      }
    }
  }
};

/// Operands as windows on wider arrays, and results of both passes.
struct Operands {
  Operands(Device& device, DType dtype, const AttentionShape& s)
      : shape(s),
        queries(s.batch * s.query_length),
        keys(s.batch * s.key_rows),
        q(device, dtype, queries, s.heads * s.head_size),
        k(device, dtype, keys, s.kv_heads * s.head_size, 1, 2),
        v(device, dtype, keys, s.kv_heads * s.head_size, 0, 7),
        o(device, dtype, queries, s.heads * s.head_size, 2, 2),
        dout(device, dtype, queries, s.heads * s.head_size, 4, 0),
        dq(device, dtype, queries, s.heads * s.head_size),
        dk(device, dtype, keys, s.kv_heads * s.head_size),
        dv(device, dtype, keys, s.kv_heads * s.head_size),
        stats(device, accumulation_type(dtype), {s.batch, s.heads, s.query_length}) {
    fill_random(q.view, 1, 2.0);
    fill_random(k.view, 2, 2.0);
    fill_random(v.view, 3);
    fill_random(dout.view, 4);
  }
  [[nodiscard]] NaiveAttention naive() const {
    return {shape, HostElements(q.view), HostElements(k.view), HostElements(v.view),
            HostElements(dout.view)};
  }
  void forward(Stream& stream) {
    attention_forward(stream, o.view, stats, q.view, k.view, v.view, shape);
  }
  void backward(Stream& stream) {
    attention_backward(stream, dq.view, dk.view, dv.view, dout.view, q.view, k.view, v.view, o.view,
                       stats, shape);
  }
  void expect_guards_intact() const {
    for (const StridedTensor* tensor : {&o, &dq, &dk, &dv}) tensor->expect_guards_intact();
  }

  AttentionShape shape;
  Index queries, keys;
  StridedTensor q, k, v, o, dout, dq, dk, dv;
  Tensor stats;
};

class AttentionTest : public testing::TestWithParam<DType> {
 protected:
  TestDevice test_;
  Device& device_ = *test_.device;
  Stream& stream_ = *test_.stream;
  DType dtype_ = GetParam();
};

TEST_P(AttentionTest, ForwardEqualsTheNaiveSoftmax) {
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    Operands x(device_, dtype_, c.shape);
    const NaiveAttention want = x.naive();
    x.forward(stream_);
    expect_close(x.o.view, want.o, 32);
    expect_close(x.stats, want.stats, 16);
    x.expect_guards_intact();
  }
}

TEST_P(AttentionTest, BackwardEqualsTheNaiveDerivative) {
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    Operands x(device_, dtype_, c.shape);
    const NaiveAttention want = x.naive();
    x.forward(stream_);
    x.backward(stream_);
    expect_close(x.dq.view, want.dq, 32);
    expect_close(x.dk.view, want.dk, 32);
    expect_close(x.dv.view, want.dv, 32);
    x.expect_guards_intact();
  }
}

TEST_P(AttentionTest, LargeScoresDoNotOverflow) {
  AttentionShape shape = plain(1, 1, 1, 8, 20);
  shape.scale = 300.0;
  Operands x(device_, dtype_, shape);
  x.forward(stream_);
  x.backward(stream_);
  for (const ConstTensorView& view : {ConstTensorView(x.o.view), ConstTensorView(x.dq.view),
                                      ConstTensorView(x.dk.view), ConstTensorView(x.stats)}) {
    for (double value : values_of(view)) ASSERT_TRUE(std::isfinite(value));
  }
}

TEST_P(AttentionTest, KeysBehindTheLastQueryAreNeverRead) {
  const AttentionShape shape = cached(2, 1, 24, 30, 3);
  Operands x(device_, dtype_, shape), poisoned(device_, dtype_, shape);
  for (Index b = 0; b < shape.batch; ++b) {
    for (Index r = b * shape.key_rows + 33; r < (b + 1) * shape.key_rows; ++r) {
      for (Index c = 0; c < 24; ++c) {
        set_element(poisoned.k.view, r, c, std::nan(""));
        set_element(poisoned.v.view, r, c, std::nan(""));
      }
    }
  }
  x.forward(stream_);
  poisoned.forward(stream_);
  expect_equal(x.o.view, poisoned.o.view);
}

TEST_P(AttentionTest, DecodingGivesTheBitsOfTheWholeSequence) {
  const Index length = 79;
  Operands whole(device_, dtype_, plain(1, 2, 1, 20, length));
  whole.forward(stream_);
  for (Index t : {0, 1, 17, 63, 64, 78}) {
    AttentionShape shape = whole.shape;
    shape.query_length = 1;
    shape.query_offset = t;
    const Tensor o(device_, dtype_, {1, 40}), stats(device_, accumulation_type(dtype_), {1, 2, 1});
    attention_forward(stream_, o, stats, ConstTensorView(whole.q.view).slice_rows({t, t + 1}),
                      whole.k.view, whole.v.view, shape);
    expect_equal(o, whole.o.view.slice_rows({t, t + 1}));
  }
}

TEST_P(AttentionTest, SameBitsOnOneThreadAndTwo) {
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    Operands one(device_, dtype_, c.shape), two(device_, dtype_, c.shape);
    const int threads = omp_get_max_threads();
    omp_set_num_threads(1);
    one.forward(stream_);
    one.backward(stream_);
    omp_set_num_threads(2);
    two.forward(stream_);
    two.backward(stream_);
    omp_set_num_threads(threads);
    expect_equal(one.o.view, two.o.view);
    expect_equal(one.stats, two.stats);
    expect_equal(one.dq.view, two.dq.view);
    expect_equal(one.dk.view, two.dk.view);
    expect_equal(one.dv.view, two.dv.view);
  }
}

TEST_P(AttentionTest, ScratchIsCountedAndReturned) {
  Operands x(device_, dtype_, plain(1, 2, 1, 16, 40));
  const std::size_t held = device_.memory().current;
  device_.reset_peak();
  x.forward(stream_);
  x.backward(stream_);
  EXPECT_GT(device_.memory().peak, held);
  EXPECT_EQ(device_.memory().current, held);
}

TEST_P(AttentionTest, NoSequencesAreLegal) {
  Operands x(device_, dtype_, plain(0, 2, 1, 16, 40));
  x.forward(stream_);
  x.backward(stream_);
}

TEST_P(AttentionTest, ShapesThatDoNotFitAreRefused) {
  Operands x(device_, dtype_, plain(1, 2, 1, 8, 5));
  const AttentionShape good = x.shape;
  const auto expect_refused = [&] { EXPECT_THROW(x.forward(stream_), ShapeError); };
  x.shape.heads = 3;
  expect_refused();
  x.shape = good;
  x.shape.kv_heads = 2;
  expect_refused();
  x.shape = good;
  x.shape.query_offset = 1;
  expect_refused();
  x.shape = good;
  x.shape.key_length = 6;
  expect_refused();
}

INSTANTIATE_TEST_SUITE_P(AllTypes, AttentionTest,
                         testing::Values(DType::f64, DType::f32, DType::bf16),
                         [](const auto& types) { return std::string(name_of(types.param)); });

}  // namespace
}  // namespace tokenwerk
