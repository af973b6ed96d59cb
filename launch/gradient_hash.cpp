#include "launch/gradient_hash.h"

#include <bit>

#include "core/nn/layer.h"
#include "launch/held_arrays.h"
#include "parallel/checkpoint/checksum.h"

namespace tokenwerk {

void GradientHash::add(const Run& run, const ParameterGroup& group, Index rows,
                       const Product& product) {
  const Index columns = group.parts.front().box.extent.columns();
  const Shape shape = group.matrix() ? Shape{group.rows(), columns} : Shape{group.rows()};
  Device& device = run.stream.device();
  const Tensor gradient(device, accumulation_type(group.dtype), shape);
  product(gradient, {0, rows}, Write::overwrite);
  run.stream.synchronize();
  hashes_.push_back(hash_of_bits(gradient) ^ (fault_ == Fault::flipped ? 1 : 0));
}

void GradientHash::add(double figure) { hashes_.push_back(std::bit_cast<std::uint64_t>(figure)); }

std::uint64_t GradientHash::value() const {
  return checksum(
      {reinterpret_cast<const char*>(hashes_.data()), hashes_.size() * sizeof(std::uint64_t)});
}

}  // namespace tokenwerk
