#pragma once
/// Windows on dense rows, as kernels take them: plain data.

#include "core/dtype.h"

namespace tokenwerk::cpu {

/// Where the first row begins and how many elements lie from one row to the next.
struct ConstRows {
  const void* data;
  Index stride;
};
struct MutableRows {
  void* data;
  Index stride;
};

}  // namespace tokenwerk::cpu
