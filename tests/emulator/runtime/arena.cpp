#include "tests/emulator/runtime/arena.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace tokenwerk::emulator {
namespace {

constexpr std::size_t smallest_tile = std::size_t{2} << 20;
constexpr std::size_t most_tiles = 8192;  // far from the 65530 mappings that Linux allows

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::exit(EXIT_FAILURE);
}

/// A file without a name whose bytes are all 0xff.
int make_tile(std::size_t bytes) {
  const int file = memfd_create("emulated_device_memory", MFD_CLOEXEC);
  if (file < 0) give_up("memfd_create");
  const std::vector<unsigned char> pattern(std::size_t{1} << 20, 0xff);
  for (std::size_t done = 0; done < bytes; done += pattern.size()) {
    if (write(file, pattern.data(), pattern.size()) != static_cast<ssize_t>(pattern.size())) {
      give_up("emulated device memory");
    }
  }
  return file;
}

std::size_t tile_for(std::size_t bytes) {
  auto tile = smallest_tile;
  while (bytes / tile > most_tiles) tile *= 2;
  return tile;
}

std::byte* reserve(std::size_t bytes) {
  void* const place =
      mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (place == MAP_FAILED) give_up("reserving emulated device memory");
  return static_cast<std::byte*>(place);
}

}  // namespace

Arena::Arena(std::size_t bytes) {
  const auto tile = tile_for(bytes);
  bytes_ = std::max(tile, (bytes + tile - 1) / tile * tile);
  device_ = reserve(bytes_);
  host_ = reserve(bytes_);
  const int file = make_tile(tile);
  for (std::size_t done = 0; done < bytes_; done += tile) {
    if (mmap(host_ + done, tile, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE,
             file, 0) == MAP_FAILED) {
      give_up("mapping emulated device memory");
    }
  }
  close(file);
}

void Arena::clear(const std::byte* address, std::size_t bytes) const {
  const auto whole = (bytes + page - 1) / page * page;
  if (madvise(twin(address), whole, MADV_DONTNEED) != 0) give_up("clearing device memory");
}

}  // namespace tokenwerk::emulator
