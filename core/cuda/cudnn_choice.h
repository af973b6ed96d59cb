#pragma once
/// What cuDNN chooses for a graph on a GPU, which need not be there.

#include <memory>

#include "core/cuda/cudnn_graph.h"

namespace tokenwerk::cuda {

struct CudnnTraits {
  using Handle = cudnnHandle_t;
  static Handle none() { return nullptr; }
  static void release(Handle handle) noexcept;
};
using UniqueCudnn = UniqueHandle<CudnnTraits>;

/// The GPU that questions are about.
class CudnnTarget {
 public:
  /// The GPU of a handle.
  explicit CudnnTarget(cudnnHandle_t handle);
  /// A GPU described by cuDNN's JSON of device properties; none needs to be there.
  explicit CudnnTarget(const std::string& json);

  [[nodiscard]] const Descriptor& properties() const { return properties_; }

 private:
  Descriptor properties_{CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR};
};

/// An engine with its settings for one graph, or why there is none.
struct Choice {
  Descriptor configuration;
  std::string why_not;  ///< cuDNN's words; empty where there is a configuration
  std::int64_t engine = -1, workspace_bytes = 0;
  std::size_t accepted = 0;  ///< configurations that cuDNN offered

  [[nodiscard]] bool found() const { return why_not.empty(); }
};

/// The first configuration that cuDNN's heuristics offer and that does not call itself
/// nondeterministic.
[[nodiscard]] Choice choose(const CudnnTarget& target, const Graph& graph);

struct Knob {
  cudnnBackendKnobType_t type;
  std::int64_t value;
};
/// A configuration named by engine and knobs, whatever the heuristics say.
[[nodiscard]] Choice choose_named(const CudnnTarget& target, const Graph& graph,
                                  std::int64_t engine, const std::vector<Knob>& knobs);

}  // namespace tokenwerk::cuda
