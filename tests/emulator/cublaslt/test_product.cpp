#include "tests/emulator/cublaslt/test_product.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "tests/emulator/cublaslt/descriptors.h"
#include "tests/emulator/cublaslt/elements.h"
#include "tests/emulator/runtime/test_support.h"

namespace tokenwerk::emulator::test {
namespace {

std::size_t size(std::int64_t count) { return static_cast<std::size_t>(count); }

/// A matrix of a test: values that every type holds exactly, and the places of its elements.
struct TestMatrix {
  std::int64_t rows;
  std::int64_t columns;
  std::int64_t leading;
  cublasLtOrder_t order;
  std::int64_t stride;  ///< elements from one of the batch to the next
  int batches;

  [[nodiscard]] std::size_t at(std::int64_t row, std::int64_t column, int batch) const {
    const auto place =
        order == CUBLASLT_ORDER_COL ? row + column * leading : row * leading + column;
    return size(place + batch * stride);
  }
  [[nodiscard]] std::size_t count() const { return size(stride * batches); }
};

TestMatrix matrix_of(const ProductCase& one, std::int64_t rows, std::int64_t columns) {
  const bool by_column = one.order == CUBLASLT_ORDER_COL;
  const auto leading = (by_column ? rows : columns) + one.padding;
  const auto stride = leading * (by_column ? columns : rows) + one.padding;
  return {rows, columns, leading, one.order, stride, one.batches};
}

struct Shapes {
  TestMatrix a;
  TestMatrix b;
  TestMatrix d;
  TestMatrix aux;  ///< with a leading dimension that the library accepts
};

Shapes shapes_of(const ProductCase& one) {
  const bool ta = one.transpose_a == CUBLAS_OP_T;
  const bool tb = one.transpose_b == CUBLAS_OP_T;
  auto aux = matrix_of(one, one.m, one.n);
  aux.leading = (one.m + 7) / 8 * 8;
  aux.stride = aux.leading * one.n + 8;
  return {matrix_of(one, ta ? one.k : one.m, ta ? one.m : one.k),
          matrix_of(one, tb ? one.n : one.k, tb ? one.k : one.n), matrix_of(one, one.m, one.n),
          aux};
}

/// Eighths from -2 to 2, different for each operand.
std::vector<double> values(std::size_t count, unsigned seed) {
  std::vector<double> result(count);
  for (std::size_t i = 0; i < count; ++i) {
    result[i] = static_cast<double>((i * 7919 + seed * 104729 + i * i * 31) % 33) / 8.0 - 2.0;
  }
  return result;
}

std::vector<std::byte> as_elements(const std::vector<double>& from, cudaDataType type) {
  std::vector<std::byte> result(from.size() * bytes_of(type));
  const auto count = static_cast<std::int64_t>(from.size());
  if (type == CUDA_R_64F) {
    store(from.data(), count, result.data(), type, 1);
  } else {
    const std::vector<float> single(from.begin(), from.end());
    store(single.data(), count, result.data(), type, 1);
  }
  return result;
}

std::vector<double> as_values(const std::vector<std::byte>& from, cudaDataType type) {
  std::vector<double> result(from.size() / bytes_of(type));
  const auto count = static_cast<std::int64_t>(result.size());
  if (type == CUDA_R_64F) {
    load(from.data(), type, 1, count, result.data());
  } else {
    std::vector<float> single(result.size());
    load(from.data(), type, 1, count, single.data());
    result.assign(single.begin(), single.end());
  }
  return result;
}

double gelu(double x) {
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

/// The derivative of gelu by central differences, which shares no formula with the stand-in.
double gelu_slope(double x) {
  constexpr double step = 1e-5;
  return (gelu(x + step) - gelu(x - step)) / (2 * step);
}

bool has_bias(cublasLtEpilogue_t epilogue) {
  return epilogue == CUBLASLT_EPILOGUE_BIAS || epilogue == CUBLASLT_EPILOGUE_GELU_BIAS ||
         epilogue == CUBLASLT_EPILOGUE_GELU_AUX_BIAS;
}

/// What one element becomes on its way through the epilogue; writes the auxiliary value.
double finish(const ProductCase& one, double sum, double bias, double& aux) {
  sum += bias;
  switch (one.epilogue) {
    case CUBLASLT_EPILOGUE_GELU:
    case CUBLASLT_EPILOGUE_GELU_BIAS: return gelu(sum);
    case CUBLASLT_EPILOGUE_GELU_AUX:
    case CUBLASLT_EPILOGUE_GELU_AUX_BIAS: aux = sum; return gelu(sum);
    case CUBLASLT_EPILOGUE_DGELU:
    case CUBLASLT_EPILOGUE_DGELU_BGRAD: return sum * gelu_slope(aux);
    default: return sum;
  }
}

/// The operands before the product, in f64, padding included.
struct Inputs {
  std::vector<double> a;
  std::vector<double> b;
  std::vector<double> d;
  std::vector<double> aux;
  std::vector<double> bias;
};

std::int64_t bias_stride(const ProductCase& one) {
  return (one.epilogue == CUBLASLT_EPILOGUE_BGRADB ? one.n : one.m) + 1;
}

Inputs inputs_of(const ProductCase& one) {
  const auto shapes = shapes_of(one);
  return {values(shapes.a.count(), 1), values(shapes.b.count(), 2), values(shapes.d.count(), 3),
          values(shapes.aux.count(), 4), values(size(bias_stride(one) * one.batches), 5)};
}

/// Tells the library about the epilogue and its memory.
void set_epilogue(LtOperation& operation, const ProductCase& one, const TestMatrix& aux_shape,
                  void* bias, void* aux) {
  operation.set(CUBLASLT_MATMUL_DESC_EPILOGUE, one.epilogue);
  if (one.epilogue == CUBLASLT_EPILOGUE_DEFAULT) return;
  operation.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
  operation.set(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, one.bias_type);
  operation.set(CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE, bias_stride(one));
  operation.set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, aux);
  operation.set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, aux_shape.leading);
  operation.set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_BATCH_STRIDE, aux_shape.stride);
}

