#include "tests/bench/gpu/best_product.h"

#include <algorithm>
#include <array>

namespace tokenwerk::bench {
namespace {

constexpr std::size_t workspace_bytes = std::size_t{64} << 20;
constexpr int most_algorithms = 32;

struct HandleTraits {
  using Handle = cublasLtHandle_t;
  static Handle none() { return nullptr; }
  static void release(Handle handle) noexcept { cublasLtDestroy(handle); }
};
struct DescriptionTraits {
  using Handle = cublasLtMatmulDesc_t;
  static Handle none() { return nullptr; }
  static void release(Handle handle) noexcept { cublasLtMatmulDescDestroy(handle); }
};
struct LayoutTraits {
  using Handle = cublasLtMatrixLayout_t;
  static Handle none() { return nullptr; }
  static void release(Handle handle) noexcept { cublasLtMatrixLayoutDestroy(handle); }
};
struct PreferenceTraits {
  using Handle = cublasLtMatmulPreference_t;
  static Handle none() { return nullptr; }
  static void release(Handle handle) noexcept { cublasLtMatmulPreferenceDestroy(handle); }
};

cublasLtHandle_t library() {
  static UniqueHandle<HandleTraits> handle;
  if (!handle) TW_CUBLAS(cublasLtCreate(handle.receive()));
  return handle.get();
}

using UniqueLayout = UniqueHandle<LayoutTraits>;

UniqueLayout layout_of(const ConstTensorView& view) {
  UniqueLayout layout;
  TW_CUBLAS(cublasLtMatrixLayoutCreate(layout.receive(),
                                       view.dtype == DType::bf16 ? CUDA_R_16BF : CUDA_R_32F,
                                       static_cast<std::uint64_t>(view.columns()),
                                       static_cast<std::uint64_t>(view.rows()), view.row_stride));
  return layout;
}

/// One product, described for cuBLASLt.
class Problem {
 public:
  Problem(TensorView d, const cuda::Operand& a, const cuda::Operand& b, Write write)
      : d_(d),
        a_(a),
        b_(b),
        beta_(write == Write::accumulate ? 1.0f : 0.0f),
        layout_a_(layout_of(a.view)),
        layout_b_(layout_of(b.view)),
        layout_d_(layout_of(d)),
        workspace_(*d.device, DType::i32, Shape{static_cast<Index>(workspace_bytes / 4)}) {
    TW_CUBLAS(cublasLtMatmulDescCreate(description_.receive(), CUBLAS_COMPUTE_32F, CUDA_R_32F));
    set_side(CUBLASLT_MATMUL_DESC_TRANSA, a.side);
    set_side(CUBLASLT_MATMUL_DESC_TRANSB, b.side);
  }

  [[nodiscard]] std::vector<cublasLtMatmulAlgo_t> algorithms() const {
    UniqueHandle<PreferenceTraits> preference;
    TW_CUBLAS(cublasLtMatmulPreferenceCreate(preference.receive()));
    TW_CUBLAS(cublasLtMatmulPreferenceSetAttribute(preference.get(),
                                                   CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                                   &workspace_bytes, sizeof workspace_bytes));
    std::array<cublasLtMatmulHeuristicResult_t, most_algorithms> results{};
    int count = 0;
    TW_CUBLAS(cublasLtMatmulAlgoGetHeuristic(
        library(), description_.get(), layout_a_.get(), layout_b_.get(), layout_d_.get(),
        layout_d_.get(), preference.get(), most_algorithms, results.data(), &count));
    std::vector<cublasLtMatmulAlgo_t> out;
    for (int i = 0; i < count; ++i) out.push_back(results[static_cast<std::size_t>(i)].algo);
    return out;
  }

  void run(Stream& stream, const cublasLtMatmulAlgo_t& algorithm) const {
    const float one = 1.0f;
    TW_CUBLAS(cublasLtMatmul(library(), description_.get(), &one, a_.view.data, layout_a_.get(),
                             b_.view.data, layout_b_.get(), &beta_, d_.data, layout_d_.get(),
                             d_.data, layout_d_.get(), &algorithm, workspace_.view().data,
                             workspace_bytes, cuda::handle_of(stream)));
  }

 private:
  void set_side(cublasLtMatmulDescAttributes_t attribute, cuda::Side side) {
    const cublasOperation_t operation = side == cuda::Side::transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
    TW_CUBLAS(cublasLtMatmulDescSetAttribute(description_.get(), attribute, &operation,
                                             sizeof operation));
  }

  TensorView d_;
  cuda::Operand a_, b_;
  float beta_;
  UniqueLayout layout_a_, layout_b_, layout_d_;
  UniqueHandle<DescriptionTraits> description_;
  Tensor workspace_;
};

}  // namespace

BestProduct best_product(Bench& bench, TensorView d, const cuda::Operand& a, const cuda::Operand& b,
                         Write write) {
  const Problem problem(d, a, b, write);
  BestProduct best;
  for (const cublasLtMatmulAlgo_t& algorithm : problem.algorithms()) {
    const double seconds = bench.seconds([&] { problem.run(bench.stream, algorithm); });
    best.seconds = best.algorithms == 0 ? seconds : std::min(best.seconds, seconds);
    ++best.algorithms;
  }
  return best;
}

}  // namespace tokenwerk::bench
