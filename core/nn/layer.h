#pragma once
/// The differentiable pieces that models are made of.

#include <functional>

#include "core/nn/gradient_sink.h"
#include "core/nn/saved.h"
#include "core/ops/matmul.h"

namespace tokenwerk {

class KvCache;

enum class Mode { train, evaluate };

/// Where a call runs and which part of the global batch it sees: its rows are whole sequences of
/// rows_per_sequence tokens each (or a stretch of each one from token_offset on). Under sequence
/// parallelism x and y of a layer are this rank's slice of them.
struct Run {
  Stream& stream;
  Mode mode = Mode::train;
  Index rows = 0;  ///< of the micro-batch, on all tensor ranks together
  Index rows_per_sequence = 0;
  Index first_sequence = 0;         ///< index of the first one in the global batch
  Index token_offset = 0;           ///< position of a sequence's first row
  KvCache* cache = nullptr;         ///< keys and values of earlier tokens, when generating
  SumOrder order = SumOrder::fast;  ///< of every sum that a layout can cut
  Index unit = 0;                   ///< of the model that is at work (core/nn/weight_observer.h)
};

/// A differentiable y = f(x; w) with hand-written derivatives. Holds no activations: one layer may
/// serve many micro-batches in flight, each with a Saved of its own.
///
/// The caller keeps x alive until backward_input, and x and dy until backward_weight: Saved may
/// hold windows on them. After backward_input, Saved keeps only what backward_weight reads.
class Layer {
 public:
  virtual ~Layer() = default;
  /// y = f(x; w). In Mode::evaluate nothing is kept.
  virtual void forward(Run& run, TensorView y, ConstTensorView x, Saved& saved) = 0;
  /// dx = dy * df/dx, overwriting dx. With a sink, also what backward_weight does, each weight
  /// gradient as soon as its operands are there: saved is empty afterwards.
  virtual void backward_input(Run& run, TensorView dx, ConstTensorView dy, ConstTensorView x,
                              Saved& saved, GradientSink* sink) = 0;
  /// Gives the sink dy * df/dw: apart from backward_input, so that a schedule may delay it. Once
  /// for each backward_input without a sink.
  virtual void backward_weight(Run& run, Saved& saved, GradientSink& sink) = 0;
  /// Calls visit on each group of parameters, in the canonical order of the model.
  virtual void for_each_group(const std::function<void(ParameterGroup&)>& visit) = 0;
  void for_each_parameter(const std::function<void(Parameter&)>& visit) {
    for_each_group([&](ParameterGroup& group) {
      for (Parameter& part : group.parts) visit(part);
    });
  }
  /// All groups in that order: what a ParameterStore is made of.
  [[nodiscard]] std::vector<ParameterGroup*> groups() {
    std::vector<ParameterGroup*> all;
    for_each_group([&](ParameterGroup& group) { all.push_back(&group); });
    return all;
  }
};

}  // namespace tokenwerk
