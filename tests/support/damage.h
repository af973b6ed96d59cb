#pragma once
/// What disks, hands and accidents do to a checkpoint.

#include <filesystem>
#include <random>
#include <string>

namespace tokenwerk::test {

struct Damage {
  std::string what;          ///< "manifest.json cut to 12 bytes"
  bool view_only = false;    ///< nothing but model.h5 was touched
  bool other_model = false;  ///< the folder is another checkpoint, whole
};

/// Damages a step's folder in a random way: a file cut, a bit flipped, a file removed, two files
/// swapped, a file of the same name or all files taken from `other`, a folder of another model.
Damage damage_checkpoint(const std::filesystem::path& folder, const std::filesystem::path& other,
                         std::mt19937& random);

}  // namespace tokenwerk::test
