#include "core/ops/norm.h"

#include "core/cuda/kernels/columns.h"
#include "tests/emulator/traffic/cases.h"

namespace tokenwerk::traffic {
namespace {

constexpr double epsilon = 1e-5;

/// Operands of one kind of norm; `vectors` is what the forward pass reads besides x (gamma, or
/// gamma and beta), and as many sums go to their gradients.
struct Operands {
  Tensor y, dy, x, stats, gamma, beta, dgamma, dbeta;
  double array, vector, statistics;
  Index vectors;
};

Operands make_operands(const Meter& meter, const Extents& e, DType dtype, Index vectors) {
  const Shape shape{e.rows, e.width}, vector{e.width};
  const DType sums = accumulation_type(dtype);
  return {meter.filled(dtype, shape),       meter.filled(dtype, shape),
          meter.filled(dtype, shape),       meter.filled(sums, Shape{e.rows, vectors}),
          meter.filled(dtype, vector),      meter.filled(dtype, vector),
          meter.filled(sums, vector),       meter.filled(sums, vector),
          bytes_of(dtype, shape.count()),   bytes_of(dtype, e.width),
          bytes_of(sums, e.rows * vectors), vectors};
}

/// What the weights' sums move beyond the least: the statistics of a row are a sector for every
/// warp and value, and a warp takes 512 bytes of a row's dy and x.
double weight_overhead(const Extents& e, DType dtype, const Operands& o) {
  const double warps = o.vector / 512.0, sector = 32.0;
  const double partials =
      2 * bytes_of(accumulation_type(dtype), cuda::column_chunks(e.rows) * o.vectors * e.width);
  const auto values = static_cast<double>(e.rows * o.vectors);
  return partials + values * warps * sector - o.statistics;
}

void measure_layer_norm(Meter& meter, const Extents& e, DType dtype) {
  const Operands o = make_operands(meter, e, dtype, 2);
  const std::string what = operands(dtype, e.rows, e.width);
  const auto others = static_cast<double>(e.rows - 1);
  meter.measure({.operation = "layer_norm_forward",
                 .operands = what,
                 .least = 2 * o.array + 2 * o.vector + o.statistics,  // x, gamma, beta; y, stats
                 .more = others * 2 * o.vector,
                 .reason = "gamma and beta for every row, from the caches",
                 .run = [&](Stream& s) {
                   layer_norm_forward(s, o.y, o.stats, o.x, o.gamma, o.beta, epsilon);
                 }});
  for (const Write write : {Write::overwrite, Write::accumulate}) {
    const bool adds = write == Write::accumulate;
    meter.measure({.operation = adds ? "layer_norm_backward_input +=" : "layer_norm_backward_input",
                   .operands = what,  // dy, x, stats, gamma, where it adds dx; dx
                   .least = (adds ? 4 : 3) * o.array + o.statistics + o.vector,
                   .more = others * o.vector,
                   .reason = "gamma for every row, from the caches",
                   .run = [&](Stream& s) {
                     layer_norm_backward_input(s, o.y, o.dy, o.x, o.stats, o.gamma, write);
                   }});
  }
  meter.measure({.operation = "layer_norm_backward_weight",
                 .operands = what,  // dy, x, stats; dgamma, dbeta
                 .least = 2 * o.array + o.statistics + 2 * bytes_of(o.dgamma.dtype(), e.width),
                 .more = weight_overhead(e, dtype, o),
                 .reason = "two sums for every chunk of rows, written and read",
                 .run = [&](Stream& s) {
                   layer_norm_backward_weight(s, o.dgamma, o.dbeta, o.dy, o.x, o.stats,
                                              Write::overwrite);
                 }});
}

void measure_rms_norm(Meter& meter, const Extents& e, DType dtype) {
  const Operands o = make_operands(meter, e, dtype, 1);
  const std::string what = operands(dtype, e.rows, e.width);
  const auto others = static_cast<double>(e.rows - 1);
  meter.measure(
      {.operation = "rms_norm_forward",
       .operands = what,
       .least = 2 * o.array + o.vector + o.statistics,  // x, gamma; y, stats
       .more = others * o.vector,
       .reason = "gamma for every row, from the caches",
       .run = [&](Stream& s) { rms_norm_forward(s, o.y, o.stats, o.x, o.gamma, epsilon); }});
  meter.measure({.operation = "rms_norm_backward_input",
                 .operands = what,
                 .least = 3 * o.array + o.statistics + o.vector,  // dy, x, stats, gamma; dx
                 .more = others * o.vector,
                 .reason = "gamma for every row, from the caches",
                 .run = [&](Stream& s) {
                   rms_norm_backward_input(s, o.y, o.dy, o.x, o.stats, o.gamma, Write::overwrite);
                 }});
  meter.measure({.operation = "rms_norm_backward_weight",
                 .operands = what,  // dy, x, stats; dgamma
                 .least = 2 * o.array + o.statistics + bytes_of(o.dgamma.dtype(), e.width),
                 .more = weight_overhead(e, dtype, o),
                 .reason = "a sum for every chunk of rows, written and read",
                 .run = [&](Stream& s) {
                   rms_norm_backward_weight(s, o.dgamma, o.dy, o.x, o.stats, Write::overwrite);
                 }});
}

}  // namespace

void measure_norms(Meter& meter, const Extents& e, DType dtype) {
  measure_layer_norm(meter, e, dtype);
  measure_rms_norm(meter, e, dtype);
}

}  // namespace tokenwerk::traffic
