#pragma once
/// Runs single instructions of hand-written PTX on chosen operands.

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "tests/emulator/device_array.h"
#include "tests/emulator/ptx/module.h"

namespace tokenwerk::emulator::ptx {

/// Bits of each operand's register: 16, 32, 64; 1 is a predicate, as a destination only.
struct Widths {
  int to = 32;
  int a = 32;
  int b = 32;
  int c = 32;
};

/// `instruction` is PTX with %d for the destination and %a, %b, %c for the sources.
struct Case {
  const char* instruction;
  std::uint64_t a;
  std::uint64_t b;
  std::uint64_t c;
  std::uint64_t expected;
};

inline std::uint64_t bits(float value) { return std::bit_cast<std::uint32_t>(value); }
inline std::uint64_t bits(double value) { return std::bit_cast<std::uint64_t>(value); }

/// A module with one kernel, `k`, with the given parameters and body.
inline std::string module_text(const std::string& parameters, const std::string& body) {
  return fmt::format(
      ".version 9.0\n.target sm_90\n.address_size 64\n.visible .entry k({})\n{{\n{}\nret;\n}}\n",
      parameters, body);
}

/// What the instruction leaves in %d.
inline std::uint64_t result_of(const Case& test, const Widths& widths) {
  const auto declare = [](const char* name, int width) {
    const std::string type = width == 1 ? ".pred" : fmt::format(".b{}", width);
    return fmt::format(".reg {} %{};\n", type, name);
  };
  const auto load = [](const char* name, int width, int at) {
    return fmt::format("ld.global.b{} %{}, [%p+{}];\n", width, name, at);
  };
  std::string body = ".reg .b64 %p; .reg .b32 %w;\n" + declare("d", widths.to) +
                     declare("a", widths.a) + declare("b", widths.b) + declare("c", widths.c);
  body += "ld.param.u64 %p, [x];\n" + load("a", widths.a, 0) + load("b", widths.b, 8) +
          load("c", widths.c, 16) + test.instruction + "\n";
  body += widths.to == 1 ? "selp.b32 %w, 1, 0, %d; st.global.b32 [%p+24], %w;"
                         : fmt::format("st.global.b{} [%p+24], %d;", widths.to);
  Module module(module_text(".param .u64 x", body), memory_map());
  DeviceArray<std::uint64_t> memory({test.a, test.b, test.c, 0});
  const std::uint64_t address = memory.address();
  const std::array<const void*, 1> arguments{&address};
  module.launch("k", {}, arguments);
  return memory[3];
}

inline void check(const Widths& widths, const std::vector<Case>& cases) {
  for (const Case& test : cases)
    EXPECT_EQ(result_of(test, widths), test.expected)
        << fmt::format("{} a={:#x} b={:#x} c={:#x} expected {:#x}", test.instruction, test.a,
                       test.b, test.c, test.expected);
}

}  // namespace tokenwerk::emulator::ptx
