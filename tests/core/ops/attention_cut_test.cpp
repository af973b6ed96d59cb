/// What parallel layers rely on in attention: sequences, heads and queries have the same bits alone
/// as among others, and ranks that share a key head's query heads can end its sums.

#include "core/ops/attention.h"
#include "core/ops/elementwise.h"
#include "tests/support/dtypes.h"
#include "tests/support/reference.h"
#include "tests/support/threads.h"

namespace tokenwerk {
namespace {

/// Some rows, and columns first .. first + count.
ConstTensorView part_of(const ConstTensorView& view, Rows rows, Index first, Index count) {
  return view.slice_rows(rows).slice_columns(first, count);
}

/// Attention with its gradients, dk and dv in the type of the sums.
struct AttentionRun {
  AttentionRun(Stream& stream, const AttentionShape& shape, const ConstTensorView& q,
               const ConstTensorView& k, const ConstTensorView& v, const ConstTensorView& dout)
      : o(stream.device(), q.dtype, {q.rows(), q.columns()}),
        dq(stream.device(), q.dtype, {q.rows(), q.columns()}),
        stats(stream.device(), accumulation_type(q.dtype),
              {shape.batch * shape.heads, shape.query_length}),
        dk(stream.device(), stats.dtype(), {k.rows(), k.columns()}),
        dv(stream.device(), stats.dtype(), {k.rows(), k.columns()}) {
    attention_forward(stream, o, stats, q, k, v, shape);
    attention_backward(stream, dq, dk, dv, dout, q, k, v, o, stats, shape);
  }
  Tensor o, dq, stats, dk, dv;
};

class AttentionCutTest : public testing::TestWithParam<DType> {
 protected:
  Tensor random(Index rows, Index columns, std::uint64_t seed) {
    return random_tensor(device_, dtype_, {rows, columns}, seed, 2.0);
  }

  /// Ranks that share the query heads of one key head end its sums pairwise.
  void expect_tree_over(Index heads) {
    const Index size = 20, length = 70;
    const Tensor q = random(length, heads * size, 1), dout = random(length, heads * size, 2);
    const Tensor k = random(length, size, 3), v = random(length, size, 4);
    const AttentionShape shape{1, heads, 1, size, length, length, length, 0, 0.3};
    const AttentionRun whole(stream_, shape, q, k, v, dout);
    for (Index ranks : {2, 4, 8}) {
      if (heads % ranks != 0) continue;
      std::vector<AttentionRun> runs;
      for (Index rank = 0; rank < ranks; ++rank) {
        AttentionShape part = shape;
        part.heads = heads / ranks;
        const auto held = [&](const Tensor& t) {
          return part_of(t, {0, length}, rank * part.heads * size, part.heads * size);
        };
        runs.emplace_back(stream_, part, held(q), k, v, held(dout));
      }
      for (std::size_t distance = 1; distance < runs.size(); distance *= 2) {
        for (std::size_t r = 0; r < runs.size(); r += 2 * distance) {
          add(stream_, runs[r].dk, runs[r].dk, runs[r + distance].dk);
          add(stream_, runs[r].dv, runs[r].dv, runs[r + distance].dv);
        }
      }
      SCOPED_TRACE(testing::Message() << heads << " heads on " << ranks << " ranks");
      expect_equal(runs[0].dk, whole.dk);
      expect_equal(runs[0].dv, whole.dv);
    }
  }

  TestDevice test_;
  Device& device_ = *test_.device;
  Stream& stream_ = *test_.stream;
  DType dtype_ = GetParam();
};

TEST_P(AttentionCutTest, SequencesAndHeadsOfAttention) {
  const Index batch = 3, heads = 8, kv_heads = 4, size = 20, length = 70;
  const Tensor q = random(batch * length, heads * size, 1),
               dout = random(batch * length, heads * size, 2);
  const Tensor k = random(batch * length, kv_heads * size, 3);
  const Tensor v = random(batch * length, kv_heads * size, 4);
  const AttentionShape shape{batch, heads, kv_heads, size, length, length, length, 0, 0.3};
  const AttentionRun whole(stream_, shape, q, k, v, dout);
  for (Index b = 0; b < batch; ++b) {
    for (Index g = 0; g < kv_heads; ++g) {
      const ThreadCount threads(1 + static_cast<int>(g % 3));
      AttentionShape part = shape;
      part.batch = part.kv_heads = 1;
      part.heads = heads / kv_heads;
      const Rows r{b * length, (b + 1) * length};
      const auto queries = [&](const Tensor& t) { return part_of(t, r, g * 2 * size, 2 * size); };
      const auto keys = [&](const Tensor& t) { return part_of(t, r, g * size, size); };
      const AttentionRun cut(stream_, part, queries(q), keys(k), keys(v), queries(dout));
      expect_equal(cut.o, queries(whole.o));
      expect_equal(cut.dq, queries(whole.dq));
      expect_equal(cut.dk, keys(whole.dk));
      expect_equal(cut.dv, keys(whole.dv));
    }
  }
}

TEST_P(AttentionCutTest, QueryHeadsThatShareAKeyHeadAreSummedByATree) {
  for (const Index heads : {2, 6, 8, 12, 24, 48}) expect_tree_over(heads);
}

TEST_P(AttentionCutTest, QueriesOfASequenceByTheirPosition) {
  const Index size = 20, length = 200;
  const Tensor q = random(length, size, 1), k = random(length, size, 2);
  const Tensor v = random(length, size, 3), dout = random(length, size, 4);
  const AttentionShape shape{1, 1, 1, size, length, length, length, 0, 0.3};
  const AttentionRun whole(stream_, shape, q, k, v, dout);
  for (const Rows r : {Rows{0, 50}, Rows{50, 100}, Rows{100, 101}, Rows{70, 200}}) {
    AttentionShape part = shape;
    part.query_length = r.count();
    part.query_offset = r.first;
    const AttentionRun cut(stream_, part, q.view().slice_rows(r), k, v, dout.view().slice_rows(r));
    expect_equal(cut.o, whole.o.view().slice_rows(r));
    expect_equal(cut.dq, whole.dq.view().slice_rows(r));
  }
}

INSTANTIATE_TEST_SUITE_P(Types, AttentionCutTest, floating_types, dtype_name);

}  // namespace
}  // namespace tokenwerk
