#include "core/cuda/cudnn_graph.h"

#include <utility>

namespace tokenwerk::cuda {
namespace {

constexpr std::int64_t byte_alignment = 16;

Descriptor described(std::int64_t id, const Dims4& dims, const Dims4& strides,
                     cudnnDataType_t type) {
  Descriptor tensor(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  tensor.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, id)
      .set(CUDNN_ATTR_TENSOR_DIMENSIONS, dims)
      .set(CUDNN_ATTR_TENSOR_STRIDES, strides)
      .set(CUDNN_ATTR_TENSOR_DATA_TYPE, type)
      .set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, byte_alignment);
  return tensor;
}

}  // namespace

Dims4 dense_strides(const Dims4& dims) {
  return {dims[1] * dims[2] * dims[3], dims[2] * dims[3], dims[3], 1};
}

GraphTensor Graph::keep(Descriptor tensor, const Dims4& dims, const Dims4& strides,
                        cudnnDataType_t type) {
  tensor.finalize();
  tensors_.push_back(std::move(tensor));
  return {tensors_.back().get(), dims, strides, type};
}

GraphTensor Graph::in_memory(std::int64_t id, const Dims4& dims, const Dims4& strides,
                             cudnnDataType_t type) {
  return keep(described(id, dims, strides, type), dims, strides, type);
}

GraphTensor Graph::number(std::int64_t id) {
  constexpr Dims4 one{1, 1, 1, 1};
  Descriptor tensor = described(id, one, one, CUDNN_DATA_FLOAT);
  tensor.set(CUDNN_ATTR_TENSOR_IS_BY_VALUE, true);
  return keep(std::move(tensor), one, one, CUDNN_DATA_FLOAT);
}

GraphTensor Graph::inside(const Dims4& dims, cudnnDataType_t type) {
  return inside(dims, dense_strides(dims), type);
}

GraphTensor Graph::inside(const Dims4& dims, const Dims4& strides, cudnnDataType_t type) {
  Descriptor tensor = described(next_inside_++, dims, strides, type);
  tensor.set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, true);
  return keep(std::move(tensor), dims, strides, type);
}

GraphTensor Graph::matmul(GraphTensor c, const GraphTensor& a, const GraphTensor& b) {
  Descriptor& how = details_.emplace_back(CUDNN_BACKEND_MATMUL_DESCRIPTOR);
  how.set(CUDNN_ATTR_MATMUL_COMP_TYPE, CUDNN_DATA_FLOAT).finalize();
  operations_.emplace_back(CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR)
      .set(CUDNN_ATTR_OPERATION_MATMUL_ADESC, a.descriptor)
      .set(CUDNN_ATTR_OPERATION_MATMUL_BDESC, b.descriptor)
      .set(CUDNN_ATTR_OPERATION_MATMUL_CDESC, c.descriptor)
      .set(CUDNN_ATTR_OPERATION_MATMUL_DESC, how)
      .finalize();
  return c;
}

Descriptor& Graph::pointwise(const Descriptor& how, const GraphTensor& y, const GraphTensor& x) {
  return operations_.emplace_back(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR)
      .set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, how)
      .set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x.descriptor)
      .set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y.descriptor);
}

Descriptor& Graph::function(cudnnPointwiseMode_t f, cudnnDataType_t precision) {
  return details_.emplace_back(CUDNN_BACKEND_POINTWISE_DESCRIPTOR)
      .set(CUDNN_ATTR_POINTWISE_MODE, f)
      .set(CUDNN_ATTR_POINTWISE_MATH_PREC, precision);
}

GraphTensor Graph::unary(cudnnPointwiseMode_t f, GraphTensor y, const GraphTensor& x) {
  Descriptor& how = function(f, CUDNN_DATA_FLOAT);
  how.finalize();
  pointwise(how, y, x).finalize();
  return y;
}

GraphTensor Graph::unary(cudnnPointwiseMode_t f, const GraphTensor& x) {
  return unary(f, inside(x.dims), x);
}

GraphTensor Graph::binary(cudnnPointwiseMode_t f, GraphTensor y, const GraphTensor& x,
                          const GraphTensor& b) {
  Descriptor& how = function(f, y.type == CUDNN_DATA_BOOLEAN ? y.type : CUDNN_DATA_FLOAT);
  how.finalize();
  pointwise(how, y, x).set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, b.descriptor).finalize();
  return y;
}

GraphTensor Graph::binary(cudnnPointwiseMode_t f, const GraphTensor& x, const GraphTensor& b) {
  return binary(f, inside(x.dims), x, b);
}

GraphTensor Graph::index_of(const GraphTensor& x, std::int64_t axis) {
  const GraphTensor index = inside(x.dims, CUDNN_DATA_INT32);
  Descriptor& how = function(CUDNN_POINTWISE_GEN_INDEX, CUDNN_DATA_FLOAT);
  how.set(CUDNN_ATTR_POINTWISE_AXIS, axis).finalize();
  pointwise(how, index, x).finalize();
  return index;
}

GraphTensor Graph::causal(const GraphTensor& x, const GraphTensor& masked) {
  const GraphTensor row = index_of(x, 2), column = index_of(x, 3);
  const GraphTensor seen =
      binary(CUDNN_POINTWISE_CMP_GE, inside(x.dims, CUDNN_DATA_BOOLEAN), row, column);
  const GraphTensor y = inside(x.dims);
  Descriptor& how = function(CUDNN_POINTWISE_BINARY_SELECT, CUDNN_DATA_FLOAT);
  how.finalize();
  pointwise(how, y, x)
      .set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, masked.descriptor)
      .set(CUDNN_ATTR_OPERATION_POINTWISE_TDESC, seen.descriptor)
      .finalize();
  return y;
}

GraphTensor Graph::reduce(cudnnReduceTensorOp_t f, GraphTensor y, const GraphTensor& x) {
  Descriptor& how = details_.emplace_back(CUDNN_BACKEND_REDUCTION_DESCRIPTOR);
  how.set(CUDNN_ATTR_REDUCTION_OPERATOR, f)
      .set(CUDNN_ATTR_REDUCTION_COMP_TYPE, CUDNN_DATA_FLOAT)
      .finalize();
  operations_.emplace_back(CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR)
      .set(CUDNN_ATTR_OPERATION_REDUCTION_XDESC, x.descriptor)
      .set(CUDNN_ATTR_OPERATION_REDUCTION_YDESC, y.descriptor)
      .set(CUDNN_ATTR_OPERATION_REDUCTION_DESC, how)
      .finalize();
  return y;
}

GraphTensor Graph::transposed(const GraphTensor& x, cudnnDataType_t type) {
  Dims4 dims = x.dims, strides = x.strides;
  std::swap(dims[2], dims[3]);
  std::swap(strides[2], strides[3]);
  const GraphTensor y = inside(dims, strides, type);
  operations_.emplace_back(CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR)
      .set(CUDNN_ATTR_OPERATION_RESHAPE_XDESC, x.descriptor)
      .set(CUDNN_ATTR_OPERATION_RESHAPE_YDESC, y.descriptor)
      .finalize();
  return y;
}

std::string Graph::try_finalize() {
  graph_ = Descriptor(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  graph_.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, operations_);
  return graph_.try_finalize();
}

}  // namespace tokenwerk::cuda
