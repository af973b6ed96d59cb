#include "launch/data_sheet.h"

#include <array>

namespace tokenwerk {
namespace {

struct DataSheet {
  std::string_view name;  ///< how the driver's name begins
  double bf16, f32;       ///< TFLOP/s, without sparsity
};

// NVIDIA's data sheets: A100 (2021), A10, A30, A40, L4, L40S, H100 (2024: SXM, PCIe, NVL), H200,
// GH200; Blackwell: DGX B200 and GB200 NVL72 divided by their GPUs. Where a name begins another,
// the longer one stands first.
constexpr std::array sheets{
    DataSheet{"NVIDIA A100", 312.0, 19.5},      DataSheet{"NVIDIA A10", 125.0, 31.2},
    DataSheet{"NVIDIA A30", 165.0, 10.3},       DataSheet{"NVIDIA A40", 149.7, 37.4},
    DataSheet{"NVIDIA L40S", 362.0, 91.6},      DataSheet{"NVIDIA L4", 121.0, 30.3},
    DataSheet{"NVIDIA H100 PCIe", 756.0, 51.0}, DataSheet{"NVIDIA H100 NVL", 835.0, 60.0},
    DataSheet{"NVIDIA H100", 989.4, 66.9},      DataSheet{"NVIDIA H200 NVL", 835.0, 60.0},
    DataSheet{"NVIDIA H200", 989.4, 66.9},      DataSheet{"NVIDIA GH200", 989.4, 66.9},
    DataSheet{"NVIDIA B200", 2250.0, 75.0},     DataSheet{"NVIDIA GB200", 2500.0, 80.0},
};

/// "NVIDIA A100-SXM4-80GB" is an A100, "NVIDIA A10G" no A10.
bool begins(std::string_view name, std::string_view with) {
  if (!name.starts_with(with)) return false;
  return name.size() == with.size() || name[with.size()] == ' ' || name[with.size()] == '-';
}

}  // namespace

std::optional<double> data_sheet_peak(std::string_view gpu, DType dtype) {
  for (const DataSheet& sheet : sheets)
    if (begins(gpu, sheet.name)) return 1e12 * (dtype == DType::bf16 ? sheet.bf16 : sheet.f32);
  return std::nullopt;
}

}  // namespace tokenwerk
