/// What the static constructors that nvcc generates call: device code, kernels and variables.

#include <vector_types.h>

#include "tests/emulator/launch/registry.h"

using tokenwerk::emulator::RegisteredModule;
using tokenwerk::emulator::Registry;
using tokenwerk::emulator::registry;

namespace {

RegisteredModule* owner_of(void** handle) { return reinterpret_cast<RegisteredModule*>(handle); }

}  // namespace

extern "C" {

/// The declarations stand in no public header; these are the forms that nvcc 13 calls.
void** __cudaRegisterFatBinary(void* fat_binary);
void __cudaRegisterFatBinaryEnd(void** handle);
void __cudaUnregisterFatBinary(void** handle);
void __cudaRegisterFunction(void** handle, const char* host_function, char* device_function,
                            const char* name, int thread_limit, uint3*, uint3*, dim3*, dim3*, int*);
void __cudaRegisterVar(void** handle, char* host_variable, char* device_variable, const char* name,
                       int is_extern, std::size_t size, int is_constant, int is_global);
char __cudaInitModule(void** handle);

void** __cudaRegisterFatBinary(void* fat_binary) {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  all.modules.push_back(std::make_unique<RegisteredModule>(fat_binary));
  return reinterpret_cast<void**>(all.modules.back().get());
}

void __cudaRegisterFatBinaryEnd(void**) {}

/// Called when the process ends; the registry ends with it.
void __cudaUnregisterFatBinary(void**) {}

char __cudaInitModule(void**) { return 1; }

void __cudaRegisterFunction(void** handle, const char* host_function, char*, const char* name, int,
                            uint3*, uint3*, dim3*, dim3*, int*) {
  const std::lock_guard lock(registry().mutex);
  registry().kernels[host_function] = {owner_of(handle), name, 0};
}

void __cudaRegisterVar(void** handle, char* host_variable, char*, const char* name, int,
                       std::size_t, int, int) {
  const std::lock_guard lock(registry().mutex);
  registry().variables[host_variable] = {owner_of(handle), name};
}

}  // extern "C"
