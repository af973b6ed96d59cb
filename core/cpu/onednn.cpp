#include "core/cpu/onednn.h"

#include <array>
#include <dnnl.hpp>
#include <map>
#include <unordered_map>

namespace tokenwerk::cpu {
namespace {

using MemoryType = dnnl::memory::data_type;

/// More primitives than a training run uses; what a stream of odd shapes may hold.
constexpr std::size_t most_primitives = 512;

MemoryType type_of(DType dtype) {
  return dtype == DType::bf16 ? MemoryType::bf16 : MemoryType::f32;
}

/// What tells one primitive from another.
using Key = std::array<Index, 12>;

/// A primitive with the memory objects that its executions point at their data.
struct Product {
  dnnl::matmul primitive;
  dnnl::memory a, b, c, bias, scratch;
  std::unordered_map<int, dnnl::memory> arguments;
  Index scratch_bytes = 0;
};

dnnl::memory::desc describe(const Matrix& m) {
  return {{m.rows, m.columns}, type_of(m.dtype), {m.row_stride, m.column_stride}};
}

Product make_product(const dnnl::engine& engine, const Matrix& a, const Matrix& b, const Matrix& c,
                     const ConstTensorView& bias, Write write) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (write == Write::accumulate) {
    dnnl::post_ops sum;
    sum.append_sum(1.0f);
    attributes.set_post_ops(sum);
  }
  const auto bias_shape = dnnl::memory::desc{{1, c.columns}, type_of(bias.dtype), {c.columns, 1}};
  const auto description =
      bias ? dnnl::matmul::desc(describe(a), describe(b), bias_shape, describe(c))
           : dnnl::matmul::desc(describe(a), describe(b), describe(c));
  const dnnl::matmul::primitive_desc plan(description, attributes, engine);

  Product product{dnnl::matmul(plan),
                  dnnl::memory(plan.src_desc(), engine, DNNL_MEMORY_NONE),
                  dnnl::memory(plan.weights_desc(), engine, DNNL_MEMORY_NONE),
                  dnnl::memory(plan.dst_desc(), engine, DNNL_MEMORY_NONE),
                  dnnl::memory(bias_shape, engine, DNNL_MEMORY_NONE),
                  dnnl::memory(plan.scratchpad_desc(), engine, DNNL_MEMORY_NONE),
                  {},
                  static_cast<Index>(plan.scratchpad_desc().get_size())};
  product.arguments = {{DNNL_ARG_SRC, product.a},
                       {DNNL_ARG_WEIGHTS, product.b},
                       {DNNL_ARG_DST, product.c},
                       {DNNL_ARG_SCRATCHPAD, product.scratch}};
  if (bias) product.arguments.emplace(DNNL_ARG_BIAS, product.bias);
  return product;
}

}  // namespace

struct ProductCache::Primitives {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  std::map<Key, Product> products;

  Product& find(const Matrix& a, const Matrix& b, const Matrix& c, const ConstTensorView& bias,
                Write write) {
    const Key key{c.rows,
                  c.columns,
                  a.columns,
                  a.row_stride,
                  a.column_stride,
                  b.row_stride,
                  b.column_stride,
                  c.row_stride,
                  static_cast<Index>(a.dtype),
                  static_cast<Index>(c.dtype),
                  bias ? 1 : 0,
                  write == Write::accumulate ? 1 : 0};
    const auto found = products.find(key);
    if (found != products.end()) return found->second;
    if (products.size() >= most_primitives) products.clear();
    return products.emplace(key, make_product(engine, a, b, c, bias, write)).first->second;
  }
};

ProductCache::ProductCache() : primitives_(std::make_unique<Primitives>()) {}
ProductCache::~ProductCache() = default;

bool ProductCache::has_fast_bf16() {
  const auto has = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
  const auto wanted = static_cast<unsigned>(dnnl::cpu_isa::avx512_core_bf16);
  return (has & wanted) == wanted;
}

std::string onednn_description() {
  struct NamedIsa {
    dnnl::cpu_isa isa;
    const char* name;
  };
  // Each of these holds the bits of those before it.
  constexpr std::array<NamedIsa, 7> known{{{dnnl::cpu_isa::sse41, "sse41"},
                                           {dnnl::cpu_isa::avx, "avx"},
                                           {dnnl::cpu_isa::avx2, "avx2"},
                                           {dnnl::cpu_isa::avx512_core, "avx512_core"},
                                           {dnnl::cpu_isa::avx512_core_vnni, "avx512_core_vnni"},
                                           {dnnl::cpu_isa::avx512_core_bf16, "avx512_core_bf16"},
                                           {dnnl::cpu_isa::avx512_core_amx, "avx512_core_amx"}}};
  const auto has = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
  const char* best = "scalar";
  for (const auto& [isa, name] : known) {
    const auto wanted = static_cast<unsigned>(isa);
    if ((has & wanted) == wanted) best = name;
  }
  const dnnl_version_t& version = *dnnl_version();
  return fmt::format("{}.{}.{}, {}", version.major, version.minor, version.patch, best);
}

void ProductCache::multiply(TensorView c, const Matrix& a, const Matrix& b, ConstTensorView bias,
                            Write write) {
  try {
    Product& product = primitives_->find(a, b, matrix_of(c), bias, write);
    const Tensor scratch(*c.device, DType::f32, {(product.scratch_bytes + 3) / 4});
    product.a.set_data_handle(const_cast<void*>(a.data));  // read only, whatever the type says
    product.b.set_data_handle(const_cast<void*>(b.data));
    product.c.set_data_handle(c.data);
    product.scratch.set_data_handle(scratch.view().data);
    if (bias) product.bias.set_data_handle(const_cast<void*>(bias.data));
    product.primitive.execute(primitives_->stream, product.arguments);
    primitives_->stream.wait();
  } catch (const dnnl::error& error) {
    TW_RAISE(DeviceError, "oneDNN: a product of ", a.rows, " x ", a.columns, " by ", b.columns,
             " in ", name_of(a.dtype), " failed: ", error.what());
  }
}

}  // namespace tokenwerk::cpu
