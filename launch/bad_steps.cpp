#include "launch/bad_steps.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

namespace tokenwerk {
namespace {

using Json = nlohmann::ordered_json;

constexpr BadStepAction actions[] = {BadStepAction::stop, BadStepAction::skip,
                                     BadStepAction::rewind};

BadStepAction action_of(const std::string& name) {
  for (const BadStepAction action : actions)
    if (name_of(action) == name) return action;
  return BadStepAction::stop;
}

struct Statistics {
  double mean = 0.0, deviation = 0.0;
};

Statistics statistics(const std::vector<double>& values) {
  const auto count = static_cast<double>(values.size());
  Statistics out;
  for (const double value : values) out.mean += value;
  out.mean /= count;
  for (const double value : values) out.deviation += (value - out.mean) * (value - out.mean);
  out.deviation = std::sqrt(out.deviation / count);
  return out;
}

/// The largest value whose z-score is not above `most`.
double bound(const std::vector<double>& values, double most) {
  const auto [mean, deviation] = statistics(values);
  return deviation > 0.0 ? mean + most * deviation : std::numeric_limits<double>::infinity();
}

void slide(std::vector<double>& window, double value, Index length) {
  window.push_back(value);
  const auto excess = std::ssize(window) - length;
  if (excess > 0) window.erase(window.begin(), window.begin() + excess);
}

/// A value that is not finite is null in JSON.
double real_of(const Json& value) {
  return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
}

Json json_of(const BadStep& bad) {
  Json json{{"step", bad.step},
            {"samples", {bad.samples.first, bad.samples.last}},
            {"loss", bad.loss},
            {"grad_norm", bad.gradient_norm}};
  if (bad.z_score) json["z_score"] = *bad.z_score;
  json["what"] = bad.what;
  json["action"] = name_of(bad.action);
  return json;
}

BadStep bad_step_of(const Json& json) {
  BadStep bad{.step = json.at("step"),
              .samples = {json.at("samples").at(0), json.at("samples").at(1)},
              .loss = real_of(json.at("loss")),
              .gradient_norm = real_of(json.at("grad_norm")),
              .what = json.at("what"),
              .action = action_of(json.at("action"))};
  if (json.contains("z_score")) bad.z_score = json.at("z_score");
  return bad;
}

/// The sign of what is no number says nothing.
double unsigned_nan(double value) { return std::isnan(value) ? std::abs(value) : value; }

}  // namespace

std::string_view name_of(BadStepAction action) {
  switch (action) {
    case BadStepAction::stop: return "stop";
    case BadStepAction::skip: return "skip";
    case BadStepAction::rewind: return "rewind";
  }
  return {};
}

std::string to_json(const StepHistory& history) {
  Json json = Json::object();
  for (const BadStep& bad : history.bad_steps) json["bad_steps"].push_back(json_of(bad));
  if (history.bad_in_a_row > 0) json["bad_steps_in_a_row"] = history.bad_in_a_row;
  if (!history.losses.empty())
    json["good_steps"] = {{"losses", history.losses}, {"grad_norms", history.gradient_norms}};
  return json.dump();
}

StepHistory step_history(const std::string& state_json) {
  const Json json = Json::parse(state_json);
  StepHistory history;
  if (json.contains("bad_steps"))
    for (const Json& bad : json.at("bad_steps")) history.bad_steps.push_back(bad_step_of(bad));
  history.bad_in_a_row = json.value("bad_steps_in_a_row", Index{0});
  if (json.contains("good_steps")) {
    json.at("good_steps").at("losses").get_to(history.losses);
    json.at("good_steps").at("grad_norms").get_to(history.gradient_norms);
  }
  return history;
}

double z_score(double x, const std::vector<double>& values) {
  const auto [mean, deviation] = statistics(values);
  return deviation > 0.0 ? (x - mean) / deviation : 0.0;
}

bool BadStepPolicy::window_full(const StepHistory& history) const {
  return training_.spike_z_score > 0.0 && std::ssize(history.losses) >= training_.spike_window;
}

void BadStepPolicy::limit(const StepHistory& history, StepSettings& settings) const {
  if (!window_full(history)) return;
  settings.most_loss = bound(history.losses, training_.spike_z_score);
  settings.most_norm = bound(history.gradient_norms, training_.spike_z_score);
}

void BadStepPolicy::good(StepHistory& history, Index step, const StepResult& result) const {
  const auto& bad = history.bad_steps;
  const bool passed = std::all_of(bad.end() - std::min(history.bad_in_a_row, std::ssize(bad)),
                                  bad.end(), [step](const BadStep& b) { return b.step <= step; });
  if (passed) history.bad_in_a_row = 0;
  if (training_.spike_z_score <= 0.0) return;
  slide(history.losses, result.loss, training_.spike_window);
  slide(history.gradient_norms, result.gradient_norm, training_.spike_window);
}

BadStep BadStepPolicy::bad(StepHistory& history, Index step, SampleRange samples,
                           const StepResult& result) const {
  BadStep bad{.step = step,
              .samples = samples,
              .loss = unsigned_nan(result.loss),
              .gradient_norm = unsigned_nan(result.gradient_norm),
              .what = fmt::format("loss {:.6g}, gradient norm {:.6g}", unsigned_nan(result.loss),
                                  unsigned_nan(result.gradient_norm)),
              .action = action_of(training_.on_bad_step)};
  if (std::isfinite(result.loss) && std::isfinite(result.gradient_norm) && window_full(history)) {
    const double of_loss = z_score(result.loss, history.losses);
    const double of_norm = z_score(result.gradient_norm, history.gradient_norms);
    bad.z_score = std::max(of_loss, of_norm);
    bad.what += fmt::format(": the {} is a spike, z-score {:.1f} over {} steps",
                            of_loss > of_norm ? "loss" : "gradient norm", *bad.z_score,
                            history.losses.size());
  }
  if (history.bad_in_a_row >= training_.most_bad_steps && bad.action != BadStepAction::stop) {
    bad.what += fmt::format(", after {} bad steps in a row (training.most_bad_steps)",
                            history.bad_in_a_row);
    bad.action = BadStepAction::stop;
  }
  // Whoever resumes a stopped run has changed something.
  history.bad_in_a_row = bad.action == BadStepAction::stop ? 0 : history.bad_in_a_row + 1;
  history.bad_steps.push_back(bad);
  return bad;
}

LeftOut BadStepPolicy::left_out(const StepHistory& history) const {
  LeftOut out;
  if (training_.skip_batches) {
    const auto places = places_of_batches(*training_.skip_batches, training_.global_batch);
    for (const SampleRange& range : places.value()) out.add(range);
  }
  for (const BadStep& bad : history.bad_steps)
    if (bad.action == BadStepAction::rewind) out.add(bad.samples);
  return out;
}

}  // namespace tokenwerk
