/// Which calls of attention cuDNN is asked about, and as what.

#include <gtest/gtest.h>

#include "core/cuda/cudnn_attention.h"

namespace tokenwerk {
namespace {

constexpr Index heads = 4, kv_heads = 2, head_size = 64, rows = 6;

/// q, k and v side by side; the addresses are only looked at.
struct Call {
  explicit Call(DType dtype) {
    const auto view = [dtype](Index first, Index columns, Index stride) {
      return ConstTensorView{
          reinterpret_cast<const void*>(4096 + static_cast<std::size_t>(first) * size_of(dtype)),
          Shape{rows, columns}, stride, dtype, nullptr};
    };
    views.q = view(0, 256, 512);
    views.k = view(256, 128, 512);
    views.v = view(384, 128, 512);
    views.o = view(0, 256, 256);
  }

  AttentionShape shape{.batch = 2,
                       .heads = heads,
                       .kv_heads = kv_heads,
                       .head_size = head_size,
                       .query_length = 3,
                       .key_length = 3,
                       .key_rows = 3,
                       .query_offset = 0,
                       .scale = 0.125};
  cuda::AttentionViews views;
  [[nodiscard]] std::string why_not() const { return cuda::never_fast(cuda::fused(views, shape)); }
};

TEST(FusedAttention, TakesTheStridesOfTheViews) {
  Call call(DType::bf16);
  const cuda::FusedAttention forward = cuda::fused(call.views, call.shape);
  EXPECT_EQ(forward.pass, cuda::Pass::forward);
  EXPECT_EQ(forward.batch, 2);
  EXPECT_EQ(forward.length, 3);
  EXPECT_EQ(forward.k_stride, 512);
  EXPECT_EQ(forward.o_stride, 256);
  EXPECT_EQ(cuda::never_fast(forward), "");
  call.views.dout = call.views.dq = call.views.dk = call.views.dv = call.views.o;
  const cuda::FusedAttention backward = cuda::fused(call.views, call.shape);
  EXPECT_EQ(backward.pass, cuda::Pass::backward);
  EXPECT_EQ(backward.dk_stride, 256);
  EXPECT_NE(forward, backward);
}

TEST(FusedAttention, IsForBf16) {
  EXPECT_EQ(Call(DType::f32).why_not(), "cuDNN's engines take bf16, not f32");
  EXPECT_EQ(Call(DType::f64).why_not(), "cuDNN's engines take bf16, not f64");
}

TEST(FusedAttention, IsForWholeSequences) {
  Call cached(DType::bf16);
  cached.shape.key_rows = 8;
  EXPECT_NE(cached.why_not(), "");
  Call later(DType::bf16);
  later.shape.query_offset = 1, later.shape.key_length = 4, later.shape.key_rows = 4;
  EXPECT_NE(later.why_not(), "");
  Call more_keys(DType::bf16);
  more_keys.shape.key_length = 4, more_keys.shape.key_rows = 4;
  EXPECT_NE(more_keys.why_not(), "");
}

TEST(FusedAttention, IsForRowsOf16Bytes) {
  Call moved(DType::bf16);
  moved.views.k.data = moved.views.k.as<std::byte>() + 2;
  EXPECT_NE(moved.why_not(), "");
  Call moved_stats(DType::bf16);
  moved_stats.views.stats.data = moved_stats.views.q.as<std::byte>() + 4;
  EXPECT_NE(moved_stats.why_not(), "");
  Call odd(DType::bf16);
  odd.views.v.row_stride = 513;
  EXPECT_NE(odd.why_not(), "");
}

TEST(FusedAttention, IsForSomething) {
  Call empty(DType::bf16);
  empty.shape.batch = 0;
  EXPECT_NE(empty.why_not(), "");
}

/// A stream that is never reached.
class NoStream final : public Stream {
 public:
  explicit NoStream(Device& device) : Stream(device) {}
  [[nodiscard]] Event record() override { return {}; }
  void wait_for(const Event&) override {}
  void synchronize() override {}
  void synchronize_until(std::uint64_t) override {}
};

TEST(FusedAttention, NeedsACudnnThatWorks) {
  cuda::UniqueCudnn handle;
  if (cudnnCreate(handle.receive()) == CUDNN_STATUS_SUCCESS)
    GTEST_SKIP() << "cuDNN works on the GPU of this machine";
  const std::unique_ptr<Device> cpu = make_device(DeviceKind::cpu);
  NoStream stream(*cpu);
  const Call call(DType::bf16);
  cuda::CudnnAttention attention;
  EXPECT_THROW(static_cast<void>(attention.run(stream, call.views, call.shape)), DeviceError);
  const Call f32(DType::f32);
  EXPECT_FALSE(attention.run(stream, f32.views, f32.shape).fast);
}

}  // namespace
}  // namespace tokenwerk
