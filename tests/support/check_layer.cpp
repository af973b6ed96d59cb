#include "tests/support/check_layer.h"

#include <cstring>

#include "core/nn/accumulating_sink.h"
#include "core/ops/elementwise.h"
#include "tests/support/derivative.h"

namespace tokenwerk {
namespace {

/// Asks for each sequence apart and sums: what a sum of fixed order does.
class SequenceSink final : public GradientSink {
 public:
  SequenceSink(const ParameterStore& store, Stream& stream, TensorView gradients)
      : stream_(&stream), gradients_(gradients), store_(&store) {}
  void add(const Run& run, const ParameterGroup& group, Index rows,
           const Product& product) override {
    const TensorView total = ParameterStore::window(gradients_, group);
    Tensor one(*gradients_.device, gradients_.dtype, store_->window(gradients_, group).shape);
    for (Index first = 0; first < rows; first += run.rows_per_sequence) {
      product(one, {first, first + run.rows_per_sequence}, Write::overwrite);
      tokenwerk::add(*stream_, total, total, one);
    }
  }

 private:
  Stream* stream_;
  TensorView gradients_;
  const ParameterStore* store_;
};

class LayerCheck {
 public:
  LayerCheck(Device& device, Layer& layer, const LayerCase& shape)
      : device_(device), layer_(layer), shape_(shape), stream_(test_streams().at(&device)) {
    store_ = std::make_unique<ParameterStore>(device, layer.groups());
    fill_random(store_->values(), 11, 0.7);
    rows_ = shape.sequences * shape.rows_per_sequence;
    x_ = make_input(21);
    r_ = random_tensor(device, DType::f64, Shape{rows_, shape.outputs}, 31);
  }

  void run_all() {
    finite_differences();
    accumulation();
    same_bits();
    at_once_equals_later();
    delayed_equals_immediate();
    recomputed_equals_saved();
    sequences_add_up();
  }

 private:
  Tensor make_input(std::uint64_t seed) {
    if (shape_.inputs > 0)
      return random_tensor(device_, DType::f64, Shape{rows_, shape_.inputs}, seed);
    std::vector<double> tokens;
    for (Index i = 0; i < rows_; ++i)
      tokens.push_back(static_cast<double>((i * 7 + static_cast<Index>(seed)) % shape_.vocabulary));
    return make_tensor(device_, DType::i32, Shape{rows_}, tokens);
  }
  Run run() {
    return {.stream = *stream_, .rows = rows_, .rows_per_sequence = shape_.rows_per_sequence};
  }
  Tensor zeros() {
    Tensor tensor(device_, DType::f64, Shape{store_->size()});
    fill(*stream_, tensor, 0.0);
    return tensor;
  }
  Tensor forward(ConstTensorView x, Saved& saved) {
    Tensor y(device_, DType::f64, Shape{rows_, shape_.outputs});
    Run r = run();
    layer_.forward(r, y, x, saved);
    return y;
  }
  /// sum(y * r), whose gradient by y is r.
  double objective() {
    Saved saved;
    return dot(forward(x_, saved), r_);
  }
  Tensor backward_input(ConstTensorView x, Saved& saved) {
    Tensor dx;
    if (shape_.inputs > 0) dx = Tensor(device_, DType::f64, Shape{rows_, shape_.inputs});
    Run r = run();
    layer_.backward_input(r, dx, r_, x, saved, nullptr);
    return dx;
  }
  void backward_weight(Saved& saved, GradientSink& sink) {
    Run r = run();
    layer_.backward_weight(r, saved, sink);
  }
  struct Gradients {
    Tensor dx, dw;
  };
  Gradients gradients() {
    Gradients out{{}, zeros()};
    Saved saved;
    (void)forward(x_, saved);
    out.dx = backward_input(x_, saved);
    AccumulatingSink sink(*store_, out.dw);
    sink.begin();
    backward_weight(saved, sink);
    return out;
  }

  /// Compares dot(gradient, direction) with a central difference of the objective along it.
  void directional(const char* what, TensorView values, ConstTensorView gradient,
                   std::uint64_t seed) {
    const double h = 1e-5;
    const Tensor u = random_tensor(device_, DType::f64, values.shape, seed);
    const std::vector<double> start = values_of(values), step = values_of(u);
    const std::vector<double> slope = values_of(gradient);
    double expected = 0.0, size = 0.0;
    std::vector<double> plus = start, minus = start;
    for (std::size_t i = 0; i < start.size(); ++i) {
      expected += slope[i] * step[i];
      size += std::abs(slope[i] * step[i]);
      plus[i] += h * step[i];
      minus[i] -= h * step[i];
    }
    set_values(values, plus);
    const double above = objective();
    set_values(values, minus);
    const double below = objective();
    set_values(values, start);
    EXPECT_NEAR((above - below) / (2 * h), expected, 1e-7 * (1.0 + size)) << what;
  }

