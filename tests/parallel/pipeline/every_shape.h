#pragma once
/// All shapes that the tests of generated schedules go through.

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "parallel/pipeline/generators.h"

namespace tokenwerk::test {

/// 1 to 16 ranks with 1 to 64 micro-batches, for each number of virtual stages.
template <typename Visit>
void for_each_shape(std::initializer_list<int> virtual_stages, Visit&& visit) {
  for (const int stages : virtual_stages)
    for (int ranks = 1; ranks <= 16; ++ranks)
      for (int microbatches = 1; microbatches <= 64; ++microbatches) {
        SCOPED_TRACE(fmt::format("{} ranks, {} micro-batches, {} virtual stages", ranks,
                                 microbatches, stages));
        visit(ScheduleShape{ranks, microbatches, stages});
        if (testing::Test::HasFailure()) return;  // one shape tells; a thousand hide it
      }
}

/// The same for every schedule, interleaved with 2, 3 and 4 stages.
template <typename Visit>
void for_each_schedule(Visit&& visit) {
  for (const std::string_view name : schedule_names()) {
    SCOPED_TRACE(name);
    const auto visit_shape = [&](const ScheduleShape& shape) { visit(name, shape); };
    for_each_shape({0}, visit_shape);
    if (name == "interleaved") for_each_shape({3, 4}, visit_shape);
  }
}

}  // namespace tokenwerk::test
