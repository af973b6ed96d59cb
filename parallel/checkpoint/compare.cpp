#include "parallel/checkpoint/compare.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

#include "parallel/checkpoint/box.h"
#include "parallel/checkpoint/folder.h"
#include "parallel/checkpoint/hdf5_file.h"

namespace tokenwerk {
namespace fs = std::filesystem;
namespace {

constexpr Index window_elements = Index{1} << 20;
constexpr std::size_t most_open_files = 64;

/// One of the two checkpoints: its manifest, and the shards that are open.
class Side {
 public:
  explicit Side(const fs::path& folder) : folder_(folder), manifest_(read_manifest(folder)) {
    std::vector<std::string> faults;
    for (const StoredFile& file : manifest_.files)
      if (const auto fault = fault_of(folder, file))
        faults.push_back(fault->file + ": " + fault->what);
    TW_CHECK_AS(CheckpointError, faults.empty(), joined(faults, "; "));
    for (const StoredArray& array : manifest_.arrays) by_name_[array.name] = &array;
  }

  [[nodiscard]] const std::vector<StoredArray>& arrays() const { return manifest_.arrays; }
  [[nodiscard]] const StoredArray* find(const std::string& name) const {
    const auto place = by_name_.find(name);
    return place == by_name_.end() ? nullptr : place->second;
  }
  /// The elements of a box of the array that lies in this part; valid until the next call.
  [[nodiscard]] const std::byte* read(const StoredArray& array, const StoredPart& part,
                                      const Box& box) {
    window_.resize(static_cast<std::size_t>(box.extent.count()) * size_of(array.dtype));
    open(part.file).read(part.dataset, array.dtype, part.box.extent, relative_to(box, part.box),
                         window_.data());
    return window_.data();
  }

 private:
  const Hdf5File& open(std::size_t file) {
    if (const auto place = open_.find(file); place != open_.end()) return place->second;
    if (open_.size() == most_open_files) open_.clear();
    return open_.emplace(file, Hdf5File::open(folder_ / manifest_.files[file].name)).first->second;
  }

  fs::path folder_;
  Manifest manifest_;
  std::map<std::string, const StoredArray*> by_name_;
  std::map<std::size_t, Hdf5File> open_;
  std::vector<std::byte> window_;
};

/// Visits the box in pieces that fit a window, cut along the outermost dims.
template <typename Visit>
void for_each_piece(const Box& box, const Visit& visit) {
  if (box.extent.count() <= window_elements) return visit(box);
  int dim = 0;
  while (box.extent[dim] == 1) ++dim;
  Box first = box, second = box;
  first.extent[dim] = box.extent[dim] / 2;
  second.offset[dim] += first.extent[dim];
  second.extent[dim] -= first.extent[dim];
  for_each_piece(first, visit);
  for_each_piece(second, visit);
}

double as_double(BFloat16 value) { return static_cast<double>(static_cast<float>(value)); }
template <typename T>
double as_double(T value) {
  return static_cast<double>(value);
}

template <typename T>
void compare_elements(ValueDifference& difference, const std::byte* a, const std::byte* b,
                      Index count) {
  const auto bytes = static_cast<std::size_t>(count) * sizeof(T);
  if (std::memcmp(a, b, bytes) == 0) return;
  for (std::size_t i = 0; i < bytes; i += sizeof(T)) {
    if (std::memcmp(a + i, b + i, sizeof(T)) == 0) continue;
    T left{}, right{};
    std::memcpy(&left, a + i, sizeof(T));
    std::memcpy(&right, b + i, sizeof(T));
    const double x = as_double(left), y = as_double(right);
    const bool finite = std::isfinite(x) && std::isfinite(y);
    const double absolute = finite ? std::abs(x - y) : INFINITY;
    const double larger = std::max(std::abs(x), std::abs(y));
    const double relative = !finite ? INFINITY : larger > 0.0 ? absolute / larger : 0.0;
    ++difference.differing;
    difference.largest_absolute = std::max(difference.largest_absolute, absolute);
    difference.largest_relative = std::max(difference.largest_relative, relative);
  }
}

using CompareElements = void (*)(ValueDifference&, const std::byte*, const std::byte*, Index);

CompareElements comparison_of(DType dtype) {
  switch (dtype) {
    case DType::f64: return compare_elements<double>;
    case DType::f32: return compare_elements<float>;
    case DType::bf16: return compare_elements<BFloat16>;
    case DType::i32: return compare_elements<std::int32_t>;
  }
  TW_RAISE(Error, "no such dtype");
}

ValueDifference compare_values(Side& a, const StoredArray& left, Side& b,
                               const StoredArray& right) {
  ValueDifference difference;
  const CompareElements compare = comparison_of(left.dtype);
  for (const StoredPart& mine : left.parts)
    for (const StoredPart& yours : right.parts) {
      const auto shared = intersect(mine.box, yours.box);
      if (!shared) continue;
      for_each_piece(*shared, [&](const Box& piece) {
        compare(difference, a.read(left, mine, piece), b.read(right, yours, piece),
                piece.extent.count());
      });
    }
  return difference;
}

std::optional<ArraySummary> summary_of(const StoredArray* array) {
  if (array == nullptr) return std::nullopt;
  return ArraySummary{array->name, array->dtype, array->shape, array->parts.size()};
}

}  // namespace

std::vector<ArrayComparison> compare_checkpoints(const fs::path& a, const fs::path& b) {
  Side left(a), right(b);
  std::vector<ArrayComparison> comparisons;
  const auto add = [&](const std::string& name) {
    const StoredArray* mine = left.find(name);
    const StoredArray* yours = right.find(name);
    ArrayComparison comparison{name, summary_of(mine), summary_of(yours), {}};
    if (comparison.comparable()) comparison.values = compare_values(left, *mine, right, *yours);
    comparisons.push_back(std::move(comparison));
  };
  for (const StoredArray& array : left.arrays()) add(array.name);
  for (const StoredArray& array : right.arrays())
    if (left.find(array.name) == nullptr) add(array.name);
  return comparisons;
}

}  // namespace tokenwerk
