#include "core/cuda/kernels/random.h"

#include "core/cuda/arrays.h"
#include "core/cuda/families.h"
#include "core/cuda/stream.h"

namespace tokenwerk::cuda {
namespace {

class CudaRandomOps final : public RandomOps {
 public:
  void do_fill_normal(Stream& stream, TensorView x, const NormalFill& fill) override {
    TW_CUDA(cuda::fill_normal(handle_of(stream), array_of(x),
                              {fill.seed, fill.stream, fill.global_columns, fill.row_offset,
                               fill.column_offset, fill.deviation}));
  }
};

}  // namespace

std::unique_ptr<RandomOps> make_random_ops() { return std::make_unique<CudaRandomOps>(); }

}  // namespace tokenwerk::cuda
