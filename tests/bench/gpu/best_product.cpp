#include "tests/bench/gpu/best_product.h"

#include <algorithm>
#include <array>

namespace tokenwerk::bench {
namespace {

constexpr std::size_t workspace_bytes = std::size_t{64} << 20;
constexpr int most_algorithms = 32;

cublasLtHandle_t library() {
  static cuda::UniqueCublas handle;
  if (!handle) TW_CUBLAS(cublasLtCreate(handle.receive()));
  return handle.get();
}

/// One product, described for cuBLASLt.
class Problem {
 public:
  Problem(TensorView d, const cuda::Operand& a, const cuda::Operand& b, Write write)
      : d_(d),
        a_(a),
        b_(b),
        beta_(write == Write::accumulate ? 1.0f : 0.0f),
        layout_a_(cuda::layout_of(a.view)),
        layout_b_(cuda::layout_of(b.view)),
        layout_d_(cuda::layout_of(d)),
        workspace_(*d.device, DType::i32, Shape{static_cast<Index>(workspace_bytes / 4)}) {
    TW_CUBLAS(cublasLtMatmulDescCreate(description_.receive(), CUBLAS_COMPUTE_32F, CUDA_R_32F));
    set(description_, CUBLASLT_MATMUL_DESC_TRANSA, operation_of(a.side));
    set(description_, CUBLASLT_MATMUL_DESC_TRANSB, operation_of(b.side));
  }

  [[nodiscard]] std::vector<cublasLtMatmulAlgo_t> algorithms() const {
    cuda::UniquePreference preference;
    TW_CUBLAS(cublasLtMatmulPreferenceCreate(preference.receive()));
    set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, workspace_bytes);
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
  TensorView d_;
  cuda::Operand a_, b_;
  float beta_;
  cuda::UniqueLayout layout_a_, layout_b_, layout_d_;
  cuda::UniqueDescription description_;
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
