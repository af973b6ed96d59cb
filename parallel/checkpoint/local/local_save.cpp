#include "parallel/checkpoint/local/local_save.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/log.h"
#include "parallel/checkpoint/collective.h"
#include "parallel/checkpoint/durable.h"
#include "parallel/checkpoint/folder.h"
#include "parallel/checkpoint/local/local_index.h"
#include "parallel/checkpoint/local/messages.h"

namespace tokenwerk {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t block_bytes = std::uint64_t{16} << 20;

/// The next bytes of a file that was just written.
std::string next_block(const fs::path& path, const FileDescriptor& file, std::size_t bytes) {
  std::string block(bytes, '\0');
  for (std::size_t have = 0; have < bytes;) {
    const ssize_t got = ::read(file.get(), block.data() + have, bytes - have);
    if (got < 0 && errno == EINTR) continue;
    TW_CHECK_AS(CheckpointError, got >= 0, path.string(), ": cannot read: ", system_error(errno));
    TW_CHECK_AS(CheckpointError, got > 0, path.string(), ": has lost its end");
    have += static_cast<std::size_t>(got);
  }
  return block;
}

}  // namespace

LocalSave::LocalSave(const LocalTier& tier, Index step, std::span<const ArrayPart> parts,
                     std::string_view state_json)
    : tier_(&tier),
      step_(step),
      folder_(tier.folder / generation_name(step, tier.sessions.back().name)),
      state_json_(state_json),
      mine_{tier.ranks->rank(), Holding::own} {
  fault_ = fault_of_work([&] { writer_.emplace(parts); });
}

void LocalSave::write() noexcept {
  if (fault_.empty()) fault_ = fault_of_work([this] { write_shard(); });
}

void LocalSave::write_shard() {
  make_folder(folder_);
  if (!writer_->empty()) sum_ = writer_->write(folder_ / mine_.file());
  index_ = index_text({.step = step_,
                       .rank = mine_.rank,
                       .ranks = tier_->ranks->size(),
                       .sum = sum_,
                       .arrays = writer_->arrays(),
                       .state_json = state_json_});
  write_text_file(folder_ / mine_.index(), index_, Sync::none);
}

void LocalSave::hand_over() {
  throw_together(*tier_->ranks, fault_);
  for (const HandOver& round : hand_overs(tier_->hosts, tier_->ranks->rank()))
    if (round != HandOver{}) send_and_receive(round);
}

/// First the index, behind the number of bytes that follow it.
void LocalSave::send_and_receive(const HandOver& round) {
  constexpr std::size_t head = sizeof(std::uint64_t);
  std::string message(head, '\0');
  std::memcpy(message.data(), &sum_.bytes, head);
  const std::string got = exchange_text(*tier_->ranks, message + index_, round.to, round.from);
  const LocalShard shard{round.from, Holding::copy};
  std::uint64_t coming = 0;
  if (round.from >= 0) {
    std::memcpy(&coming, got.data(), head);
    copies_.push_back({shard, got.substr(head)});
  }
  pass_blocks(round, coming, folder_ / shard.file());
}

/// Whatever fails here, the blocks still go around: others wait for them.
void LocalSave::pass_blocks(const HandOver& round, std::uint64_t coming, const fs::path& copy) {
  FileDescriptor out, in;
  const auto note = [this](const std::string& fault) {
    if (fault_.empty()) fault_ = fault;
  };
  const fs::path mine = folder_ / mine_.file();
  std::uint64_t left = round.to >= 0 ? sum_.bytes : 0;
  note(fault_of_work([&] {
    if (left > 0) in = open_file(mine, O_RDONLY);
    if (coming > 0) out = open_file(copy, O_WRONLY | O_CREAT | O_TRUNC);
  }));
  while (left > 0 || coming > 0) {
    const auto now = static_cast<std::size_t>(std::min(left, block_bytes));
    std::string block;
    note(fault_of_work([&] {
      if (now > 0 && in) block = next_block(mine, in, now);
    }));
    block.resize(now);
    const std::string got = exchange_text(*tier_->ranks, std::move(block), left > 0 ? round.to : -1,
                                          coming > 0 ? round.from : -1);
    if (out && fault_.empty()) note(fault_of_work([&] { write_all(copy, out, got); }));
    left -= now;
    coming -= std::min<std::uint64_t>(coming, got.size());
  }
}

void LocalSave::check_copies() noexcept {
  if (!fault_.empty()) return;
  fault_ = fault_of_work([this] {
    for (const Copy& copy : copies_) {
      const fs::path file = folder_ / copy.shard.file();
      const FileSum sum = parse_index(copy.index, file).sum;
      TW_CHECK_AS(CheckpointError, sum.bytes == 0 || checksum_file(file) == sum, file.string(),
                  ": is not what rank ", copy.shard.rank, " sent");
      write_text_file(folder_ / copy.shard.index(), copy.index, Sync::none);
    }
  });
}

void LocalSave::finish() { throw_together(*tier_->ranks, fault_); }

void LocalSave::abandon() noexcept {
  if (!tier_->leads()) return;
  const std::string fault = fault_of_work([this] { remove_path(folder_); });
  if (!fault.empty()) log_warning("{}", fault);
}

}  // namespace tokenwerk
