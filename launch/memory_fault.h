#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "launch/recipe.h"
#include "models/config.h"

namespace tokenwerk {

/// What is wrong when a rank's arrays alone are larger than the memory of `owner` ("this machine"),
/// a line; or nothing. A lower bound: what it passes may still run out of memory.
[[nodiscard]] std::string memory_fault(const Recipe& recipe, const ModelConfig& config,
                                       std::size_t memory_bytes, std::string_view owner);

}  // namespace tokenwerk
