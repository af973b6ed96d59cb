#pragma once
/// model.h5: virtual datasets over the shards, for people and their tools. The loader never reads
/// it.

#include <filesystem>
#include <optional>

#include "parallel/checkpoint/manifest.h"

namespace tokenwerk {

/// HDF5 keeps every source open while it reads a virtual array, and shows zeros without an error
/// when it runs out of files. Beyond this many shards there is no view.
inline constexpr std::size_t most_view_sources = 500;

/// Writes the view aside and puts it in place, durable. Nothing when there are too many shards.
std::optional<StoredFile> write_view(const std::filesystem::path& folder, const Manifest& manifest);

/// Compares the view with the manifest; when it is missing or damaged, says so in the log and makes
/// it anew. A view that cannot be made (a read-only folder, a disk that
/// cannot be read back) is logged too, and nothing more.
void repair_view(const std::filesystem::path& folder, Manifest manifest);

}  // namespace tokenwerk
