#pragma once
/// Why cuDNN refuses a graph. Its status says only that; the reason goes to its log.

#include <cudnn.h>

#include <string>
#include <vector>

namespace tokenwerk::cuda {

/// Listens to cuDNN's warnings while it lives; one at a time. Whoever listened before listens again
/// afterwards.
class CudnnReasons {
 public:
  CudnnReasons();
  CudnnReasons(const CudnnReasons&) = delete;
  CudnnReasons& operator=(const CudnnReasons&) = delete;
  ~CudnnReasons();

  /// What was said about the graph itself, each reason once; else what was said at all.
  [[nodiscard]] std::string text() const;

 private:
  static void hear(cudnnSeverity_t, void* self, const cudnnDebug_t*, const char* message);

  unsigned mask_before_ = 0;
  void* data_before_ = nullptr;
  cudnnCallback_t callback_before_ = nullptr;
  std::vector<std::string> messages_;
};

}  // namespace tokenwerk::cuda
