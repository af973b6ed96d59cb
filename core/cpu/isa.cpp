#include "core/cpu/isa.h"

#include <cstdlib>
#include <string>

#include "core/error.h"

namespace tokenwerk::cpu {
namespace {

Isa choose() {
  const char* wanted = std::getenv("TOKENWERK_ISA");
  if (wanted == nullptr) return best_isa();
  for (Isa candidate : {Isa::scalar, Isa::avx2, Isa::avx512}) {
    if (std::string(wanted) != name_of(candidate)) continue;
    TW_CHECK_AS(DeviceError, candidate <= best_isa(), "TOKENWERK_ISA=", wanted,
                ": this machine has no more than ", name_of(best_isa()));
    return candidate;
  }
  TW_RAISE(ConfigError, "TOKENWERK_ISA=", wanted, " is none of scalar, avx2, avx512");
}

}  // namespace

Isa isa() {
  static const Isa chosen = choose();
  return chosen;
}

Isa best_isa() {
  // The levels x86-64-v4 and x86-64-v3, which the kernels are compiled for.
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
    return Isa::avx512;
  }
  const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                  __builtin_cpu_supports("bmi2");
  return v3 ? Isa::avx2 : Isa::scalar;
}

const char* name_of(Isa isa) {
  switch (isa) {
    case Isa::scalar: return "scalar";
    case Isa::avx2: return "avx2";
    case Isa::avx512: return "avx512";
  }
  return "?";
}

}  // namespace tokenwerk::cpu
