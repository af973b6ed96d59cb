#pragma once
/// Which boxes of which files fill the targets of a load, and how they get there.

#include <map>
#include <span>
#include <string>
#include <vector>

#include "parallel/checkpoint/checkpoint.h"
#include "parallel/checkpoint/hdf5_file.h"
#include "parallel/checkpoint/host_copy.h"
#include "parallel/checkpoint/manifest.h"

namespace tokenwerk {

/// A target and the stored array that it wants a box of.
struct Wanted {
  const ArrayTarget* target;
  const StoredArray* array;
  HostTarget host;
  Index readings = 0;  ///< still to come
};

/// One box to read: from a part of an array into a target that wants some of it.
struct Reading {
  Wanted* wanted;
  const StoredPart* part;
  Box shared;  ///< in the global array

  /// The box as the part's dataset has it.
  [[nodiscard]] Box in_part() const;
  [[nodiscard]] std::size_t bytes() const;
};

/// Each target with its array. Throws CheckpointError, beginning with `source`, with all that does
/// not fit. The manifest and the targets outlive what is returned.
[[nodiscard]] std::vector<Wanted> matched(const Manifest& manifest,
                                          std::span<const ArrayTarget> targets,
                                          const std::string& source);

/// What fills the targets, by the position of the file in the manifest. Empty boxes want nothing.
[[nodiscard]] std::map<std::size_t, std::vector<Reading>> readings_by_file(
    std::vector<Wanted>& wanted);

/// The same box in pieces of at most so many bytes (a row of the outermost dim at least).
[[nodiscard]] std::vector<Reading> pieces_of(const Reading& reading, std::size_t most_bytes);

/// The box goes into the target; the last one of a target brings it to its device.
void read(const Hdf5File& file, const Reading& reading);
/// The same from dense memory of the stored dtype.
void take(const Reading& reading, const void* dense);

}  // namespace tokenwerk
