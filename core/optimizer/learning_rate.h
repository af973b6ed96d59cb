#pragma once
/// Learning-rate schedules: pure functions of the step, so that a resumed run needs no state.

#include "core/dtype.h"

namespace tokenwerk {

/// What follows the warm-up. `cosine`: Loshchilov, Hutter 2017, SGDR (arXiv:1608.03983), eq. 5,
/// without restarts. `wsd`, warm-up, stable, decay: Hu et al. 2024, MiniCPM (arXiv:2404.06395),
/// section 4, with the linear decay of Haegele et al. 2024 (arXiv:2405.18392).
enum class DecaySchedule { constant, linear, cosine, wsd };

struct LearningRate {
  double peak = 0.0;
  double minimum = 0.0;
  Index warmup_steps = 0;
  /// linear, cosine: the step at which the minimum is reached, 0 for total_steps.
  /// wsd: how many steps before total_steps the decay begins. constant: not used.
  Index decay_steps = 0;
  Index total_steps = 0;
  DecaySchedule schedule = DecaySchedule::constant;
};

/// The learning rate of a step, counted from 0.
///
/// Warm-up: peak * (step + 1) / warmup_steps for step < warmup_steps (Goyal et al. 2017,
/// arXiv:1706.02677, section 2.2). Then `constant` stays at the peak; `linear` and `cosine` fall
/// from the peak at step warmup_steps to the minimum at step decay_steps and stay there; `wsd`
/// stays at the peak and falls in a line over the last decay_steps steps, to the minimum at
/// total_steps.
[[nodiscard]] double learning_rate_at(const LearningRate& rate, Index step);

}  // namespace tokenwerk
