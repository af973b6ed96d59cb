#include "tests/emulator/cudnn/interpreter.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

#include "core/dtype.h"

namespace tokenwerk::emulator {
namespace {

using Values = std::vector<float>;  ///< of an array, row-major whatever its strides

float rounded(float value, cudnnDataType_t type) {
  return type == CUDNN_DATA_BFLOAT16 ? static_cast<float>(BFloat16(value)) : value;
}

float load(const std::byte* place, cudnnDataType_t type) {
  if (type == CUDNN_DATA_BFLOAT16) {
    BFloat16 value;
    std::memcpy(&value, place, sizeof value);
    return static_cast<float>(value);
  }
  float value = 0.0f;
  std::memcpy(&value, place, sizeof value);
  return value;
}

void store(std::byte* place, cudnnDataType_t type, float value) {
  if (type == CUDNN_DATA_BFLOAT16) {
    const BFloat16 narrow(value);
    std::memcpy(place, &narrow, sizeof narrow);
  } else {
    std::memcpy(place, &value, sizeof value);
  }
}

/// The element of `from` that belongs to element `index` of `to`: dims of 1 repeat, and of fewer
/// heads each serves several.
std::size_t matching(std::size_t index, const GraphArray& to, const GraphArray& from) {
  std::size_t found = 0, scale = 1;
  for (std::size_t d = to.dims.size(); d-- > 0;) {
    const auto size = static_cast<std::size_t>(to.dims[d]);
    const auto other = static_cast<std::size_t>(from.dims[d]);
    found += index % size / (size / other) * scale;
    index /= size;
    scale *= other;
  }
  return found;
}

float apply(cudnnPointwiseMode_t mode, float x, float b) {
  switch (mode) {
    case CUDNN_POINTWISE_ADD: return x + b;
    case CUDNN_POINTWISE_SUB: return x - b;
    case CUDNN_POINTWISE_MUL: return x * b;
    case CUDNN_POINTWISE_DIV: return x / b;
    case CUDNN_POINTWISE_EXP: return std::exp(x);
    case CUDNN_POINTWISE_LOG: return std::log(x);
    case CUDNN_POINTWISE_CMP_GE: return x >= b ? 1.0f : 0.0f;
    default: throw std::runtime_error(fmt::format("pointwise mode {}", static_cast<int>(mode)));
  }
}

/// The arrays of one execution.
class Execution {
 public:
  explicit Execution(const ArrayPlaces& places) : places_(places) {}

  void run(const CudnnDescriptor& operation) {
    switch (operation.type) {
      case CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR: return matmul(operation);
      case CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR: return pointwise(operation);
      case CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR: return reduce(operation);
      case CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR: return reshape(operation);
      default:
        throw std::runtime_error(fmt::format("operation {}", static_cast<int>(operation.type)));
    }
  }

 private:
  const Values& read(const GraphArray& array) {
    if (const auto found = values_.find(array.id); found != values_.end()) return found->second;
    if (array.is_virtual) throw std::runtime_error("an array is read before it is written");
    Values values(static_cast<std::size_t>(array.count()));
    const auto bytes = static_cast<std::int64_t>(bytes_of(array.type));
    array.for_each([&](std::size_t i, std::int64_t place) {
      values[i] = load(places_.at(array.id) + place * bytes, array.type);
    });
    return values_.emplace(array.id, std::move(values)).first->second;
  }

  void write(const GraphArray& array, Values values) {
    for (float& value : values) value = rounded(value, array.type);
    const auto bytes = static_cast<std::int64_t>(bytes_of(array.type));
    if (!array.is_virtual) {
      array.for_each([&](std::size_t i, std::int64_t place) {
        store(places_.at(array.id) + place * bytes, array.type, values[i]);
      });
    }
    values_[array.id] = std::move(values);
  }

  void matmul(const CudnnDescriptor& operation) {
    const GraphArray a(operation.other(CUDNN_ATTR_OPERATION_MATMUL_ADESC)),
        b(operation.other(CUDNN_ATTR_OPERATION_MATMUL_BDESC)),
        c(operation.other(CUDNN_ATTR_OPERATION_MATMUL_CDESC));
    const Values &left = read(a), &right = read(b);
    const std::int64_t m = a.dims[2], k = a.dims[3], n = b.dims[3];
    if (b.dims[2] != k || c.dims[2] != m || c.dims[3] != n)
      throw std::runtime_error("a product of sizes that do not fit");
    const std::int64_t group = a.dims[1] / b.dims[1];
    Values sums(static_cast<std::size_t>(c.count()));
    for (std::int64_t head = 0; head < a.dims[0] * a.dims[1]; ++head) {
      const float* x = left.data() + head * m * k;
      const float* w = right.data() + head / group * k * n;
      for (std::int64_t i = 0; i < m; ++i)
        for (std::int64_t l = 0; l < k; ++l)
          for (std::int64_t j = 0; j < n; ++j)
            sums[static_cast<std::size_t>((head * m + i) * n + j)] += x[i * k + l] * w[l * n + j];
    }
    write(c, std::move(sums));
  }

