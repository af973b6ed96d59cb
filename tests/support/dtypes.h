#pragma once
/// Suites that run for every floating dtype: INSTANTIATE_TEST_SUITE_P(Types, MyTest,
/// floating_types, dtype_name) for a MyTest with a DType as its parameter.

#include <gtest/gtest.h>

#include <string>

#include "core/dtype.h"

namespace tokenwerk {

inline const auto floating_types = ::testing::Values(DType::f64, DType::f32, DType::bf16);

[[nodiscard]] inline std::string dtype_name(const ::testing::TestParamInfo<DType>& parameter) {
  return std::string(name_of(parameter.param));
}

}  // namespace tokenwerk
