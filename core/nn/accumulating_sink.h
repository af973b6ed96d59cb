#pragma once
/// The plain gradient sink: sums over the rows in the order in which they come.

#include <vector>

#include "core/nn/gradient_sink.h"
#include "core/nn/parameter_store.h"

namespace tokenwerk {

/// Adds all uses of a group, and all micro-batches since `begin`, into one flat array; the first
/// one overwrites, so that nothing needs to be cleared.
class AccumulatingSink final : public GradientSink {
 public:
  /// `gradients` is flat, laid out like the store, in accumulation_type.
  AccumulatingSink(const ParameterStore& store, TensorView gradients)
      : gradients_(gradients), written_(store.groups().size()) {}

  /// A new step: what the array holds is of no interest any more.
  void begin() { written_.assign(written_.size(), Write::overwrite); }

  void add(const Run&, const ParameterGroup& group, Index rows, const Product& product) override {
    Write& write = written_[at(group)];
    product(ParameterStore::window(gradients_, group), {0, rows}, write);
    write = Write::accumulate;
  }

 private:
  TensorView gradients_;
  std::vector<Write> written_;
};

}  // namespace tokenwerk
