/// Stands in for libnvidia-ml.so.1: a GPU that uses one joule between two looks at its counter.

namespace {

using Device = int*;
int device = 0;
unsigned long long millijoules = 5'000'000;

}  // namespace

extern "C" {

int nvmlInit_v2() { return 0; }
int nvmlShutdown() { return 0; }
int nvmlDeviceGetHandleByPciBusId_v2(const char* bus_id, Device* found) {
  if (bus_id == nullptr || *bus_id == '\0') return 2;  // NVML_ERROR_INVALID_ARGUMENT
  *found = &device;
  return 0;
}
int nvmlDeviceGetTotalEnergyConsumption(Device, unsigned long long* energy) {
  *energy = millijoules += 1000;
  return 0;
}
}
