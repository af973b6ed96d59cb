#include "core/ops/activation.h"

namespace tokenwerk {
namespace {

ActivationOps& family(Stream& stream) { return *stream.device().operations().activation; }

/// Each operand is an array like `first`.
struct Operand {
  std::string_view name;
  ConstTensorView view;
};
void check_alike(std::string_view operation, const ConstTensorView& first,
                 std::initializer_list<Operand> operands) {
  TW_CHECK_AS(ShapeError, first.dtype != DType::i32, operation, ": operands are i32");
  for (const Operand& operand : operands) {
    check_matrix(operand.view, operation, operand.name, first.rows(), first.columns(), first.dtype);
  }
}

}  // namespace

void gelu_forward(Stream& stream, TensorView y, ConstTensorView x) {
  check_alike("gelu_forward", x, {{"x", x}, {"y", y}});
  family(stream).do_gelu_forward(stream, y, x);
}

void gelu_backward(Stream& stream, TensorView dx, ConstTensorView dy, ConstTensorView x) {
  check_alike("gelu_backward", x, {{"x", x}, {"dx", dx}, {"dy", dy}});
  family(stream).do_gelu_backward(stream, dx, dy, x);
}

void swiglu_forward(Stream& stream, TensorView y, ConstTensorView gate, ConstTensorView up) {
  check_alike("swiglu_forward", gate, {{"gate", gate}, {"up", up}, {"y", y}});
  family(stream).do_swiglu_forward(stream, y, gate, up);
}

void swiglu_backward(Stream& stream, TensorView dgate, TensorView dup, ConstTensorView dy,
                     ConstTensorView gate, ConstTensorView up) {
  check_alike("swiglu_backward", gate,
              {{"gate", gate}, {"up", up}, {"dy", dy}, {"dgate", dgate}, {"dup", dup}});
  family(stream).do_swiglu_backward(stream, dgate, dup, dy, gate, up);
}

}  // namespace tokenwerk
