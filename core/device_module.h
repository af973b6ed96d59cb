#pragma once
/// The CUDA back end is a shared module, opened only when asked for: loading cuBLASLt, cuDNN and
/// NCCL costs a second a process, and they may not be there.

namespace tokenwerk {

/// A function of the CUDA module, by its C name. A program that links the module finds it there;
/// others open the file beside tokenwerk's own library, once. Throws DeviceError saying what is
/// missing: the file, a library that it needs, or the function.
[[nodiscard]] void* cuda_module_function(const char* name);

}  // namespace tokenwerk
