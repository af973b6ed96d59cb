#include "core/cuda/products.h"

#include <algorithm>

#include "core/log.h"

namespace tokenwerk::cuda {
namespace {

/// What NVIDIA recommends for Hopper and later; less would exclude algorithms.
constexpr std::size_t most_workspace = std::size_t{32} << 20;
constexpr std::uint32_t most_alignment = 256;

/// f32 stays f32: TF32 would keep ten bits of each operand.
UniqueDescription describe(const ProductKey& key, const Epilogue& epilogue) {
  const bool f64 = key.input == DType::f64;
  UniqueDescription description;
  TW_CUBLAS(cublasLtMatmulDescCreate(description.receive(),
                                     f64 ? CUBLAS_COMPUTE_64F : CUBLAS_COMPUTE_32F,
                                     f64 ? CUDA_R_64F : CUDA_R_32F));
  set(description, CUBLASLT_MATMUL_DESC_TRANSA, operation_of(key.a));
  set(description, CUBLASLT_MATMUL_DESC_TRANSB, operation_of(key.b));
  set(description, CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue.kind);
  if (epilogue.bias) {
    set(description, CUBLASLT_MATMUL_DESC_BIAS_POINTER, epilogue.bias.data);
    set(description, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, cublas_type_of(key.output));
  }
  if (const ConstTensorView& argument = epilogue.gelu_argument) {
    set(description, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, argument.data);
    set(description, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, std::int64_t{argument.row_stride});
  }
  return description;
}

struct Layouts {
  UniqueLayout a, b, d;
};

/// The largest power of two that divides the address, as far as it matters.
std::uint32_t alignment_of(const void* data) {
  const auto address = reinterpret_cast<std::uintptr_t>(data) | most_alignment;
  return static_cast<std::uint32_t>(address & -address);
}

std::string_view name_of(cublasLtEpilogue_t epilogue) {
  switch (epilogue) {
    case CUBLASLT_EPILOGUE_DEFAULT: return "no epilogue";
    case CUBLASLT_EPILOGUE_BIAS: return "a bias";
    case CUBLASLT_EPILOGUE_GELU_AUX: return "a GELU";
    case CUBLASLT_EPILOGUE_GELU_AUX_BIAS: return "a bias and a GELU";
    case CUBLASLT_EPILOGUE_DGELU: return "the gradient of a GELU";
    default: return "an epilogue";
  }
}

std::string text_of(const ProductKey& key) {
  return fmt::format("product {} x {} over {}, {} to {}, leading dims {} {} {}, with {}", key.m,
                     key.n, key.k, tokenwerk::name_of(key.input), tokenwerk::name_of(key.output),
                     key.lda, key.ldb, key.ldd, name_of(key.epilogue));
}

UniquePreference preference_for(const ProductKey& key) {
  UniquePreference preference;
  TW_CUBLAS(cublasLtMatmulPreferenceCreate(preference.receive()));
  set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, most_workspace);
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, key.alignment_a);
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, key.alignment_b);
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, key.alignment_d);
  // There is no preference for a bias: whoever writes d reads it along.
  set(preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES,
      std::min(key.alignment_d, key.alignment_bias));
  // Parts of a split sum never meet in the result's type: bf16 is not added up.
  set(preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
      std::uint32_t{CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE});
  return preference;
}

ProductKey key_of(const TensorView& d, const Operand& a, const Operand& b, const Epilogue& epilogue,
                  Write write) {
  return {.m = d.columns(),
          .n = d.rows(),
          .k = a.inner(),
          .lda = a.view.row_stride,
          .ldb = b.view.row_stride,
          .ldd = d.row_stride,
          .ld_argument = epilogue.gelu_argument.row_stride,
          .input = a.view.dtype,
          .output = d.dtype,
          .a = a.side,
          .b = b.side,
          .epilogue = epilogue.kind,
          .accumulate = write == Write::accumulate,
          .alignment_a = alignment_of(a.view.data),
          .alignment_b = alignment_of(b.view.data),
          .alignment_d = alignment_of(d.data),
          .alignment_bias = alignment_of(epilogue.bias.data),
          .alignment_argument = alignment_of(epilogue.gelu_argument.data)};
}

/// What the heuristics name first; none: cuBLASLt has nothing for this key.
std::optional<Algorithm> choose(cublasLtHandle_t handle, const ProductKey& key,
                                const UniqueDescription& description, const Layouts& layouts) {
  const UniquePreference preference = preference_for(key);
  cublasLtMatmulHeuristicResult_t result{};
  int count = 0;
  const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(
      handle, description.get(), layouts.a.get(), layouts.b.get(), layouts.d.get(), layouts.d.get(),
      preference.get(), 1, &result, &count);
  if (status != CUBLAS_STATUS_NOT_SUPPORTED) TW_CUBLAS(status, ", ", text_of(key));
  if (status == CUBLAS_STATUS_SUCCESS && count > 0 && result.state == CUBLAS_STATUS_SUCCESS)
    return Algorithm{result.algo, result.workspaceSize};
  if (key.epilogue != CUBLASLT_EPILOGUE_DEFAULT)
    log_info("cuBLASLt has no algorithm for the {}, which runs apart", text_of(key));
  return std::nullopt;
}

}  // namespace

bool Epilogue::takes(const ConstTensorView& gelu_argument) {
  return gelu_argument.row_stride % 8 == 0 && alignment_of(gelu_argument.data) >= 16;
}

Products::Products() { TW_CUBLAS(cublasLtCreate(handle_.receive())); }

void Products::multiply(Stream& stream, TensorView d, const Operand& a, const Operand& b,
                        Write write) {
  TW_CHECK_AS(DeviceError, try_multiply(stream, d, a, b, {}, write),
              "cuBLASLt has no algorithm for the ", text_of(key_of(d, a, b, {}, write)));
}

bool Products::try_multiply(Stream& stream, TensorView d, const Operand& a, const Operand& b,
                            const Epilogue& epilogue, Write write) {
  const ProductKey key = key_of(d, a, b, epilogue, write);
  const UniqueDescription description = describe(key, epilogue);
  const Layouts layouts{layout_of(a.view), layout_of(b.view), layout_of(d)};
  auto found = algorithms_.find(key);
  if (found == algorithms_.end())
    found = algorithms_.emplace(key, choose(handle_.get(), key, description, layouts)).first;
  if (!found->second) return false;
  const Algorithm& chosen = *found->second;
  Tensor workspace;
  if (chosen.workspace_bytes > 0)
    workspace = Tensor(stream.device(), DType::i32,
                       Shape{static_cast<Index>((chosen.workspace_bytes + 3) / 4)});
  const float one = 1.0f, beta = key.accumulate ? 1.0f : 0.0f;
  const double wide_one = 1.0, wide_beta = key.accumulate ? 1.0 : 0.0;
  const bool f64 = key.input == DType::f64;
  TW_CUBLAS(cublasLtMatmul(
                handle_.get(), description.get(), f64 ? static_cast<const void*>(&wide_one) : &one,
                a.view.data, layouts.a.get(), b.view.data, layouts.b.get(),
                f64 ? static_cast<const void*>(&wide_beta) : &beta, d.data, layouts.d.get(), d.data,
                layouts.d.get(), &chosen.algorithm, workspace ? workspace.view().data : nullptr,
                chosen.workspace_bytes, handle_of(stream)),
            ", ", text_of(key));
  return true;
}

}  // namespace tokenwerk::cuda
