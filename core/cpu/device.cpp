/// The cpu device: host memory, work done at once by the calling thread and its OpenMP team.

#include "core/device.h"

#include <unistd.h>

#include <cstring>
#include <fstream>

#include "core/cpu/families.h"
#include "core/cpu/isa.h"
#include "core/cpu/pool.h"

namespace tokenwerk {
namespace {

/// Runs everything on the caller, so that each event has passed when it is recorded.
class CpuStream final : public Stream {
 public:
  using Stream::Stream;
  Event record() override { return {}; }
  void wait_for(const Event& event) override { event.synchronize(); }
  void synchronize() override {}
  void synchronize_until(std::uint64_t) override {}
};

/// As the system tells it; empty where it does not.
std::string processor_name() {
  std::ifstream stream("/proc/cpuinfo");
  for (std::string line; std::getline(stream, line);) {
    const std::size_t value = line.find_first_not_of(" \t:", std::string_view("model name").size());
    if (line.starts_with("model name") && value != std::string::npos) return line.substr(value);
  }
  return {};
}

class CpuDevice final : public Device {
 public:
  [[nodiscard]] DeviceKind kind() const override { return DeviceKind::cpu; }
  [[nodiscard]] DeviceFacts facts() const override {
    const auto pages = static_cast<std::size_t>(sysconf(_SC_PHYS_PAGES));
    return {processor_name(), pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE))};
  }
  [[nodiscard]] std::unique_ptr<Stream> make_stream() override {
    return std::make_unique<CpuStream>(*this);
  }
  [[nodiscard]] const Operations& operations() const override { return operations_; }

  [[nodiscard]] void* allocate(std::size_t bytes) override { return pool_.allocate(bytes); }
  void release(void* data, std::size_t bytes) noexcept override { pool_.release(data, bytes); }
  void copy_from_host(Stream&, void* to, const void* from, std::size_t bytes) override {
    std::memcpy(to, from, bytes);
  }
  void copy_to_host(Stream&, void* to, const void* from, std::size_t bytes) override {
    std::memcpy(to, from, bytes);
  }
  void copy(Stream& stream, void* to, const void* from, std::size_t bytes) override {
    stream.synchronize();  // a communicator's stream may still be at work on it
    std::memcpy(to, from, bytes);
  }
  void synchronize() override {}
  [[nodiscard]] MemoryStatistics memory() const override { return pool_.statistics(); }
  void reset_peak() override { pool_.reset_peak(); }

 private:
  cpu::Pool pool_;  // first: the families may hold memory
  std::unique_ptr<MatmulOps> matmul_ = cpu::make_matmul_ops();
  std::unique_ptr<NormOps> norm_ = cpu::make_norm_ops();
  std::unique_ptr<ActivationOps> activation_ = cpu::make_activation_ops();
  std::unique_ptr<RopeOps> rope_ = cpu::make_rope_ops();
  std::unique_ptr<EmbeddingOps> embedding_ = cpu::make_embedding_ops();
  std::unique_ptr<AttentionOps> attention_ = cpu::make_attention_ops();
  std::unique_ptr<LossOps> loss_ = cpu::make_loss_ops();
  std::unique_ptr<ElementwiseOps> elementwise_ = cpu::make_elementwise_ops();
  std::unique_ptr<OptimizerOps> optimizer_ = cpu::make_optimizer_ops();
  std::unique_ptr<RandomOps> random_ = cpu::make_random_ops();
  Operations operations_{matmul_.get(),    norm_.get(),      activation_.get(), rope_.get(),
                         embedding_.get(), attention_.get(), loss_.get(),       elementwise_.get(),
                         optimizer_.get(), random_.get()};
};

}  // namespace

std::unique_ptr<Device> cpu::make_device() {
  (void)isa();  // refuses a wrong TOKENWERK_ISA here, not in the midst of a parallel loop
  return std::make_unique<CpuDevice>();
}

}  // namespace tokenwerk
