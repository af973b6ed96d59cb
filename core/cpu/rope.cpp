#include <bit>
#include <cmath>
#include <vector>

#include "core/cpu/families.h"
#include "core/cpu/kernels/rope.h"
#include "core/cpu/rows.h"

namespace tokenwerk::cpu {
namespace {

/// The turns of positions 0, 1, ...: row t holds D/2 cosines, then D/2 sines.
struct TurnTable {
  Index head_size = 0;
  double theta = 0.0;
  Tensor values;
};

template <typename A>
void fill_rows(const TensorView& table, double theta) {
  const Index half = table.columns() / 2;
  std::vector<double> frequency(static_cast<std::size_t>(half));
  for (Index i = 0; i < half; ++i) {
    frequency[static_cast<std::size_t>(i)] =
        std::pow(theta, -static_cast<double>(i) / static_cast<double>(half));
  }
  parallel_rows(table.rows(), 64 * half, [&](Index first, Index last) {
    for (Index t = first; t < last; ++t) {
      A* row = table.as<A>() + t * 2 * half;
      for (Index i = 0; i < half; ++i) {
        // In f64, then rounded: an f32 angle is off by 1e-3 at position 16,000.
        const double angle = static_cast<double>(t) * frequency[static_cast<std::size_t>(i)];
        row[i] = static_cast<A>(std::cos(angle));
        row[half + i] = static_cast<A>(std::sin(angle));
      }
    }
  });
}

class CpuRopeOps final : public RopeOps {
 public:
  void do_rope_forward(Stream& stream, TensorView x, const Rope& rope) override {
    turn_rows(stream, x, rope, rope_kernels().turn);
  }
  void do_rope_backward(Stream& stream, TensorView dx, const Rope& rope) override {
    turn_rows(stream, dx, rope, rope_kernels().turn_back);
  }

 private:
  void turn_rows(Stream& stream, const TensorView& x, const Rope& rope,
                 void (*kernel)(const RopeRow&)) {
    const TensorView table = turns(stream, x.dtype, rope);
    const Index half = rope.head_size / 2;
    parallel_rows(x.rows(), x.columns(), [&](Index first, Index last) {
      for (Index r = first; r < last; ++r) {
        const Index t = rope.token_offset + r % rope.rows_per_sequence;
        kernel({x.dtype, x.columns() / rope.head_size, half, at(x, r, 0), at(table, t, 0),
                at(table, t, half)});
      }
    });
  }

  /// The table that reaches the call's last position. It is kept, because sines cost more than the
  /// turns, and grows by doubling, so that decoding token by token seldom makes a new one.
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
        fill_rows<double>(table->values, rope.theta);
      } else {
        fill_rows<float>(table->values, rope.theta);
      }
    }
    return table->values;
  }

  std::vector<TurnTable> tables_;
};

}  // namespace

std::unique_ptr<RopeOps> make_rope_ops() { return std::make_unique<CpuRopeOps>(); }

}  // namespace tokenwerk::cpu
