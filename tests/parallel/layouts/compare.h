#pragma once
/// How near two runs are to each other.

#include <map>
#include <string>
#include <vector>

namespace tokenwerk::test {

/// What a run says of its steps and validations.
struct Record {
  std::vector<double> losses, norms, validations;
};

/// Relative differences that are allowed.
struct Tolerance {
  double losses = 1e-5;  // law 1
  double norms = 1e-4;
  double validations = 1e-5;
};

/// The largest relative differences of two records.
[[nodiscard]] Tolerance largest_differences(const Record& ours, const Record& theirs);
void expect_same_record(const Record& ours, const Record& theirs, const Tolerance& tolerance);

/// Whole arrays by name.
using Arrays = std::map<std::string, std::vector<double>>;

/// The same names and sizes, each array's difference within so much of its norm. The gradient of a
/// key bias has a true value of zero: what there is of it, and the bias, is measured against the
/// weight beside it.
void expect_close_arrays(const Arrays& ours, const Arrays& theirs, double tolerance);

}  // namespace tokenwerk::test
