/// The cuda device: one GPU, its memory and its streams.

#include "core/device.h"

#include <fmt/core.h>

#include <array>
#include <cstdlib>

#include "core/cuda/check.h"
#include "core/cuda/energy.h"
#include "core/cuda/families.h"
#include "core/cuda/pool.h"
#include "core/cuda/staging.h"

namespace tokenwerk {
namespace {

/// What stands in the way of using a GPU.
std::string missing(cudaError_t status) {
  int driver = 0;  // of no driver
  static_cast<void>(cudaDriverGetVersion(&driver));
  if (driver == 0) return "the NVIDIA driver is not installed";
  if (status == cudaErrorNoDevice) return "the NVIDIA driver knows no GPU";
  return fmt::format("{} ({})", cudaGetErrorName(status), cudaGetErrorString(status));
}

/// How many GPUs there are; throws where there is none. The count is untouched by an error.
int device_count() {
  int count = 0;
  cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaSuccess && count == 0) status = cudaErrorNoDevice;
  if (status == cudaSuccess) return count;
  static_cast<void>(cudaGetLastError());
  TW_RAISE(DeviceError, "device cuda: no GPU can be used here: ", missing(status),
           "; it wants an NVIDIA GPU and its driver, or device.kind = cpu");
}

/// Whether a launcher shows each rank a GPU of its own, as Slurm does with --gpus-per-task=1.
bool sees_its_own(int count) {
  return count == 1 && std::getenv("CUDA_VISIBLE_DEVICES") != nullptr;
}

/// Makes the GPU of this place the calling thread's.
int selected(int index) {
  const int count = device_count();
  if (sees_its_own(count)) index = 0;
  TW_CHECK_AS(DeviceError, index < count, "device cuda: rank ", index,
              " of this host has no GPU, it has ", count, "; start at most ", count,
              count == 1 ? " rank a host" : " ranks a host");
  TW_CUDA(cudaSetDevice(index), " of GPU ", index);
  return index;
}

std::string bus_id(int index) {
  std::array<char, 32> text{};
  TW_CUDA(cudaDeviceGetPCIBusId(text.data(), text.size(), index));
  return text.data();
}

class CudaDevice final : public Device {
 public:
  explicit CudaDevice(int index) : index_(selected(index)), energy_(bus_id(index)) {}

  [[nodiscard]] DeviceKind kind() const override { return DeviceKind::cuda; }
  [[nodiscard]] DeviceFacts facts() const override {
    cudaDeviceProp properties;
    TW_CUDA(cudaGetDeviceProperties(&properties, index_));
    return {properties.name, properties.totalGlobalMem};
  }
  [[nodiscard]] std::optional<double> joules() const override { return energy_.joules(); }
  [[nodiscard]] std::unique_ptr<Stream> make_stream() override {
    return std::make_unique<cuda::CudaStream>(*this);
  }
  [[nodiscard]] const Operations& operations() const override { return operations_; }

  [[nodiscard]] void* allocate(std::size_t bytes) override { return pool_.allocate(bytes); }
  void release(void* data, std::size_t bytes) noexcept override { pool_.release(data, bytes); }
  void copy_from_host(Stream& stream, void* to, const void* from, std::size_t bytes) override {
    staging_.to_device(cuda::handle_of(stream), to, from, bytes);
  }
  void copy_to_host(Stream& stream, void* to, const void* from, std::size_t bytes) override {
    staging_.to_host(cuda::handle_of(stream), to, from, bytes);
  }
  void copy(Stream& stream, void* to, const void* from, std::size_t bytes) override {
    TW_CUDA(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, cuda::handle_of(stream)));
  }
  void synchronize() override { TW_CUDA(cudaDeviceSynchronize()); }
  [[nodiscard]] MemoryStatistics memory() const override { return pool_.statistics(); }
  void reset_peak() override { pool_.reset_peak(); }

 private:
  int index_;
  cuda::EnergyCounter energy_;
  cuda::Pool pool_;  // first: the families may hold memory
  cuda::Staging staging_;
  std::unique_ptr<MatmulOps> matmul_ = cuda::make_matmul_ops();
  std::unique_ptr<NormOps> norm_ = cuda::make_norm_ops();
  std::unique_ptr<ActivationOps> activation_ = cuda::make_activation_ops();
  std::unique_ptr<RopeOps> rope_ = cuda::make_rope_ops();
  std::unique_ptr<EmbeddingOps> embedding_ = cuda::make_embedding_ops();
  std::unique_ptr<AttentionOps> attention_ = cuda::make_attention_ops();
  std::unique_ptr<LossOps> loss_ = cuda::make_loss_ops();
  std::unique_ptr<ElementwiseOps> elementwise_ = cuda::make_elementwise_ops();
  std::unique_ptr<OptimizerOps> optimizer_ = cuda::make_optimizer_ops();
  std::unique_ptr<RandomOps> random_ = cuda::make_random_ops();
  Operations operations_{matmul_.get(),    norm_.get(),      activation_.get(), rope_.get(),
                         embedding_.get(), attention_.get(), loss_.get(),       elementwise_.get(),
                         optimizer_.get(), random_.get()};
};

}  // namespace
}  // namespace tokenwerk

/// The module's entry; the caller owns the device.
extern "C" tokenwerk::Device* tokenwerk_make_cuda_device(int index) {
  return std::make_unique<tokenwerk::CudaDevice>(index).release();
}

/// The libraries that the module runs with, and the driver; for reports.
extern "C" const char* tokenwerk_cuda_description() {
  static const std::string text = [] {
    const auto version = [](int number) {  // 13010 is 13.1
      return number == 0 ? "none" : fmt::format("{}.{}", number / 1000, number % 1000 / 10);
    };
    int runtime = 0, driver = 0;
    static_cast<void>(cudaRuntimeGetVersion(&runtime));
    static_cast<void>(cudaDriverGetVersion(&driver));
    const std::size_t lt = cublasLtGetVersion();
    return fmt::format("runtime {}, cuBLASLt {}.{}.{}, driver {}", version(runtime), lt / 10000,
                       lt / 100 % 100, lt % 100, version(driver));
  }();
  return text.c_str();
}
