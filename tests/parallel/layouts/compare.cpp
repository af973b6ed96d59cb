#include "tests/parallel/layouts/compare.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace tokenwerk::test {
namespace {

double largest_difference(const std::vector<double>& ours, const std::vector<double>& theirs) {
  EXPECT_EQ(ours.size(), theirs.size());
  EXPECT_FALSE(theirs.empty());
  double largest = 0.0;
  for (std::size_t i = 0; i < std::min(ours.size(), theirs.size()); ++i) {
    EXPECT_TRUE(std::isfinite(ours[i]) && std::isfinite(theirs[i])) << "step " << i + 1;
    largest = std::max(largest, std::abs(ours[i] - theirs[i]) / std::abs(theirs[i]));
  }
  return largest;
}

double norm_of(const std::vector<double>& values) {
  double sum = 0.0;
  for (const double v : values) sum += v * v;
  return std::sqrt(sum);
}

double distance_of(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(sum);
}

std::string measure_of(const std::string& name) {
  const bool key_bias = name.ends_with(".attention.k.bias");
  return key_bias ? name.substr(0, name.size() - 4) + "weight" : name;
}

}  // namespace

Tolerance largest_differences(const Record& ours, const Record& theirs) {
  return {largest_difference(ours.losses, theirs.losses),
          largest_difference(ours.norms, theirs.norms),
          largest_difference(ours.validations, theirs.validations)};
}

void expect_same_record(const Record& ours, const Record& theirs, const Tolerance& tolerance) {
  const Tolerance found = largest_differences(ours, theirs);
  EXPECT_LE(found.losses, tolerance.losses);
  EXPECT_LE(found.norms, tolerance.norms);
  EXPECT_LE(found.validations, tolerance.validations);
}

void expect_close_arrays(const Arrays& ours, const Arrays& theirs, double tolerance) {
  ASSERT_EQ(ours.size(), theirs.size());
  for (const auto& [name, values] : theirs) {
    ASSERT_TRUE(ours.contains(name)) << name;
    ASSERT_EQ(ours.at(name).size(), values.size()) << name;
    const double norm = norm_of(theirs.at(measure_of(name)));
    EXPECT_GT(norm, 0.0) << name;
    EXPECT_LE(distance_of(ours.at(name), values), tolerance * norm) << name;
  }
}

}  // namespace tokenwerk::test
