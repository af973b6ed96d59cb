/// What makes a set of stored arrays consistent.

#include <algorithm>
#include <set>

#include "parallel/checkpoint/box.h"
#include "parallel/checkpoint/manifest.h"

namespace tokenwerk {
namespace {

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.';
}

void check_boxes(const StoredArray& array, std::vector<std::string>& faults) {
  std::vector<Box> boxes;
  for (const StoredPart& part : array.parts) {
    if (lies_inside(part.box, array.shape)) {
      boxes.push_back(part.box);
    } else {
      faults.push_back(fmt::format("{}: box {} is not inside the array {}", array.name,
                                   text_of(part.box), array.shape.text()));
    }
  }
  if (boxes.size() != array.parts.size()) return;
  const std::string fault = partition_fault(array.shape, boxes);
  if (!fault.empty()) faults.push_back(fmt::format("{}: {}", array.name, fault));
}

// Where one array's name is a folder of another's, HDF5 cannot hold both.
void check_names(const std::vector<StoredArray>& arrays, std::vector<std::string>& faults) {
  std::set<std::string> names;
  for (const StoredArray& array : arrays) {
    const std::string fault = name_fault(array.name);
    if (!fault.empty()) faults.push_back(fmt::format("\"{}\": {}", array.name, fault));
    if (!names.insert(array.name).second) faults.push_back(array.name + ": is there twice");
  }
  for (const std::string& name : names) {
    const auto inner = names.lower_bound(name + "/");
    if (inner != names.end() && inner->starts_with(name + "/"))
      faults.push_back(fmt::format("{}: is both an array and the folder of {}", name, *inner));
  }
}

}  // namespace

std::string name_fault(std::string_view name) {
  if (name.size() > 1000) return "is longer than 1000 characters";
  for (std::size_t first = 0; first <= name.size();) {
    const std::size_t last = std::min(name.find('/', first), name.size());
    const std::string_view piece = name.substr(first, last - first);
    if (piece.empty() || piece == "." || piece == "..")
      return fmt::format("\"{}\" is no piece of a name", piece);
    for (char c : piece)
      if (!is_name_character(c)) return "may hold only letters, digits, '_', '-', '.' and '/'";
    first = last + 1;
  }
  return {};
}

std::vector<std::string> faults_of(const std::vector<StoredArray>& arrays) {
  std::vector<std::string> faults;
  check_names(arrays, faults);
  for (const StoredArray& array : arrays) {
    if (array.shape.ndim() == 0 || array.shape.count() == 0) {
      faults.push_back(fmt::format("{}: shape {} holds nothing", array.name, array.shape.text()));
    } else {
      check_boxes(array, faults);
    }
  }
  return faults;
}

}  // namespace tokenwerk
