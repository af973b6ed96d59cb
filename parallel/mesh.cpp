#include "parallel/mesh.h"

#include <array>

#include "core/error.h"

namespace tokenwerk {
namespace {

/// How far apart neighbours along an axis lie in rank order, and how many there are. All axes, the
/// combined ones too, are runs of the mixed-radix number that a rank is.
struct Stride {
  Index step;
  Index degree;
};

Stride stride_of(const MeshShape& s, Axis axis) {
  const Index expert = s.tensor, context = expert * s.expert, shard = context * s.context;
  const Index replicate = shard * s.shard, pipeline = replicate * s.replicate;
  switch (axis) {
    case Axis::pipeline: return {pipeline, s.pipeline};
    case Axis::replicate: return {replicate, s.replicate};
    case Axis::shard: return {shard, s.shard};
    case Axis::context: return {context, s.context};
    case Axis::expert: return {expert, s.expert};
    case Axis::tensor: return {1, s.tensor};
    case Axis::data: return {shard, s.shard * s.replicate};
    case Axis::world: return {1, pipeline * s.pipeline};
  }
  TW_RAISE(Error, "no such axis");
}

/// "tensor 3 x pipeline 2": the degrees above 1, data aside.
std::string model_degrees(const MeshShape& shape) {
  std::string text;
  for (Axis axis : {Axis::pipeline, Axis::context, Axis::expert, Axis::tensor})
    if (shape.degree(axis) != 1)
      text += fmt::format("{}{} {}", text.empty() ? "" : " x ", name_of(axis), shape.degree(axis));
  return text.empty() ? "no other axis" : text;
}

/// Multiplies step by step, so that absurd degrees are named instead of overflowing.
void check_product(const MeshShape& shape, Index ranks) {
  Index model = 1;
  for (Axis axis : {Axis::pipeline, Axis::context, Axis::expert, Axis::tensor}) {
    model *= shape.degree(axis);
    TW_CHECK_AS(ConfigError, model <= ranks, model_degrees(shape), " needs more than the ", ranks,
                " ranks there are");
  }
  const Index below = ranks / model * model;
  TW_CHECK_AS(ConfigError, below == ranks, ranks, " ranks do not divide by ", model, " (",
              model_degrees(shape), "): nearest legal rank counts are ", below, " and ",
              below + model);
  const Index data = shape.degree(Axis::data);
  TW_CHECK_AS(ConfigError, data == ranks / model, "data degree ", data, " with ",
              model_degrees(shape), " does not fill ", ranks,
              " ranks: the nearest legal data degree is ", ranks / model);
}

}  // namespace

std::string_view name_of(Axis axis) {
  static constexpr std::array<std::string_view, 8> names = {
      "pipeline", "replicate", "shard", "context", "expert", "tensor", "data", "world"};
  return names[static_cast<std::size_t>(axis)];
}

Index MeshShape::degree(Axis axis) const { return stride_of(*this, axis).degree; }

Mesh::Mesh(const MeshShape& shape, Index ranks) : shape_(shape) {
  TW_CHECK_AS(ConfigError, ranks > 0, "a mesh of ", ranks, " ranks");
  for (Axis axis :
       {Axis::pipeline, Axis::replicate, Axis::shard, Axis::context, Axis::expert, Axis::tensor})
    TW_CHECK_AS(ConfigError, shape.degree(axis) >= 1 && shape.degree(axis) <= ranks, "degree of ",
                name_of(axis), " is ", shape.degree(axis), ": 1 to ", ranks, " are possible on ",
                ranks, " ranks");
  check_product(shape, ranks);
}

Index Mesh::position(Axis axis, Index rank) const {
  const Stride stride = stride_of(shape_, axis);
  return rank / stride.step % stride.degree;
}

MeshCoordinates Mesh::coordinates(Index rank) const {
  TW_CHECK(0 <= rank && rank < ranks(), "rank ", rank, " of a mesh of ", ranks());
  return {position(Axis::pipeline, rank), position(Axis::replicate, rank),
          position(Axis::shard, rank),    position(Axis::context, rank),
          position(Axis::expert, rank),   position(Axis::tensor, rank)};
}

Index Mesh::rank(const MeshCoordinates& c) const {
  Index rank = 0;
  const auto add = [&](Axis axis, Index at) {
    const Stride stride = stride_of(shape_, axis);
    TW_CHECK(0 <= at && at < stride.degree, name_of(axis), " coordinate ", at, " of ",
             stride.degree);
    rank += at * stride.step;
  };
  add(Axis::pipeline, c.pipeline);
  add(Axis::replicate, c.replicate);
  add(Axis::shard, c.shard);
  add(Axis::context, c.context);
  add(Axis::expert, c.expert);
  add(Axis::tensor, c.tensor);
  return rank;
}

std::vector<Index> Mesh::ranks_along(Axis axis, Index rank) const {
  TW_CHECK(0 <= rank && rank < ranks(), "rank ", rank, " of a mesh of ", ranks());
  const Stride stride = stride_of(shape_, axis);
  const Index first = rank - position(axis, rank) * stride.step;
  std::vector<Index> out;
  for (Index i = 0; i < stride.degree; ++i) out.push_back(first + i * stride.step);
  return out;
}

}  // namespace tokenwerk