void expect_near(const char* what, const std::vector<double>& is, const std::vector<double>& wanted,
                 cudaDataType type) {
  const double epsilon = type == CUDA_R_64F ? 1e-12 : type == CUDA_R_32F ? 1e-5 : 8e-3;
  // Differences of gelu are good to about ten digits.
  const double least = 1e-8;
  ASSERT_EQ(is.size(), wanted.size());
  for (std::size_t i = 0; i < is.size(); ++i) {
    ASSERT_NEAR(is[i], wanted[i], std::max(least, epsilon * (1 + std::abs(wanted[i]))))
        << what << " element " << i;
  }
}

}  // namespace

ProductResult expected_product(const ProductCase& one) {
  const auto shapes = shapes_of(one);
  auto in = inputs_of(one);
  const auto a = [&](std::int64_t i, std::int64_t l, int s) {
    return in.a[one.transpose_a == CUBLAS_OP_T ? shapes.a.at(l, i, s) : shapes.a.at(i, l, s)];
  };
  const auto b = [&](std::int64_t l, std::int64_t j, int s) {
    return in.b[one.transpose_b == CUBLAS_OP_T ? shapes.b.at(j, l, s) : shapes.b.at(l, j, s)];
  };
  for (int s = 0; s < one.batches; ++s) {
    auto* const bias = in.bias.data() + s * bias_stride(one);
    std::vector<double> rows(size(one.m), 0.0);
    for (std::int64_t j = 0; j < one.n; ++j) {
      for (std::int64_t i = 0; i < one.m; ++i) {
        double sum = 0;
        for (std::int64_t l = 0; l < one.k; ++l) sum += a(i, l, s) * b(l, j, s);
        auto& d = in.d[shapes.d.at(i, j, s)];
        d = finish(one, one.alpha * sum + one.beta * d, has_bias(one.epilogue) ? bias[i] : 0,
                   in.aux[shapes.aux.at(i, j, s)]);
        rows[size(i)] += d;
      }
    }
    if (one.epilogue == CUBLASLT_EPILOGUE_DGELU_BGRAD) std::copy(rows.begin(), rows.end(), bias);
    for (std::int64_t i = 0; one.epilogue == CUBLASLT_EPILOGUE_BGRADA && i < one.m; ++i) {
      bias[i] = 0;
      for (std::int64_t l = 0; l < one.k; ++l) bias[i] += a(i, l, s);
    }
    for (std::int64_t j = 0; one.epilogue == CUBLASLT_EPILOGUE_BGRADB && j < one.n; ++j) {
      bias[j] = 0;
      for (std::int64_t l = 0; l < one.k; ++l) bias[j] += b(l, j, s);
    }
  }
  return {in.d, in.aux, in.bias};
}

