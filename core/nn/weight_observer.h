#pragma once
/// Told of each use of weights, so that whoever spreads them over ranks can have them there in time
/// and take their gradients away.

#include "core/nn/parameter.h"

namespace tokenwerk {

enum class Direction { forward, backward };

/// Units are what of a model uses weights together: its layers and its head, counted from 0 on each
/// rank. Every rank of a data axis makes the same calls in the same order.
class WeightObserver {
 public:
  WeightObserver() = default;
  WeightObserver(const WeightObserver&) = delete;
  WeightObserver& operator=(const WeightObserver&) = delete;
  virtual ~WeightObserver() = default;

  /// A unit is about to read its weights; they are bound when this returns.
  virtual void before(Index /*unit*/, Direction /*direction*/) {}
  /// It has read them.
  virtual void after(Index /*unit*/, Direction /*direction*/) {}
  /// The sink has all weight gradients of a unit for one micro-batch.
  virtual void gradients_added(Index /*unit*/) {}
};

}  // namespace tokenwerk
