#include "parallel/checkpoint/view.h"

#include "core/log.h"
#include "parallel/checkpoint/collective.h"
#include "parallel/checkpoint/durable.h"
#include "parallel/checkpoint/folder.h"
#include "parallel/checkpoint/hdf5_file.h"

namespace tokenwerk {
namespace fs = std::filesystem;

std::optional<StoredFile> write_view(const fs::path& folder, const Manifest& manifest) {
  if (manifest.files.size() > most_view_sources) return std::nullopt;
  const fs::path path = folder / view_file;
  const fs::path written = aside(path);
  Hdf5File file = Hdf5File::create(written);
  for (const StoredArray& array : manifest.arrays) {
    std::vector<VirtualSource> sources;
    for (const StoredPart& part : array.parts)
      sources.push_back({manifest.files[part.file].name, part.dataset, part.box});
    file.write_virtual(array.name, array.dtype, array.shape, sources);
  }
  file.close();
  const FileSum sum = checksum_file(written);
  sync_file(written);
  rename_path(written, path);
  sync_folder(folder);
  return StoredFile{std::string(view_file), sum};
}

void repair_view(const fs::path& folder, Manifest manifest) {
  if (!manifest.view) return;
  const auto fault = fault_of(folder, *manifest.view);
  if (!fault) return;
  log_warning("{}: {}; making it anew", fault->file, fault->what);
  const std::string unmade = fault_of_work([&] {
    const FileSum old = manifest.view->sum;
    manifest.view = write_view(folder, manifest);
    // Another version of HDF5 may lay the same view out in other bytes.
    if (manifest.view && manifest.view->sum != old)
      write_text_file(folder / manifest_file, to_text(manifest));
  });
  if (unmade.empty()) return;
  log_warning("{}: cannot be made anew: {}", fault->file, unmade);
  std::error_code ignored;
  fs::remove(aside(folder / view_file), ignored);
}

}  // namespace tokenwerk
