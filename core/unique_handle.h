#pragma once
/// Owner of a handle that a foreign library gave out.

#include <utility>

namespace tokenwerk {

/// Holds one handle and gives it back when it ends: moves, never copies. `Traits` says what the
/// handle is:
///
///     struct FileTraits {
///       using Handle = hid_t;
///       static Handle none() { return H5I_INVALID_HID; }
///       static void release(Handle file) noexcept { ... }   // logs a failure, never throws
///     };
template <typename Traits>
class UniqueHandle {
 public:
  using Handle = typename Traits::Handle;

  UniqueHandle() = default;
  explicit UniqueHandle(Handle handle) : handle_(handle) {}
  UniqueHandle(UniqueHandle&& other) noexcept : handle_(other.take()) {}
  UniqueHandle& operator=(UniqueHandle&& other) noexcept {
    if (this != &other) reset(other.take());
    return *this;
  }
  ~UniqueHandle() { reset(); }

  [[nodiscard]] Handle get() const { return handle_; }
  [[nodiscard]] explicit operator bool() const { return handle_ != Traits::none(); }

  /// Gives back what is held and holds `handle` from now on.
  void reset(Handle handle = Traits::none()) noexcept {
    const Handle old = std::exchange(handle_, handle);
    if (old != Traits::none()) Traits::release(old);
  }
  /// Hands the handle over to the caller, who releases it.
  [[nodiscard]] Handle take() noexcept { return std::exchange(handle_, Traits::none()); }
  /// Where a foreign function writes a new handle; what was held is given back first.
  [[nodiscard]] Handle* receive() noexcept {
    reset();
    return &handle_;
  }

 private:
  Handle handle_ = Traits::none();
};

}  // namespace tokenwerk
