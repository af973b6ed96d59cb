#pragma once
/// Layouts run through the real command line, and one rank to compare them with.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/parallel/layouts/compare.h"
#include "tests/parallel/layouts/layout.h"
#include "tests/support/training.h"

namespace tokenwerk::test {

[[nodiscard]] Record record_of(const TrainingFolder& folder, const std::string& run);

/// Arrays of a checkpoint below a prefix, by the rest of their name.
[[nodiscard]] Arrays arrays_below(const std::string& prefix, const std::filesystem::path& folder);

/// The runs of one tiny model. Those of one rank are done once a process.
class Runs {
 public:
  /// The runs of the layout's model; made at their first use.
  [[nodiscard]] static Runs& of(const Layout& layout);

  explicit Runs(const Layout& layout);

  [[nodiscard]] const TrainingFolder& folder() const { return folder_; }
  /// Flags that make `tokenwerk train recipe.toml` this layout's run.
  [[nodiscard]] std::vector<std::string> flags(const Layout& layout) const;
  /// Trains 20 steps.
  [[nodiscard]] Record train(const Layout& layout) const;
  /// The gradient of the first step, in f32 whatever the layout's precision.
  [[nodiscard]] Arrays first_gradient(Layout layout) const;

  [[nodiscard]] const Record& one_rank(Precision precision);
  [[nodiscard]] const Arrays& one_rank_gradient();
  /// In bf16: a small multiple of the largest differences that other micro-batches of one rank
  /// make.
  [[nodiscard]] Tolerance tolerance(Precision precision);

 private:
  Layout plain_;  ///< one rank, f32
  TrainingFolder folder_;
  std::map<Precision, Record> one_rank_;
  std::unique_ptr<Arrays> gradient_;
  std::unique_ptr<Tolerance> bf16_tolerance_;
};

}  // namespace tokenwerk::test
