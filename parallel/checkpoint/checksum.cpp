#include "parallel/checkpoint/checksum.h"

#include <unistd.h>
#include <xxhash.h>

#include <cerrno>
#include <memory>
#include <vector>

#include "core/error.h"
#include "parallel/checkpoint/durable.h"

namespace tokenwerk {
namespace {

struct SumStateTraits {
  using Handle = XXH3_state_t*;
  static Handle none() { return nullptr; }
  static void release(Handle state) noexcept { XXH3_freeState(state); }
};

}  // namespace

std::uint64_t checksum(std::string_view text) { return XXH3_64bits(text.data(), text.size()); }

FileSum checksum_file(const std::filesystem::path& path) {
  constexpr std::size_t block = std::size_t{4} << 20;
  const FileDescriptor file = open_regular_file(path);
  const UniqueHandle<SumStateTraits> state(XXH3_createState());
  TW_CHECK_AS(CheckpointError, state && XXH3_64bits_reset(state.get()) == XXH_OK, path.string(),
              ": no memory for its checksum");
  const auto buffer = std::make_unique_for_overwrite<char[]>(block);
  FileSum sum;
  for (;;) {
    const ssize_t got = ::read(file.get(), buffer.get(), block);
    if (got < 0 && errno == EINTR) continue;
    TW_CHECK_AS(CheckpointError, got >= 0, path.string(), ": cannot read: ", system_error(errno));
    if (got == 0) break;
    XXH3_64bits_update(state.get(), buffer.get(), static_cast<std::size_t>(got));
    sum.bytes += static_cast<std::uint64_t>(got);
  }
  sum.xxh3 = XXH3_64bits_digest(state.get());
  return sum;
}

}  // namespace tokenwerk