  void pointwise(const CudnnDescriptor& operation) {
    const CudnnDescriptor& how = operation.other(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR);
    const auto mode = how.value<cudnnPointwiseMode_t>(CUDNN_ATTR_POINTWISE_MODE);
    const GraphArray x(operation.other(CUDNN_ATTR_OPERATION_POINTWISE_XDESC)),
        y(operation.other(CUDNN_ATTR_OPERATION_POINTWISE_YDESC));
    Values result(static_cast<std::size_t>(y.count()));
    if (mode == CUDNN_POINTWISE_GEN_INDEX) {
      const auto axis =
          static_cast<std::size_t>(how.value<std::int64_t>(CUDNN_ATTR_POINTWISE_AXIS));
      const auto inner = std::accumulate(y.dims.begin() + static_cast<std::ptrdiff_t>(axis) + 1,
                                         y.dims.end(), std::int64_t{1}, std::multiplies<>());
      for (std::size_t i = 0; i < result.size(); ++i)
        result[i] = static_cast<float>(static_cast<std::int64_t>(i) / inner % y.dims[axis]);
      return write(y, std::move(result));
    }
    const bool binary = operation.has(CUDNN_ATTR_OPERATION_POINTWISE_BDESC);
    const GraphArray b(operation.other(binary ? CUDNN_ATTR_OPERATION_POINTWISE_BDESC
                                              : CUDNN_ATTR_OPERATION_POINTWISE_XDESC));
    const Values &first = read(x), &second = read(b);
    const bool select = mode == CUDNN_POINTWISE_BINARY_SELECT;
    const GraphArray t(operation.other(select ? CUDNN_ATTR_OPERATION_POINTWISE_TDESC
                                              : CUDNN_ATTR_OPERATION_POINTWISE_XDESC));
    const Values& taken = read(t);
    for (std::size_t i = 0; i < result.size(); ++i) {
      const float left = first[i], right = second[matching(i, y, b)];
      result[i] = !select ? apply(mode, left, right) : taken[i] != 0.0f ? left : right;
    }
    write(y, std::move(result));
  }

  void reduce(const CudnnDescriptor& operation) {
    const GraphArray x(operation.other(CUDNN_ATTR_OPERATION_REDUCTION_XDESC)),
        y(operation.other(CUDNN_ATTR_OPERATION_REDUCTION_YDESC));
    const bool highest =
        operation.other(CUDNN_ATTR_OPERATION_REDUCTION_DESC)
            .value<cudnnReduceTensorOp_t>(CUDNN_ATTR_REDUCTION_OPERATOR) == CUDNN_REDUCE_TENSOR_MAX;
    const float start = highest ? -std::numeric_limits<float>::infinity() : 0.0f;
    Values result(static_cast<std::size_t>(y.count()), start);
    const Values& values = read(x);
    for (std::size_t i = 0; i < values.size(); ++i) {
      float& reduced = result[matching(i, x, y)];
      reduced = highest ? std::max(reduced, values[i]) : reduced + values[i];
    }
    write(y, std::move(result));
  }

  /// The same places in memory under other dims and strides.
  void reshape(const CudnnDescriptor& operation) {
    const GraphArray x(operation.other(CUDNN_ATTR_OPERATION_RESHAPE_XDESC)),
        y(operation.other(CUDNN_ATTR_OPERATION_RESHAPE_YDESC));
    const Values& values = read(x);
    Values memory(static_cast<std::size_t>(std::max(x.extent(), y.extent())));
    x.for_each([&](std::size_t i, std::int64_t place) {
      memory[static_cast<std::size_t>(place)] = values[i];
    });
    Values result(static_cast<std::size_t>(y.count()));
    y.for_each([&](std::size_t i, std::int64_t place) {
      result[i] = memory[static_cast<std::size_t>(place)];
    });
    write(y, std::move(result));
  }

  const ArrayPlaces& places_;
  std::map<std::int64_t, Values> values_;
};

}  // namespace

GraphArray::GraphArray(const CudnnDescriptor& tensor)
    : id(tensor.value<std::int64_t>(CUDNN_ATTR_TENSOR_UNIQUE_ID)),
      dims(tensor.values<std::int64_t>(CUDNN_ATTR_TENSOR_DIMENSIONS)),
      strides(tensor.values<std::int64_t>(CUDNN_ATTR_TENSOR_STRIDES)),
      type(tensor.value<cudnnDataType_t>(CUDNN_ATTR_TENSOR_DATA_TYPE)),
      is_virtual(tensor.value_or(CUDNN_ATTR_TENSOR_IS_VIRTUAL, false)),
      is_number(tensor.value_or(CUDNN_ATTR_TENSOR_IS_BY_VALUE, false)) {}

std::int64_t GraphArray::count() const {
  return std::accumulate(dims.begin(), dims.end(), std::int64_t{1}, std::multiplies<>());
}

std::int64_t GraphArray::extent() const {
  std::int64_t last = 0;
  for (std::size_t d = 0; d < dims.size(); ++d) last += (dims[d] - 1) * strides[d];
  return last + 1;
}

void GraphArray::for_each(const std::function<void(std::size_t, std::int64_t)>& visit) const {
  for (std::int64_t i = 0; i < count(); ++i) {
    std::int64_t rest = i, place = 0;
    for (std::size_t d = dims.size(); d-- > 0; rest /= dims[d])
      place += rest % dims[d] * strides[d];
    visit(static_cast<std::size_t>(i), place);
  }
}

std::size_t bytes_of(cudnnDataType_t type) { return type == CUDNN_DATA_BFLOAT16 ? 2 : 4; }

void interpret(const std::vector<DescriptorHandle>& operations, const ArrayPlaces& places) {
  Execution execution(places);
  for (const DescriptorHandle& operation : operations) execution.run(*operation);
}

}  // namespace tokenwerk::emulator
