#pragma once
/// Whether the tests were built with a sanitizer, whose own memory no figure of a process leaves
/// out.

namespace tokenwerk::test {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif

}  // namespace tokenwerk::test
