/// A checkpoint describes global arrays, not who wrote them. Ranks that hold rows write one, ranks
/// that hold columns read it and write it again, and the two are the same model.
///
///   reshard_checkpoint FOLDER

#include <fmt/core.h>

#include <filesystem>

#include "parallel/checkpoint/box.h"
#include "parallel/checkpoint/checkpoint.h"
#include "parallel/checkpoint/compare.h"
#include "parallel/checkpoint/folder.h"
#include "parallel/comm/control.h"
#include "parallel/comm/program.h"

using namespace tokenwerk;

namespace {

const std::string name = "model/weight";
const Shape shape{8, 12};

/// What a rank holds of the array: an equal cut along a dim.
struct Part {
  Part(Device& device, const Communicator& ranks, int dim) : box(Box::whole(shape)) {
    box.extent[dim] = shape[dim] / ranks.size();
    box.offset[dim] = ranks.rank() * box.extent[dim];
    TW_CHECK(box.extent[dim] * ranks.size() == shape[dim], "dim ", dim, " of ", shape.text(),
             " does not divide by ", ranks.size(), " ranks");
    value = Tensor(device, DType::f32, box.extent);
  }
  /// Calls visit(element, what it should be) for each: 100 row + column of the whole array.
  template <typename Visit>
  void for_each(Visit visit) const {
    for (Index r = 0; r < box.extent[0]; ++r)
      for (Index c = 0; c < box.extent[1]; ++c)
        visit(value.view().at<float>(r, c),
              static_cast<float>(100 * (box.offset[0] + r) + box.offset[1] + c));
  }
  Box box;
  Tensor value;
};

void save(Communicator& ranks, const std::filesystem::path& folder, Index step, const Part& part) {
  const ArrayPart parts[] = {{name, shape, part.box, part.value}};
  save_checkpoint(ranks, folder, step, parts);
  const auto boxes = gather_strings(ranks, text_of(part.box));
  for (std::size_t rank = 0; ranks.rank() == 0 && rank < boxes.size(); ++rank)
    fmt::print("step {}, rank {} wrote {} of {}\n", step, rank, boxes[rank], shape.text());
}

/// Reads the arrays of a step as the part is cut.
void load(Communicator& ranks, const std::filesystem::path& folder, Index step, const Part& part) {
  const ArrayTarget targets[] = {{name, shape, part.box, part.value}};
  const CheckpointState state = load_checkpoint(ranks, folder / step_folder(step), targets);
  Index wrong = 0;
  part.for_each([&](float is, float wanted) { wrong += is != wanted ? 1 : 0; });
  wrong = all_reduce(ranks, wrong);
  if (ranks.rank() == 0)
    fmt::print("step {}, read by columns: {} wrong elements\n", state.step, wrong);
}

int reshard(MpiEnvironment& environment, const std::filesystem::path& folder) {
  const auto device = make_device(DeviceKind::cpu);
  const auto ranks = environment.make_world(*device);

  const Part rows(*device, *ranks, 0), columns(*device, *ranks, 1);
  rows.for_each([](float& element, float value) { element = value; });
  save(*ranks, folder, 1, rows);
  load(*ranks, folder, 1, columns);
  save(*ranks, folder, 2, columns);
  if (ranks->rank() != 0) return 0;
  for (const ArrayComparison& array :
       compare_checkpoints(folder / step_folder(1), folder / step_folder(2)))
    fmt::print("{}: {} in {} and {} parts\n", array.name, array.equal() ? "equal" : "not equal",
               array.a->parts, array.b->parts);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return run_program([&](MpiEnvironment& environment) {
    return reshard(environment, argc > 1 ? argv[1] : "checkpoints");
  });
}
