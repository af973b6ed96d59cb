#include "core/device_module.h"

#include <dlfcn.h>

#include <filesystem>

#include "core/error.h"

namespace tokenwerk {
namespace {

constexpr const char* module_name = "libtokenwerk_cuda.so";

/// The folder of the library, or program, that this function is part of.
std::filesystem::path own_folder() {
  Dl_info info{};
  const auto* here = reinterpret_cast<const void*>(&cuda_module_function);
  TW_CHECK_AS(DeviceError, dladdr(here, &info) != 0, "cannot find where tokenwerk is installed");
  return std::filesystem::path(info.dli_fname).parent_path();
}

/// Never closed: its objects live until the program ends.
void* open_module() {
  const std::filesystem::path file = own_folder() / module_name;
  TW_CHECK_AS(DeviceError, std::filesystem::exists(file),
              "device cuda: this build has no CUDA back end (", file.string(),
              " is not there; configure with TOKENWERK_CUDA=ON)");
  void* module = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (module == nullptr) TW_RAISE(DeviceError, "device cuda: cannot load ", dlerror());
  return module;
}

}  // namespace

void* cuda_module_function(const char* name) {
  if (void* linked = dlsym(RTLD_DEFAULT, name)) return linked;
  static void* const module = open_module();
  void* const function = dlsym(module, name);
  TW_CHECK_AS(DeviceError, function != nullptr, "device cuda: ", module_name, " has no ", name,
              ": it is of another version");
  return function;
}

}  // namespace tokenwerk