ProductResult run_product(const ProductCase& one) {
  const auto shapes = shapes_of(one);
  const auto in = inputs_of(one);
  const DeviceArray<std::byte> a(as_elements(in.a, one.in));
  const DeviceArray<std::byte> b(as_elements(in.b, one.in));
  const DeviceArray<std::byte> d(as_elements(in.d, one.out));
  const DeviceArray<std::byte> aux(as_elements(in.aux, one.out));
  const DeviceArray<std::byte> bias(as_elements(in.bias, one.bias_type));
  const bool is_double = one.compute == CUBLAS_COMPUTE_64F;
  const auto scale_type = is_double ? CUDA_R_64F : CUDA_R_32F;
  const auto scales = as_elements({one.alpha, one.beta}, scale_type);
  const DeviceArray<std::byte> device_scales(scales);
  const auto* const alpha = one.scales_on_device ? device_scales.data() : scales.data();

  const LtHandle handle;
  LtOperation operation(one.compute, scale_type);
  operation.set(CUBLASLT_MATMUL_DESC_TRANSA, one.transpose_a);
  operation.set(CUBLASLT_MATMUL_DESC_TRANSB, one.transpose_b);
  operation.set(CUBLASLT_MATMUL_DESC_POINTER_MODE,
                one.scales_on_device ? CUBLASLT_POINTER_MODE_DEVICE : CUBLASLT_POINTER_MODE_HOST);
  set_epilogue(operation, one, shapes.aux, bias.data(), aux.data());
  const auto layout = [&](const TestMatrix& matrix, cudaDataType type) {
    return LtLayout({type, matrix.rows, matrix.columns, matrix.leading, matrix.order,
                     matrix.batches, matrix.stride});
  };
  const auto a_layout = layout(shapes.a, one.in);
  const auto b_layout = layout(shapes.b, one.in);
  const auto d_layout = layout(shapes.d, one.out);
  const TestStream stream;
  EXPECT_EQ(cublasLtMatmul(handle.get(), operation.get(), alpha, a.data(), a_layout.get(), b.data(),
                           b_layout.get(), alpha + bytes_of(scale_type), d.data(), d_layout.get(),
                           d.data(), d_layout.get(), nullptr, nullptr, 0, stream.get()),
            CUBLAS_STATUS_SUCCESS);
  return {as_values(d.values(), one.out), as_values(aux.values(), one.out),
          as_values(bias.values(), one.bias_type)};
}

void expect_product(const ProductCase& one) {
  SCOPED_TRACE(testing::Message() << one.m << "x" << one.n << "x" << one.k << " epilogue "
                                  << one.epilogue << " of " << name_of(one.in) << " to "
                                  << name_of(one.out));
  const auto is = run_product(one);
  const auto wanted = expected_product(one);
  expect_near("d", is.d, wanted.d, one.out);
  expect_near("aux", is.aux, wanted.aux, one.out);
  expect_near("bias", is.bias, wanted.bias, one.bias_type);
}

}  // namespace tokenwerk::emulator::test