  void finite_differences() {
    const Gradients g = gradients();
    for (std::uint64_t seed : {101u, 102u, 103u}) {
      if (shape_.inputs > 0) directional("x", x_, g.dx, seed);
      for (const ParameterGroup* group : store_->groups()) {
        for (const Parameter& part : group->parts) {
          directional(part.name.c_str(), part.value, ParameterStore::window(g.dw, *group, part),
                      seed);
        }
      }
    }
  }

  void accumulation() {
    const Gradients once = gradients();
    Tensor twice = zeros();
    AccumulatingSink sink(*store_, twice);
    sink.begin();
    for (int pass = 0; pass < 2; ++pass) {
      Saved saved;
      (void)forward(x_, saved);
      (void)backward_input(x_, saved);
      backward_weight(saved, sink);
    }
    const std::vector<double> one = values_of(once.dw), two = values_of(twice);
    for (std::size_t i = 0; i < one.size(); ++i)
      EXPECT_NEAR(two[i], 2 * one[i], 1e-12 * (1 + std::abs(one[i])))
          << "gradients accumulate: element " << i;
  }

  static void expect_same_bits(const Tensor& a, const Tensor& b, const char* what) {
    const std::vector<double> x = values_of(a), y = values_of(b);
    ASSERT_EQ(x.size(), y.size());
    EXPECT_TRUE(x.empty() || std::memcmp(x.data(), y.data(), x.size() * sizeof(double)) == 0)
        << what;
  }
  static void expect_same_bits(const Gradients& a, const Gradients& b, const char* what) {
    if (a.dx) expect_same_bits(a.dx, b.dx, what);
    expect_same_bits(a.dw, b.dw, what);
  }

  void same_bits() {
    Saved one, two;
    expect_same_bits(forward(x_, one), forward(x_, two), "the same input gives the same output");
    expect_same_bits(gradients(), gradients(), "the same input gives the same gradients");
  }

  /// With a sink, backward_input does the work of backward_weight.
  void at_once_equals_later() {
    const Gradients later = gradients();
    Gradients at_once{{}, zeros()};
    Saved saved;
    (void)forward(x_, saved);
    AccumulatingSink sink(*store_, at_once.dw);
    sink.begin();
    if (shape_.inputs > 0) at_once.dx = Tensor(device_, DType::f64, Shape{rows_, shape_.inputs});
    Run r = run();
    layer_.backward_input(r, at_once.dx, r_, x_, saved, &sink);
    expect_same_bits(later, at_once, "weight gradients at once equal those made later");
  }

  void delayed_equals_immediate() {
    const Gradients immediate = gradients();
    Gradients delayed{{}, zeros()};
    Saved saved, other;
    const Tensor between = make_input(22);
    (void)forward(x_, saved);
    (void)forward(between, other);
    delayed.dx = backward_input(x_, saved);
    const Tensor unused = backward_input(between, other);
    AccumulatingSink sink(*store_, delayed.dw);
    sink.begin();
    backward_weight(saved, sink);
    expect_same_bits(immediate, delayed, "a delayed backward_weight equals the immediate one");
  }

  void recomputed_equals_saved() {
    const Gradients kept = gradients();
    Gradients again{{}, zeros()};
    Saved saved;
    (void)forward(x_, saved);
    saved.clear();
    (void)forward(x_, saved);
    again.dx = backward_input(x_, saved);
    AccumulatingSink sink(*store_, again.dw);
    sink.begin();
    backward_weight(saved, sink);
    expect_same_bits(kept, again, "recomputed equals saved");
  }

  void sequences_add_up() {
    const Gradients whole = gradients();
    const Tensor sum = zeros();
    Saved saved;
    (void)forward(x_, saved);
    (void)backward_input(x_, saved);
    SequenceSink sink(*store_, *stream_, sum);
    backward_weight(saved, sink);
    const std::vector<double> all = values_of(whole.dw), added = values_of(sum);
    for (std::size_t i = 0; i < all.size(); ++i)
      EXPECT_NEAR(added[i], all[i], 1e-12 * (1 + std::abs(all[i])))
          << "sequences add up: element " << i;
  }

  Device& device_;
  Layer& layer_;
  LayerCase shape_;
  Stream* stream_;
  std::unique_ptr<ParameterStore> store_;
  Index rows_ = 0;
  Tensor x_;
  Tensor r_;  ///< dy
};

}  // namespace

void check_layer(Device& device, Layer& layer, const LayerCase& shape) {
  LayerCheck(device, layer, shape).run_all();
}

}  // namespace tokenwerk
