#pragma once
/// What the steps of a run send, for its log.

#include <string>

#include "parallel/comm/environment.h"

namespace tokenwerk {

/// Counts what this rank sends from `begin` to `end` of each step: what lies between steps
/// (validation, checkpoints, figures for the log) is left out.
class TrafficReport {
 public:
  explicit TrafficReport(const MpiEnvironment& environment) : environment_(&environment) {}

  void begin() { before_ = environment_->sent(); }
  /// Returns what this step has sent.
  Traffic end();

  /// "bytes sent a step, most of any rank: data all_reduce 498 in 2 messages, world ..."
  /// All ranks of `world` call together. Empty where nothing was sent.
  [[nodiscard]] std::string text(Communicator& world) const;

 private:
  const MpiEnvironment* environment_;
  Traffic before_, sent_;
  Index steps_ = 0;
};

}  // namespace tokenwerk
