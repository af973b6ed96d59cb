#include "tests/emulator/cublaslt/algorithm.h"

#include <algorithm>

#include "tests/emulator/cublaslt/elements.h"

namespace tokenwerk::emulator {
namespace {

constexpr std::uint64_t mark = 0x546f6b656e776572;
constexpr std::uint64_t wanted_workspace = 4096;  // a program that gives none shows

template <typename T>
T preferred(cublasLtMatmulPreference_t preference, cublasLtMatmulPreferenceAttributes_t which,
            T otherwise) {
  T value = otherwise;
  std::size_t written = 0;
  if (preference == nullptr) return otherwise;
  const auto status =
      cublasLtMatmulPreferenceGetAttribute(preference, which, &value, sizeof value, &written);
  return status == CUBLAS_STATUS_SUCCESS ? value : otherwise;
}

/// Fast kernels read 16 bytes at once, wherever every column and every matrix begins.
std::uint32_t alignment_for(const Matrix& matrix, std::uint32_t promised) {
  const auto bytes = static_cast<std::int64_t>(bytes_of(matrix.type));
  std::uint32_t alignment = std::min<std::uint32_t>(16, promised);
  while (alignment > 1 && (matrix.leading * bytes % alignment != 0 ||
                           matrix.batch_stride * bytes % alignment != 0)) {
    alignment /= 2;
  }
  return alignment;
}

}  // namespace

Algorithm choose_algorithm(const Problem& problem, cublasLtMatmulPreference_t preference) {
  const auto promised = [&](cublasLtMatmulPreferenceAttributes_t which) {
    return preferred<std::uint32_t>(preference, which, 256);
  };
  Algorithm algorithm;
  algorithm.alignment = {
      alignment_for(problem.a, promised(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES)),
      alignment_for(problem.b, promised(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES)),
      alignment_for(problem.c, promised(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES)),
      alignment_for(problem.d, promised(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES))};
  const auto allowed =
      preferred<std::uint64_t>(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, 0);
  algorithm.workspace = allowed >= wanted_workspace ? wanted_workspace : 0;
  return algorithm;
}

cublasLtMatmulAlgo_t encode(const Algorithm& algorithm) {
  cublasLtMatmulAlgo_t encoded{};
  encoded.data[0] = mark;
  encoded.data[1] = algorithm.workspace;
  for (std::size_t i = 0; i < algorithm.alignment.size(); ++i) {
    encoded.data[2 + i] = algorithm.alignment[i];
  }
  return encoded;
}

std::optional<Algorithm> decode(const cublasLtMatmulAlgo_t& encoded) {
  if (encoded.data[0] != mark) return std::nullopt;
  Algorithm algorithm;
  algorithm.workspace = encoded.data[1];
  for (std::size_t i = 0; i < algorithm.alignment.size(); ++i) {
    algorithm.alignment[i] = static_cast<std::uint32_t>(encoded.data[2 + i]);
  }
  return algorithm;
}

}  // namespace tokenwerk::emulator
