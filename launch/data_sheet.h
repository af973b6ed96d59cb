#pragma once
/// What makers say of their GPUs.

#include <optional>
#include <string_view>

#include "core/dtype.h"

namespace tokenwerk {

/// FLOP/s of dense matrix products: of the tensor cores for bf16, and for f32 of the others, since
/// products of f32 stay f32 (no TF32). `gpu` is the name that the driver tells. Empty where the
/// GPU is not known here.
[[nodiscard]] std::optional<double> data_sheet_peak(std::string_view gpu, DType dtype);

}  // namespace tokenwerk
