#pragma once
/// The outermost part of a program of many ranks, which its `main` returns.

#include <exception>
#include <functional>
#include <string>

#include "parallel/comm/environment.h"

namespace tokenwerk {

/// Joins the ranks, does the work and returns its exit code. Where the work throws, prints
/// "rank 3 host n17: what" and ends every rank, with the exit code of the error: `code_of`, or 1.
[[nodiscard]] int run_program(const std::function<int(MpiEnvironment&)>& work,
                              int (*code_of)(const std::exception&) = nullptr);

/// "rank 3 host n17: message"; the message alone where there is one rank.
[[nodiscard]] std::string error_text(const MpiEnvironment& environment, const std::string& message);

}  // namespace tokenwerk
