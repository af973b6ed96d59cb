#include "tests/emulator/nccl/reduction.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>
#include <type_traits>

namespace tokenwerk::emulator {
namespace {

/// What an element is computed in: half precision in f32, everything else in itself.
template <typename T>
struct Arithmetic {
  using Type = T;
  static T read(T value) { return value; }
  static T write(T value) { return value; }
};
template <>
struct Arithmetic<__half> {
  using Type = float;
  static float read(__half value) { return __half2float(value); }
  static __half write(float value) { return __float2half(value); }
};
template <>
struct Arithmetic<__nv_bfloat16> {
  using Type = float;
  static float read(__nv_bfloat16 value) { return __bfloat162float(value); }
  static __nv_bfloat16 write(float value) { return __float2bfloat16(value); }
};

/// Sums and products of whole numbers wrap round, which in C++ only unsigned ones may.
template <typename V, typename Step>
V wrapping(V a, V b, const Step& step) {
  if constexpr (std::is_integral_v<V>) {
    using Wide = std::uint64_t;
    return static_cast<V>(step(static_cast<Wide>(a), static_cast<Wide>(b)));
  } else {
    return step(a, b);
  }
}

template <typename V>
V apply(V a, V b, ncclRedOp_t operation) {
  switch (operation) {
    case ncclProd: return wrapping(a, b, [](auto x, auto y) { return x * y; });
    case ncclMax: return a > b ? a : b;
    case ncclMin: return a < b ? a : b;
    default: return wrapping(a, b, [](auto x, auto y) { return x + y; });
  }
}

template <typename T>
void combine_elements(std::byte* sum, const std::byte* more, std::size_t bytes,
                      ncclRedOp_t operation) {
  auto* const out = reinterpret_cast<T*>(sum);
  const auto* const in = reinterpret_cast<const T*>(more);
  for (std::size_t i = 0; i < bytes / sizeof(T); ++i) {
    out[i] = Arithmetic<T>::write(
        apply(Arithmetic<T>::read(out[i]), Arithmetic<T>::read(in[i]), operation));
  }
}

template <typename T>
void divide_elements(std::byte* sum, std::size_t bytes, int ranks) {
  using V = typename Arithmetic<T>::Type;
  auto* const out = reinterpret_cast<T*>(sum);
  for (std::size_t i = 0; i < bytes / sizeof(T); ++i) {
    out[i] =
        Arithmetic<T>::write(static_cast<V>(Arithmetic<T>::read(out[i]) / static_cast<V>(ranks)));
  }
}

/// Calls `body` with an element of the type.
template <typename Body>
void with_type(ncclDataType_t type, const Body& body) {
  switch (type) {
    case ncclInt8: return body(std::int8_t{});
    case ncclUint8: return body(std::uint8_t{});
    case ncclInt32: return body(std::int32_t{});
    case ncclUint32: return body(std::uint32_t{});
    case ncclInt64: return body(std::int64_t{});
    case ncclUint64: return body(std::uint64_t{});
    case ncclFloat16: return body(__half{});
    case ncclBfloat16: return body(__nv_bfloat16{});
    case ncclFloat64: return body(double{});
    default: return body(float{});
  }
}

}  // namespace

void combine(std::byte* sum, const std::byte* more, std::size_t bytes, ncclDataType_t type,
             ncclRedOp_t operation) {
  with_type(type, [&](auto element) {
    combine_elements<decltype(element)>(sum, more, bytes, operation);
  });
}

void divide(std::byte* sum, std::size_t bytes, ncclDataType_t type, int ranks) {
  with_type(type, [&](auto element) { divide_elements<decltype(element)>(sum, bytes, ranks); });
}

}  // namespace tokenwerk::emulator
