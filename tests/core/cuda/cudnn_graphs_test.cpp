/// What the graphs of core/cuda/cudnn_attention_graph.h compute, on the emulated device, whose
/// stand-in for cuDNN executes them, against the cpu device.

#include <gtest/gtest.h>

#include "core/ops/attention.h"
#include "tests/emulator/cudnn/executions.h"
#include "tests/support/reference.h"

namespace tokenwerk {
namespace {

/// One attention with q, k and v side by side, as a layer stores them, on a device of its own.
struct Attention {
  Attention(Device& device, DType dtype, const AttentionShape& s)
      : shape(s),
        columns((s.heads + 2 * s.kv_heads) * s.head_size),
        stream(device.make_stream()),
        qkv(device, dtype, Shape{s.batch * s.query_length, columns}),
        dqkv(device, dtype, qkv.shape()),
        out(device, dtype, Shape{s.batch * s.query_length, s.heads * s.head_size}),
        dout(device, dtype, out.shape()),
        stats(device, accumulation_type(dtype), {s.batch, s.heads, s.query_length}) {}

  [[nodiscard]] TensorView part(const Tensor& of, int which) const {
    const Index q = shape.heads * shape.head_size, kv = shape.kv_heads * shape.head_size;
    return of.view().slice_columns(which == 0 ? 0 : q + (which - 1) * kv, which == 0 ? q : kv);
  }
  void run() {
    attention_forward(*stream, out, stats, part(qkv, 0), part(qkv, 1), part(qkv, 2), shape);
    attention_backward(*stream, part(dqkv, 0), part(dqkv, 1), part(dqkv, 2), dout, part(qkv, 0),
                       part(qkv, 1), part(qkv, 2), out, stats, shape);
    stream->synchronize();
  }

  AttentionShape shape;
  Index columns;
  std::unique_ptr<Stream> stream;
  Tensor qkv, dqkv, out, dout, stats;
};

AttentionShape whole(Index batch, Index heads, Index kv_heads, Index size, Index length) {
  return {batch, heads, kv_heads, size, length, length, length, 0, 0.3};
}

/// TOKENWERK_TEST_DEVICE names the emulated device, TOKENWERK_EMULATED_CUDNN makes its cuDNN
/// accept.
class CudnnGraphs : public testing::Test {
 protected:
  /// Runs both devices from the same bf16 values and compares all results. The fast one rounds the
  /// probabilities to bf16.
  void expect_equal_to_cpu(const AttentionShape& shape, int executions) {
    ASSERT_EQ(cuda_.device->kind(), DeviceKind::cuda);
    Attention fast(*cuda_.device, DType::bf16, shape), slow(*cpu_, DType::f32, shape);
    fill_random(fast.qkv, 1, 2.0);
    fill_random(fast.dout, 2);
    set_values(slow.qkv, values_of(fast.qkv));
    set_values(slow.dout, values_of(fast.dout));
    const int before = emulator::cudnn_executions();
    fast.run();
    slow.run();
    EXPECT_EQ(emulator::cudnn_executions() - before, executions);
    expect_close(fast.stats, values_of(slow.stats), 16);
    expect_close(fast.out, values_of(slow.out), 4);
    expect_close(fast.dqkv, values_of(slow.dqkv), 4);
  }

  TestDevice cuda_;
  std::unique_ptr<Device> cpu_ = make_device(DeviceKind::cpu);
};

TEST_F(CudnnGraphs, ComputeAttentionAndItsDerivative) {
  expect_equal_to_cpu(whole(1, 3, 3, 16, 21), 2);
}

TEST_F(CudnnGraphs, SumOverTheHeadsThatShareAKey) { expect_equal_to_cpu(whole(1, 3, 1, 8, 33), 2); }

/// The stand-in claims 200 MiB of workspace a query head (TOKENWERK_EMULATED_CUDNN).
TEST_F(CudnnGraphs, SlicesOfSequencesMeet) { expect_equal_to_cpu(whole(3, 2, 1, 8, 20), 1 + 3); }

TEST_F(CudnnGraphs, SlicesOfHeadsMeet) { expect_equal_to_cpu(whole(2, 6, 3, 8, 20), 1 + 2 * 3); }

/// Statistics of its slices would not begin at multiples of 16 bytes.
TEST_F(CudnnGraphs, AnOddLengthStaysWhole) { expect_equal_to_cpu(whole(2, 2, 1, 8, 17), 2); }

TEST_F(CudnnGraphs, ScratchIsCountedAndReturned) {
  Attention attention(*cuda_.device, DType::bf16, whole(1, 2, 2, 8, 16));
  fill_random(attention.qkv, 1);
  fill_random(attention.dout, 2);
  const MemoryStatistics before = cuda_.device->memory();
  cuda_.device->reset_peak();
  attention.run();
  EXPECT_GT(cuda_.device->memory().peak, before.current + (std::size_t{400} << 20));
  EXPECT_EQ(cuda_.device->memory().current, before.current);
}

/// Without TOKENWERK_EMULATED_CUDNN the stand-in refuses every graph.
using CudnnRefusals = CudnnGraphs;

TEST_F(CudnnRefusals, LeaveAttentionToOurOwnKernels) {
  expect_equal_to_cpu(whole(1, 4, 2, 16, 21), 0);
}

}  // namespace
}  // namespace tokenwerk
