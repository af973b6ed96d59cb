#include "tests/emulator/nccl/segment.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <random>
#include <stdexcept>
#include <utility>

namespace tokenwerk::emulator {
namespace {

constexpr std::size_t aligned(std::size_t bytes) { return (bytes + 63) / 64 * 64; }
constexpr std::size_t head_bytes = aligned(sizeof(SegmentHead));

std::size_t bytes_for(int ranks) {
  const auto count = static_cast<std::size_t>(ranks);
  return head_bytes + count * sizeof(RankBlock) + count * count * sizeof(Channel);
}

[[noreturn]] void fail(const char* what, const std::string& name) {
  throw std::runtime_error(fmt::format("{} {}: {}", what, name, std::strerror(errno)));
}

}  // namespace

Segment::Segment(std::string name, int ranks, int rank)
    : name_(std::move(name)), ranks_(ranks), bytes_(bytes_for(ranks)) {
  const int file = shm_open(name_.c_str(), O_CREAT | O_RDWR, 0600);
  if (file < 0) fail("shm_open", name_);
  // Every rank sets the same size; new bytes are zero and take memory when they are written.
  const bool is_sized = ftruncate(file, static_cast<off_t>(bytes_)) == 0;
  void* const place =
      is_sized ? mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0) : MAP_FAILED;
  close(file);
  if (place == MAP_FAILED) fail("mmap", name_);
  begin_ = static_cast<std::byte*>(place);
  int first = 0;
  const bool is_first = head().ranks.compare_exchange_strong(first, ranks);
  if (!is_first && first != ranks) {
    throw std::runtime_error(
        fmt::format("rank {} says {} ranks, another one {}", rank, ranks, first));
  }
  if (this->rank(rank).is_present.exchange(true)) {
    throw std::runtime_error(fmt::format("rank {} comes twice", rank));
  }
  if (head().arrived.fetch_add(1) + 1 < ranks) return;
  unlink();
  head().is_complete = true;
}

Segment::~Segment() {
  if (!is_complete()) unlink();
  munmap(begin_, bytes_);
}

void Segment::unlink() const { shm_unlink(name_.c_str()); }

SegmentHead& Segment::head() const { return *reinterpret_cast<SegmentHead*>(begin_); }

RankBlock& Segment::rank(int rank) const {
  return reinterpret_cast<RankBlock*>(begin_ + head_bytes)[rank];
}

Channel& Segment::channel(int from, int to) const {
  auto* const channels = begin_ + head_bytes + static_cast<std::size_t>(ranks_) * sizeof(RankBlock);
  return reinterpret_cast<Channel*>(channels)[from * ranks_ + to];
}

void make_segment_name(char* text, std::size_t size) {
  static std::atomic<unsigned> next = 0;
  std::random_device random;
  const auto name =
      fmt::format("/emulated-nccl-{}-{}-{:08x}{:08x}", getpid(), next++, random(), random());
  std::strncpy(text, name.c_str(), size - 1);
}

}  // namespace tokenwerk::emulator
