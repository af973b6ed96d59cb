#pragma once
/// Operation graphs of cuDNN's backend, written as a chain of formulas.

#include "core/cuda/cudnn_descriptor.h"

namespace tokenwerk::cuda {

/// Four dims (B,H,rows,columns), or their strides in elements.
using Dims4 = std::array<std::int64_t, 4>;

/// Strides of a dense array.
[[nodiscard]] Dims4 dense_strides(const Dims4& dims);

/// An array of a graph: a node's operand or result. Copies name the same array.
struct GraphTensor {
  cudnnBackendDescriptor_t descriptor = nullptr;
  Dims4 dims{}, strides{};
  cudnnDataType_t type = CUDNN_DATA_FLOAT;
};

/// Arrays and the operations between them; what has no name lives inside the kernels ("virtual").
/// All arithmetic is in f32.
class Graph {
 public:
  /// An array in memory, known by its id when the graph runs; 16-byte aligned.
  GraphTensor in_memory(std::int64_t id, const Dims4& dims, const Dims4& strides,
                        cudnnDataType_t type);
  /// One f32 number, handed over from the host's memory.
  GraphTensor number(std::int64_t id);
  /// A dense array inside the kernels.
  GraphTensor inside(const Dims4& dims, cudnnDataType_t type = CUDNN_DATA_FLOAT);
  GraphTensor inside(const Dims4& dims, const Dims4& strides, cudnnDataType_t type);

  /// c = a b; heads of b may serve several heads of a.
  GraphTensor matmul(GraphTensor c, const GraphTensor& a, const GraphTensor& b);
  /// y = f(x), of x's dims, inside.
  GraphTensor unary(cudnnPointwiseMode_t f, const GraphTensor& x);
  GraphTensor unary(cudnnPointwiseMode_t f, GraphTensor y, const GraphTensor& x);
  /// y = f(x, b), b broadcast over x's dims.
  GraphTensor binary(cudnnPointwiseMode_t f, const GraphTensor& x, const GraphTensor& b);
  GraphTensor binary(cudnnPointwiseMode_t f, GraphTensor y, const GraphTensor& x,
                     const GraphTensor& b);
  /// x where the query's row is not before the key's column, else `masked`.
  GraphTensor causal(const GraphTensor& x, const GraphTensor& masked);
  /// y = x reduced over the dims in which y has 1, or fewer heads.
  GraphTensor reduce(cudnnReduceTensorOp_t f, GraphTensor y, const GraphTensor& x);
  /// The same elements with dims 2 and 3 exchanged, as an operand of `type`.
  GraphTensor transposed(const GraphTensor& x, cudnnDataType_t type);

  /// Ends the graph, which then may be read by plans. cuDNN's words where it refuses, else empty.
  [[nodiscard]] std::string try_finalize();
  [[nodiscard]] const Descriptor& descriptor() const { return graph_; }

 private:
  GraphTensor keep(Descriptor tensor, const Dims4& dims, const Dims4& strides,
                   cudnnDataType_t type);
  GraphTensor index_of(const GraphTensor& x, std::int64_t axis);
  Descriptor& function(cudnnPointwiseMode_t f, cudnnDataType_t precision);
  Descriptor& pointwise(const Descriptor& how, const GraphTensor& y, const GraphTensor& x);

  std::vector<Descriptor> tensors_, details_, operations_;
  std::int64_t next_inside_ = 1000;  ///< ids of arrays inside, beyond all ids in memory
  Descriptor graph_;
};

}  // namespace tokenwerk::cuda
