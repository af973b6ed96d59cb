#include "core/cuda/cudnn_choice.h"

#include <algorithm>

#include "core/cuda/cudnn_reasons.h"
#include "core/log.h"

namespace tokenwerk::cuda {
namespace {

Descriptor engine_of(const Descriptor& configuration) {
  std::vector<Descriptor> engines =
      configuration.descriptors(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  TW_CHECK_AS(DeviceError, engines.size() == 1, "cuDNN: a configuration of ", engines.size(),
              " engines");
  return std::move(engines.front());
}

bool deterministic(const Descriptor& engine) {
  const auto notes = engine.values<cudnnBackendNumericalNote_t>(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE,
                                                                CUDNN_NUMERICAL_NOTE_TYPE_COUNT);
  return std::find(notes.begin(), notes.end(), CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC) ==
         notes.end();
}

Choice refused(std::string why_not) {
  Choice choice;
  choice.why_not = std::move(why_not);
  return choice;
}

}  // namespace

void CudnnTraits::release(cudnnHandle_t handle) noexcept {
  if (const cudnnStatus_t status = cudnnDestroy(handle); status != CUDNN_STATUS_SUCCESS)
    log_error("cudnnDestroy: {}", cudnnGetErrorString(status));
}

CudnnTarget::CudnnTarget(cudnnHandle_t handle) {
  properties_.set(CUDNN_ATTR_DEVICEPROP_HANDLE, handle).finalize();
}

CudnnTarget::CudnnTarget(const std::string& json) {
  properties_.set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, json).finalize();
}

Choice choose(const CudnnTarget& target, const Graph& graph) {
  const CudnnReasons reasons;
  Descriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph.descriptor())
      .set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_HEUR_MODE_A)
      .set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, target.properties());
  if (std::string words = heuristics.try_finalize(); !words.empty()) return refused(words);
  std::vector<Descriptor> offered =
      heuristics.descriptors(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
  for (Descriptor& configuration : offered) {
    const Descriptor engine = engine_of(configuration);
    if (!deterministic(engine)) continue;
    const auto workspace = configuration.value<std::int64_t>(CUDNN_ATTR_ENGINECFG_WORKSPACE_SIZE);
    const auto index = engine.value<std::int64_t>(CUDNN_ATTR_ENGINE_GLOBAL_INDEX);
    return {std::move(configuration), {}, index, workspace, offered.size()};
  }
  if (!offered.empty()) return refused("cuDNN has engines whose sums have no fixed order only");
  return refused(reasons.text());
}

Choice choose_named(const CudnnTarget& target, const Graph& graph, std::int64_t engine_index,
                    const std::vector<Knob>& knobs) {
  const CudnnReasons reasons;
  Descriptor engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  engine.set(CUDNN_ATTR_ENGINE_OPERATION_GRAPH, graph.descriptor())
      .set(CUDNN_ATTR_ENGINE_GLOBAL_INDEX, engine_index)
      .set(CUDNN_ATTR_ENGINE_DEVICEPROP, target.properties());
  if (!engine.try_finalize().empty()) return refused(reasons.text());
  std::vector<Descriptor> choices;
  for (const Knob& knob : knobs) {
    choices.emplace_back(CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR)
        .set(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, knob.type)
        .set(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, knob.value)
        .finalize();
  }
  Descriptor configuration(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
  configuration.set(CUDNN_ATTR_ENGINECFG_ENGINE, engine)
      .set(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, choices);
  if (!configuration.try_finalize().empty()) return refused(reasons.text());
  const auto workspace = configuration.value<std::int64_t>(CUDNN_ATTR_ENGINECFG_WORKSPACE_SIZE);
  return {std::move(configuration), {}, engine_index, workspace, 1};
}

}  // namespace tokenwerk::cuda
