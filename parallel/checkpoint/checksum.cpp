#include "parallel/checkpoint/checksum.h"

#include <xxhash.h>

#include "parallel/checkpoint/durable.h"

namespace tokenwerk {
namespace {

constexpr std::size_t block_bytes = std::size_t{4} << 20;

}  // namespace

void SumStateTraits::release(Handle state) noexcept { XXH3_freeState(state); }

std::uint64_t checksum(std::string_view text) { return XXH3_64bits(text.data(), text.size()); }

FileSumming::FileSumming(std::filesystem::path path)
    : path_(std::move(path)),
      file_(open_regular_file(path_)),
      state_(XXH3_createState()),
      block_(std::make_unique_for_overwrite<char[]>(block_bytes)) {
  TW_CHECK_AS(CheckpointError, state_ && XXH3_64bits_reset(state_.get()) == XXH_OK, path_.string(),
              ": no memory for its checksum");
}

bool FileSumming::ends_by(Clock::time_point time) {
  do {
    const std::size_t got = read_some(path_, file_, block_.get(), block_bytes);
    if (got == 0) return true;
    XXH3_64bits_update(state_.get(), block_.get(), got);
    bytes_ += got;
  } while (Clock::now() < time);
  return false;
}

FileSum FileSumming::sum() const { return {bytes_, XXH3_64bits_digest(state_.get())}; }

FileSum checksum_file(const std::filesystem::path& path) {
  FileSumming summing(path);
  while (!summing.ends_by(FileSumming::Clock::time_point::max())) continue;
  return summing.sum();
}

}  // namespace tokenwerk
