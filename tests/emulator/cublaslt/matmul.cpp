/// The entry points that run products or choose how. Everything else of cublasLt comes from the
/// real library, which needs no GPU for descriptors.

#include <cublasLt.h>
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

#include "tests/emulator/cublaslt/algorithm.h"
#include "tests/emulator/cublaslt/elements.h"
#include "tests/emulator/cublaslt/problem.h"
#include "tests/emulator/cublaslt/product.h"
#include "tests/emulator/runtime/device_memory.h"
#include "tests/emulator/runtime/faults.h"
#include "tests/emulator/runtime/queue.h"
#include "tests/emulator/runtime/settings.h"

namespace tokenwerk::emulator {
namespace {

/// The handles that live; cublasLt's own type is opaque.
struct Handles {
  std::mutex mutex;
  std::set<cublasLtHandle_t> living;
};

Handles& handles() {
  static Handles& handles = *std::make_unique<Handles>().release();
  return handles;
}

bool is_handle(cublasLtHandle_t handle) {
  const std::scoped_lock lock(handles().mutex);
  return handles().living.contains(handle);
}

/// A product on its way to the stream: what it reads and writes, and which memory must live.
struct Call {
  Problem problem;
  const void* a = nullptr;
  const void* b = nullptr;
  const void* c = nullptr;
  void* d = nullptr;
  const void* alpha = nullptr;  ///< on the device, if the problem says so
  const void* beta = nullptr;
  Scales scales;
  std::vector<DeviceRange> ranges;
};

void require(bool condition, const std::string& reason) {
  if (!condition) throw Refusal(CUBLAS_STATUS_INVALID_VALUE, reason);
}

void add_range(Call& call, const char* what, const void* address, std::size_t bytes) {
  require(address != nullptr, fmt::format("{} is null", what));
  const auto range = device_range(address, bytes, fmt::format("cublasLtMatmul: {}", what));
  require(range.has_value(), fmt::format("{} is not usable", what));
  call.ranges.push_back(*range);
}

/// Whether the output lies on an operand. Matrices with gaps may lie inside one another's gaps, as
/// the heads of attention do; of those only equal addresses are a fault for sure.
bool overlap(const void* output, const Matrix& written, const void* operand, const Matrix& read) {
  if (output == operand) return true;
  if (!written.is_dense() || !read.is_dense()) return false;
  const auto* const first = static_cast<const std::byte*>(output);
  const auto* const second = static_cast<const std::byte*>(operand);
  return first < second + read.extent() && second < first + written.extent();
}

double read_scale(const void* address, bool is_double) {
  if (is_double) {
    double value = 0;
    std::memcpy(&value, address, sizeof value);
    return value;
  }
  float value = 0;
  std::memcpy(&value, address, sizeof value);
  return value;
}

void take_scales(Call& call) {
  const auto& problem = call.problem;
  require(call.alpha != nullptr && call.beta != nullptr, "alpha or beta is null");
  if (problem.scales_on_device) {
    add_range(call, "alpha", call.alpha, problem.is_double() ? 8 : 4);
    add_range(call, "beta", call.beta, problem.is_double() ? 8 : 4);
    return;
  }
  require(!is_device_address(call.alpha) && !is_device_address(call.beta),
          "alpha or beta is on the device where the pointer mode says host");
  call.scales = {read_scale(call.alpha, problem.is_double()),
                 read_scale(call.beta, problem.is_double())};
}

void take_operands(Call& call) {
  const auto& problem = call.problem;
  add_range(call, "a", call.a, problem.a.extent());
  add_range(call, "b", call.b, problem.b.extent());
  add_range(call, "d", call.d, problem.d.extent());
  if (problem.scales_on_device || call.scales.beta != 0) {
    add_range(call, "c", call.c, problem.c.extent());
    require(call.c != call.d || problem.c == problem.d, "c and d are one matrix in two layouts");
  }
  require(!overlap(call.d, problem.d, call.a, problem.a) &&
              !overlap(call.d, problem.d, call.b, problem.b),
          "d overlaps a or b");
  const auto& epilogue = problem.epilogue;
  if (epilogue.uses_bias()) add_range(call, "the bias", epilogue.bias, problem.bias_extent());
  if (epilogue.writes_aux() || epilogue.reads_aux()) {
    add_range(call, "the auxiliary matrix", epilogue.aux, problem.aux_extent());
  }
}

void check_alignment(const char* what, const void* address, std::size_t alignment) {
  if (reinterpret_cast<std::uintptr_t>(address) % alignment == 0) return;
  throw Refusal(CUBLAS_STATUS_NOT_SUPPORTED,
                fmt::format("{} at {} is not aligned to {} bytes, which the algorithm was told",
                            what, address, alignment));
}

void check_algorithm(Call& call, const cublasLtMatmulAlgo_t* encoded, void* workspace,
                     std::size_t workspace_bytes) {
  auto algorithm = Algorithm{};
  if (encoded != nullptr) {
    const auto decoded = decode(*encoded);
    require(decoded.has_value(), "the algorithm is none that the heuristic gave");
    algorithm = *decoded;
  }
  const std::array names = {"a", "b", "c", "d"};
  const std::array<const void*, 4> places = {call.a, call.b, call.c, call.d};
  const std::array types = {call.problem.a.type, call.problem.b.type, call.problem.c.type,
                            call.problem.d.type};
  for (std::size_t i = 0; i < places.size(); ++i) {
    check_alignment(names[i], places[i],
                    std::max<std::size_t>(algorithm.alignment[i], bytes_of(types[i])));
  }
  require(algorithm.workspace <= workspace_bytes,
          fmt::format("a workspace of {} bytes where the algorithm needs {}", workspace_bytes,
                      algorithm.workspace));
  if (algorithm.workspace == 0) return;
  check_alignment("the workspace", workspace, 16);
  add_range(call, "the workspace", workspace, workspace_bytes);
}

void run(const Call& call) {
  for (const auto& range : call.ranges) {
    if (!check_live(range, "cublasLtMatmul")) return;
  }
  auto scales = call.scales;
  const bool is_double = call.problem.is_double();
  if (call.problem.scales_on_device) {
    scales = {read_scale(bytes_at(call.alpha), is_double),
              read_scale(bytes_at(call.beta), is_double)};
  }
  const auto& epilogue = call.problem.epilogue;
  compute_product(call.problem,
                  {bytes_at(call.a), bytes_at(call.b), bytes_at(call.c), bytes_at(call.d),
                   bytes_at(epilogue.bias), bytes_at(epilogue.aux)},
                  scales);
}

/// Runs a body and turns what it refuses into the status, with the reason in words.
template <typename Body>
cublasStatus_t checked(const char* function, cublasLtHandle_t handle, const Body& body) {
  if (!is_handle(handle)) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (standing_fault() != cudaSuccess) return CUBLAS_STATUS_EXECUTION_FAILED;
  try {
    body();
    return CUBLAS_STATUS_SUCCESS;
  } catch (const Refusal& refusal) {
    complain(
        fmt::format("{}: {}: {}", function, cublasLtGetStatusName(refusal.status), refusal.what()));
    return refusal.status;
  }
}

}  // namespace
}  // namespace tokenwerk::emulator

