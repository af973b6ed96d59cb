#include "core/cuda/kernels/rope.h"

#include <bit>
#include <cmath>
#include <vector>

#include "core/cuda/arrays.h"
#include "core/cuda/families.h"
#include "core/cuda/stream.h"

namespace tokenwerk::cuda {
namespace {

/// The turns of positions 0, 1, ... on the device: row t holds D/2 cosines, then D/2 sines.
struct TurnTable {
  Index head_size = 0;
  double theta = 0.0;
  Tensor values;
};

/// Computed by the host, whose sines are the cpu device's, in f64: an f32 angle is off by 1e-3 at
/// position 16,000.
template <typename A>
void fill_rows(Stream& stream, const TensorView& table, double theta) {
  const Index half = table.columns() / 2;
  std::vector<A> values(static_cast<std::size_t>(table.count()));
  for (Index i = 0; i < half; ++i) {
    const double frequency = std::pow(theta, -static_cast<double>(i) / static_cast<double>(half));
    for (Index t = 0; t < table.rows(); ++t) {
      const double angle = static_cast<double>(t) * frequency;
      A* row = values.data() + t * 2 * half;
      row[i] = static_cast<A>(std::cos(angle));
      row[half + i] = static_cast<A>(std::sin(angle));
    }
  }
  table.device->copy_from_host(stream, table.data, values.data(), values.size() * sizeof(A));
  stream.synchronize();  // the values end here
}

class CudaRopeOps final : public RopeOps {
 public:
  void do_rope_forward(Stream& stream, TensorView x, const Rope& rope) override {
    turn_rows(stream, x, rope, Turn::forth);
  }
  void do_rope_backward(Stream& stream, TensorView dx, const Rope& rope) override {
    turn_rows(stream, dx, rope, Turn::back);
  }

 private:
  void turn_rows(Stream& stream, const TensorView& x, const Rope& rope, Turn direction) {
    const TensorView table = turns(stream, x.dtype, rope);
    TW_CUDA(cuda::rope(handle_of(stream), array_of(x),
                       {table.data, rope.head_size, rope.rows_per_sequence, rope.token_offset},
                       direction));
  }

  /// The table that reaches the call's last position. It grows by doubling, so that decoding token
  /// by token seldom makes a new one.
  TensorView turns(Stream& stream, DType dtype, const Rope& rope) {
    const DType type = accumulation_type(dtype);
    const Index positions = rope.token_offset + rope.rows_per_sequence;
    TurnTable* table = nullptr;
    for (TurnTable& known : tables_) {
      const bool same = known.head_size == rope.head_size && known.theta == rope.theta;
      if (same && known.values.dtype() == type) table = &known;
    }
    if (table == nullptr) table = &tables_.emplace_back(TurnTable{rope.head_size, rope.theta, {}});
    if (!table->values || table->values.shape()[0] < positions) {
      const auto rows = static_cast<Index>(std::bit_ceil(static_cast<std::uint64_t>(positions)));
      table->values = {};
      table->values = Tensor(stream.device(), type, Shape{rows, rope.head_size});
      if (type == DType::f64) {
        fill_rows<double>(stream, table->values, rope.theta);
      } else {
        fill_rows<float>(stream, table->values, rope.theta);
      }
    }
    return table->values;
  }

  std::vector<TurnTable> tables_;
};

}  // namespace

std::unique_ptr<RopeOps> make_rope_ops() { return std::make_unique<CudaRopeOps>(); }

}  // namespace tokenwerk::cuda
