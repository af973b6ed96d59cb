#include "core/optimizer/learning_rate.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace tokenwerk {
namespace {

/// How far a step is from `first` (0) to `last` (1); where the range is empty, past it.
double progress(Index step, Index first, Index last) {
  if (step >= last) return 1.0;
  if (step <= first) return 0.0;
  return static_cast<double>(step - first) / static_cast<double>(last - first);
}

/// From the peak (way = 0) to the minimum (way = 1), both exactly.
double between(const LearningRate& rate, double way) {
  return (1.0 - way) * rate.peak + way * rate.minimum;
}

}  // namespace

double learning_rate_at(const LearningRate& rate, Index step) {
  if (step < rate.warmup_steps) {
    return rate.peak * static_cast<double>(step + 1) / static_cast<double>(rate.warmup_steps);
  }
  const Index end = rate.decay_steps > 0 ? rate.decay_steps : rate.total_steps;
  switch (rate.schedule) {
    case DecaySchedule::constant: return rate.peak;
    case DecaySchedule::linear: return between(rate, progress(step, rate.warmup_steps, end));
    case DecaySchedule::cosine: {
      const double way = progress(step, rate.warmup_steps, end);
      return between(rate, 0.5 - 0.5 * std::cos(std::numbers::pi * way));
    }
    case DecaySchedule::wsd: {
      const Index first = std::max(rate.warmup_steps, rate.total_steps - rate.decay_steps);
      return between(rate, progress(step, first, rate.total_steps));
    }
  }
  return rate.peak;
}

}  // namespace tokenwerk
