#pragma once
/// Faults that a test asks for: a rank that dies, stops or slows down at a step, or
/// computes wrong numbers.

#include <string>
#include <vector>

#include "core/dtype.h"
#include "parallel/mesh.h"

namespace tokenwerk {

/// The variable that must be 1 for --inject to be obeyed: nobody breaks a run by a flag alone.
inline constexpr const char* injection_variable = "TOKENWERK_ALLOW_INJECT";

/// One fault: "kill:rank=3,step=17" and, unless it is of the first attempt, ",attempt=2".
struct Injection {
  enum class Kind {
    kill,     ///< SIGKILL before the step
    stop,     ///< SIGSTOP before the step
    exit,     ///< leaves without a word, code 1
    slow,     ///< sleeps `seconds` before this step and each one after it
    flip,     ///< one bit of one weight changes before the step
    corrupt,  ///< from this step on the gradients that the rank computes for a replay are wrong
    nan,      ///< the gradient of the samples that this rank shares is NaN
    spike,    ///< that gradient is `factor` times what it should be
  };
  Kind kind = Kind::kill;
  Index rank = 0;
  Index step = 1;
  Index attempt = 1;
  double seconds = 0;
  Index bit = 0;  ///< of the f32 that the update starts from; 0 is worth least
  double factor = 1e6;
};

/// Throws one ConfigError that lists what is wrong with any of the texts, or that injections are
/// not allowed here.
[[nodiscard]] std::vector<Injection> read_injections(const std::vector<std::string>& texts);

/// Throw a ConfigError that lists those which no rank of so many would do, or none in so many
/// steps.
void check_injected_ranks(const std::vector<Injection>& injections, Index ranks);
void check_injected_steps(const std::vector<Injection>& injections, Index steps);

/// Does to this rank what is due before this step: kill, stop, exit, slow.
void inject(const std::vector<Injection>& injections, Index rank, Index step);

/// Those of one kind that are due to this rank before this step, for who can do them.
[[nodiscard]] std::vector<Injection> due(const std::vector<Injection>& injections,
                                         Injection::Kind kind, Index rank, Index step);

/// What the gradient of this rank is to be multiplied with; 1 unless `nan` or `spike` is due.
/// `batch`: number from 1 of the step's batch, which is what these faults stick to: where nothing
/// was left out, that of the step. They concern all ranks that share the samples of the one named.
[[nodiscard]] double injected_factor(const std::vector<Injection>& injections, Index batch,
                                     const Mesh& mesh, Index rank);

}  // namespace tokenwerk
