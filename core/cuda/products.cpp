#include "core/cuda/products.h"

#include <algorithm>

#include "core/log.h"

namespace tokenwerk::cuda {
namespace {

/// What NVIDIA recommends for Hopper and later; less would exclude algorithms.
constexpr std::size_t most_workspace = std::size_t{32} << 20;
constexpr std::uint32_t most_alignment = 256;

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
using UniqueDescription = UniqueHandle<DescriptionTraits>;
using UniqueLayout = UniqueHandle<LayoutTraits>;
using UniquePreference = UniqueHandle<PreferenceTraits>;

cudaDataType type_of(DType dtype) {
  if (dtype == DType::f64) return CUDA_R_64F;
  return dtype == DType::bf16 ? CUDA_R_16BF : CUDA_R_32F;
}

template <typename T>
void set(const UniqueDescription& description, cublasLtMatmulDescAttributes_t attribute,
         const T& value) {
  TW_CUBLAS(cublasLtMatmulDescSetAttribute(description.get(), attribute, &value, sizeof value));
}
template <typename T>
void set(const UniquePreference& preference, cublasLtMatmulPreferenceAttributes_t attribute,
         const T& value) {
  TW_CUBLAS(
      cublasLtMatmulPreferenceSetAttribute(preference.get(), attribute, &value, sizeof value));
}

/// f32 stays f32: TF32 would keep ten bits of each operand.
UniqueDescription describe(const ProductKey& key, const void* bias) {
  const bool f64 = key.input == DType::f64;
  UniqueDescription description;
  TW_CUBLAS(cublasLtMatmulDescCreate(description.receive(),
                                     f64 ? CUBLAS_COMPUTE_64F : CUBLAS_COMPUTE_32F,
                                     f64 ? CUDA_R_64F : CUDA_R_32F));
  const auto operation = [](Side side) {
    return side == Side::transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
  };
  set(description, CUBLASLT_MATMUL_DESC_TRANSA, operation(key.a));
  set(description, CUBLASLT_MATMUL_DESC_TRANSB, operation(key.b));
  if (!key.bias) return description;
  set(description, CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
  set(description, CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
  set(description, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, type_of(key.output));
  return description;
}

/// Of a row-major array, which column by column is its transpose.
UniqueLayout layout_of(const ConstTensorView& view) {
  UniqueLayout layout;
  TW_CUBLAS(cublasLtMatrixLayoutCreate(layout.receive(), type_of(view.dtype),
                                       static_cast<std::uint64_t>(view.columns()),
                                       static_cast<std::uint64_t>(view.rows()), view.row_stride));
  return layout;
}

/// The largest power of two that divides the address, as far as it matters.
std::uint32_t alignment_of(const void* data) {
  const auto address = reinterpret_cast<std::uintptr_t>(data) | most_alignment;
  return static_cast<std::uint32_t>(address & -address);
}

std::string text_of(const ProductKey& key) {
  return fmt::format("product {} x {} over {}, {} to {}, leading dims {} {} {}", key.m, key.n,
                     key.k, name_of(key.input), name_of(key.output), key.lda, key.ldb, key.ldd);
}

UniquePreference preference_for(const ProductKey& key) {
  UniquePreference preference;
  TW_CUBLAS(cublasLtMatmulPreferenceCreate(preference.receive()));
  set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, most_workspace);
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, key.alignment_a);
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, key.alignment_b);
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, key.alignment_d);
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, key.alignment_d);
  return preference;
}

}  // namespace

void CublasTraits::release(cublasLtHandle_t handle) noexcept {
  if (const cublasStatus_t status = cublasLtDestroy(handle); status != CUBLAS_STATUS_SUCCESS)
    log_error("cublasLtDestroy: {}", cublasLtGetStatusName(status));
}

Products::Products() { TW_CUBLAS(cublasLtCreate(handle_.receive())); }

void Products::multiply(Stream& stream, TensorView d, const Operand& a, const Operand& b,
                        ConstTensorView bias, Write write) {
  const bool accumulate = write == Write::accumulate;
  const ProductKey key{d.columns(),
                       d.rows(),
                       a.inner(),
                       a.view.row_stride,
                       b.view.row_stride,
                       d.row_stride,
                       a.view.dtype,
                       d.dtype,
                       a.side,
                       b.side,
                       static_cast<bool>(bias),
                       accumulate,
                       alignment_of(a.view.data),
                       alignment_of(b.view.data),
                       alignment_of(d.data)};
  const UniqueDescription description = describe(key, bias.data);
  const UniqueLayout layout_a = layout_of(a.view), layout_b = layout_of(b.view),
                     layout_d = layout_of(d);
  auto found = algorithms_.find(key);
  if (found == algorithms_.end()) {
    const UniquePreference preference = preference_for(key);
    cublasLtMatmulHeuristicResult_t result{};
    int count = 0;
    TW_CUBLAS(cublasLtMatmulAlgoGetHeuristic(handle_.get(), description.get(), layout_a.get(),
                                             layout_b.get(), layout_d.get(), layout_d.get(),
                                             preference.get(), 1, &result, &count),
              ", ", text_of(key));
    TW_CHECK_AS(DeviceError, count > 0, "cuBLASLt has no algorithm for the ", text_of(key));
    found = algorithms_.emplace(key, Algorithm{result.algo, result.workspaceSize}).first;
  }
  const Algorithm& chosen = found->second;
  Tensor workspace;
  if (chosen.workspace_bytes > 0)
    workspace = Tensor(stream.device(), DType::i32,
                       Shape{static_cast<Index>((chosen.workspace_bytes + 3) / 4)});
  const float one = 1.0f, beta = accumulate ? 1.0f : 0.0f;
  const double wide_one = 1.0, wide_beta = accumulate ? 1.0 : 0.0;
  const bool f64 = key.input == DType::f64;
  TW_CUBLAS(cublasLtMatmul(
                handle_.get(), description.get(), f64 ? static_cast<const void*>(&wide_one) : &one,
                a.view.data, layout_a.get(), b.view.data, layout_b.get(),
                f64 ? static_cast<const void*>(&wide_beta) : &beta, d.data, layout_d.get(), d.data,
                layout_d.get(), &chosen.algorithm, workspace ? workspace.view().data : nullptr,
                chosen.workspace_bytes, handle_of(stream)),
            ", ", text_of(key));
}

}  // namespace tokenwerk::cuda
