#pragma once
/// Which instruction set the cpu device's kernels use.

namespace tokenwerk::cpu {

enum class Isa { scalar, avx2, avx512 };

/// The best one this machine has, or the lesser one named by TOKENWERK_ISA (scalar | avx2 |
/// avx512). Decided at the first call. Throws ConfigError for an unknown name, DeviceError for a
/// set that the machine lacks.
[[nodiscard]] Isa isa();

/// The best one this machine has, whatever TOKENWERK_ISA says.
[[nodiscard]] Isa best_isa();

[[nodiscard]] const char* name_of(Isa isa);

}  // namespace tokenwerk::cpu

/// Declares the table `name` of kernels, which a file in core/cpu/kernels/ defines once per
/// instruction set, and the function `name()` that gives the table of isa() (or, for tests, of a
/// set of one's own choice). Use it in namespace tokenwerk::cpu.
#define TW_DECLARE_KERNELS(Table, name)                     \
  namespace scalar {                                        \
  extern const Table name;                                  \
  }                                                         \
  namespace avx2 {                                          \
  extern const Table name;                                  \
  }                                                         \
  namespace avx512 {                                        \
  extern const Table name;                                  \
  }                                                         \
  [[nodiscard]] inline const Table& name(Isa set = isa()) { \
    switch (set) {                                          \
      case Isa::scalar: return scalar::name;                \
      case Isa::avx2: return avx2::name;                    \
      case Isa::avx512: return avx512::name;                \
    }                                                       \
    return scalar::name;                                    \
  }