using namespace tokenwerk::emulator;

cublasStatus_t CUBLASWINAPI cublasLtCreate(cublasLtHandle_t* handle) {
  if (handle == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  if (reason_to_refuse() != cudaSuccess) return CUBLAS_STATUS_NOT_INITIALIZED;
  *handle = reinterpret_cast<cublasLtHandle_t>(std::make_unique<char>().release());
  const std::scoped_lock lock(handles().mutex);
  handles().living.insert(*handle);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t CUBLASWINAPI cublasLtDestroy(cublasLtHandle_t handle) {
  const std::scoped_lock lock(handles().mutex);
  if (handles().living.erase(handle) == 0) return CUBLAS_STATUS_NOT_INITIALIZED;
  const std::unique_ptr<char> ended(reinterpret_cast<char*>(handle));
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t CUBLASWINAPI cublasLtMatmulAlgoGetHeuristic(
    cublasLtHandle_t handle, cublasLtMatmulDesc_t description, cublasLtMatrixLayout_t a,
    cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
    cublasLtMatmulPreference_t preference, int requested, cublasLtMatmulHeuristicResult_t results[],
    int* returned) {
  return checked("cublasLtMatmulAlgoGetHeuristic", handle, [&] {
    require(results != nullptr && returned != nullptr && preference != nullptr && requested > 0,
            "no preference, no place for results, or none requested");
    *returned = 0;
    const auto problem = read_problem(description, a, b, c, d);
    if (!offers_epilogues() && problem.epilogue.kind != CUBLASLT_EPILOGUE_DEFAULT)
      throw Refusal(CUBLAS_STATUS_NOT_SUPPORTED, "no epilogues, says TOKENWERK_EMULATED_EPILOGUES");
    const auto algorithm = choose_algorithm(problem, preference);
    results[0] = {};
    results[0].algo = encode(algorithm);
    results[0].workspaceSize = algorithm.workspace;
    results[0].state = CUBLAS_STATUS_SUCCESS;
    results[0].wavesCount = 1;
    *returned = 1;
  });
}

cublasStatus_t CUBLASWINAPI cublasLtMatmulAlgoCheck(
    cublasLtHandle_t handle, cublasLtMatmulDesc_t description, cublasLtMatrixLayout_t a,
    cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
    const cublasLtMatmulAlgo_t* algorithm, cublasLtMatmulHeuristicResult_t* result) {
  return checked("cublasLtMatmulAlgoCheck", handle, [&] {
    require(algorithm != nullptr && result != nullptr, "no algorithm, or no place for the result");
    static_cast<void>(read_problem(description, a, b, c, d));
    const auto decoded = decode(*algorithm);
    require(decoded.has_value(), "the algorithm is none that the heuristic gave");
    const auto kept = *algorithm;  // may lie inside the result
    *result = {};
    result->algo = kept;
    result->workspaceSize = decoded->workspace;
    result->state = CUBLAS_STATUS_SUCCESS;
    result->wavesCount = 1;
  });
}

cublasStatus_t CUBLASWINAPI cublasLtMatmul(
    cublasLtHandle_t handle, cublasLtMatmulDesc_t description, const void* alpha, const void* a,
    cublasLtMatrixLayout_t a_layout, const void* b, cublasLtMatrixLayout_t b_layout,
    const void* beta, const void* c, cublasLtMatrixLayout_t c_layout, void* d,
    cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t* algorithm, void* workspace,
    std::size_t workspace_bytes, cudaStream_t stream) {
  return checked("cublasLtMatmul", handle, [&] {
    require(is_stream(stream), "the stream does not exist");
    Call call{read_problem(description, a_layout, b_layout, c_layout, d_layout),
              a,
              b,
              c,
              d,
              alpha,
              beta,
              {},
              {}};
    take_scales(call);
    take_operands(call);
    check_algorithm(call, algorithm, workspace, workspace_bytes);
    enqueue(stream, [call = std::move(call)] {
      run(call);
      return true;
    });
  });
}
