#include "launch/traffic_report.h"

#include <fmt/core.h>

#include "core/error.h"

namespace tokenwerk {
namespace {

/// Of each figure, the largest of any rank. f64 holds them exactly.
Traffic most_of_any_rank(Communicator& world, Traffic traffic) {
  static_assert(sizeof(Traffic) == axis_count * collective_count * sizeof(MessageCount));
  const Tensor figures(world.device(), DType::f64, Shape{2 * axis_count * collective_count});
  const auto each = [&](const auto& visit) {
    auto* figure = figures.view().as<double>();
    for (std::size_t axis = 0; axis < axis_count; ++axis)
      for (std::size_t i = 0; i < collective_count; ++i, figure += 2)
        visit(figure, traffic.at(static_cast<Axis>(axis), static_cast<Collective>(i)));
  };
  each([](double* figure, const MessageCount& count) {
    figure[0] = static_cast<double>(count.bytes);
    figure[1] = static_cast<double>(count.messages);
  });
  const auto stream = world.device().make_stream();
  world.all_reduce(*stream, figures, Reduction::max);
  each([](const double* figure, MessageCount& count) {
    count = {static_cast<Index>(figure[0]), static_cast<Index>(figure[1])};
  });
  return traffic;
}

}  // namespace

Traffic TrafficReport::end() {
  Traffic step = environment_->sent();
  step -= before_;
  sent_ += step;
  ++steps_;
  return step;
}

std::string TrafficReport::text(Communicator& world) const {
  const Traffic most = most_of_any_rank(world, sent_);
  std::vector<std::string> parts;
  for (std::size_t axis = 0; axis < axis_count; ++axis) {
    for (std::size_t i = 0; i < collective_count; ++i) {
      const auto along = static_cast<Axis>(axis);
      const auto collective = static_cast<Collective>(i);
      const MessageCount& count = most.at(along, collective);
      if (count.messages == 0) continue;
      parts.push_back(fmt::format("{} {} {} in {} messages", name_of(along), name_of(collective),
                                  count.bytes / steps_, count.messages / steps_));
    }
  }
  return parts.empty() ? "" : "bytes sent a step, most of any rank: " + joined(parts, ", ");
}

}  // namespace tokenwerk
