#include "launch/machine.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>
#include <vector>

#include "core/cpu/parallel_for.h"
#include "core/ops/matmul.h"
#include "core/ops/random.h"
#include "core/seconds.h"
#include "launch/cgroup.h"
#include "parallel/comm/control.h"

namespace tokenwerk {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double measuring_seconds = 0.3;

/// Seconds of the fastest run: a peak is what is left when nothing disturbs. The first run, which
/// prepares caches and pages, does not count.
double fastest_seconds(const std::function<void()>& run) {
  run();
  const auto start = Clock::now();
  double fastest = 1e30;
  do {
    const auto before = Clock::now();
    run();
    fastest = std::min(fastest, seconds_since(before));
  } while (seconds_since(start) < measuring_seconds);
  return fastest;
}

/// A file that is closed and removed at the end.
class ScratchFile {
 public:
  explicit ScratchFile(const std::filesystem::path& folder)
      : path_((folder / "tokenwerk-XXXXXX").string()), descriptor_(mkstemp(path_.data())) {
    TW_CHECK(descriptor_ >= 0, folder.string(),
             ": no file can be made here: ", std::strerror(errno));
    ::unlink(path_.c_str());
  }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;
  ~ScratchFile() { ::close(descriptor_); }

  void write(const std::vector<char>& block) const {
    for (std::size_t done = 0; done < block.size();) {
      const ssize_t written = ::write(descriptor_, block.data() + done, block.size() - done);
      TW_CHECK(written > 0, path_, ": cannot be written: ", std::strerror(errno));
      done += static_cast<std::size_t>(written);
    }
  }
  /// From the beginning.
  void read_back(std::vector<char>& block, std::size_t blocks) const {
    ::posix_fadvise(descriptor_, 0, 0, POSIX_FADV_DONTNEED);
    for (std::size_t done = 0; done < blocks * block.size();) {
      const ssize_t count =
          ::pread(descriptor_, block.data(), block.size(), static_cast<off_t>(done));
      TW_CHECK(count > 0, path_, ": cannot be read: ", std::strerror(errno));
      done += static_cast<std::size_t>(count);
    }
  }
  void sync() const {
    TW_CHECK(::fsync(descriptor_) == 0, path_, ": cannot be synced: ", std::strerror(errno));
  }

 private:
  std::string path_;
  int descriptor_;
};

/// Bytes that a line of /proc/meminfo tells; 0 where there is none.
std::size_t meminfo(std::string_view name) {
  std::ifstream stream("/proc/meminfo");
  for (std::string line; std::getline(stream, line);)
    if (line.starts_with(name)) return std::stoull(line.substr(name.size() + 1)) * 1024;
  return 0;
}

}  // namespace

double measured_matrix_peak(Device& device, Stream& stream, DType dtype) {
  // Large enough for full speed on a few cores, small enough for a few runs within the time.
  constexpr Index n = 1024, c = 1024, f = 1024;
  const Tensor x(device, dtype, {n, c}), w(device, dtype, {f, c}), y(device, dtype, {n, f});
  fill_normal(stream, x, {.stream = hash_of("x"), .global_columns = c});
  fill_normal(stream, w, {.stream = hash_of("w"), .global_columns = c});
  const double seconds = fastest_seconds([&] {
    matmul(stream, y, x, w);
    stream.synchronize();
  });
  return 2.0 * n * c * f / seconds;
}

double measured_matrix_peak(Communicator& ranks, DType dtype) {
  const auto device = make_device(DeviceKind::cpu);
  const auto stream = device->make_stream();
  ranks.barrier();  // ranks that share a processor or its clock slow each other down
  return all_reduce(ranks, measured_matrix_peak(*device, *stream, dtype));
}

double measured_memory_bandwidth(Device& device) {
  constexpr Index count = Index{1} << 24;  // 64 MiB an array
  constexpr Index grain = Index{1} << 16;
  const Tensor a(device, DType::f32, {count}), b(device, DType::f32, {count}),
      c(device, DType::f32, {count});
  auto *const pa = a.view().as<float>(), *const pb = b.view().as<float>(),
              *const pc = c.view().as<float>();
  // Each thread touches first what it will read, so that pages lie in its own memory.
  cpu::parallel_for(count, grain, [=](Index first, Index last) {
    std::fill(pa + first, pa + last, 0.0f);
    std::fill(pb + first, pb + last, 1.0f);
    std::fill(pc + first, pc + last, 2.0f);
  });
  const double seconds = fastest_seconds([&] {
    cpu::parallel_for(count, grain, [=](Index first, Index last) {
      for (Index i = first; i < last; ++i) pa[i] = pb[i] + 3.0f * pc[i];
    });
  });
  return 3.0 * sizeof(float) * count / seconds;
}

DiskSpeed measured_disk_speed(const std::filesystem::path& folder, std::size_t bytes) {
  // Bytes that no file system compresses away.
  std::vector<char> block(std::size_t{1} << 22);
  std::uint32_t state = 1;
  for (char& byte : block) byte = static_cast<char>((state = state * 1664525u + 1013904223u) >> 24);
  const ScratchFile file(folder);
  const std::size_t blocks = std::max<std::size_t>(1, bytes / block.size());
  const auto total = static_cast<double>(blocks * block.size());
  const auto start = Clock::now();
  for (std::size_t i = 0; i < blocks; ++i) file.write(block);
  file.sync();
  const double written = total / seconds_since(start);
  const auto begun = Clock::now();
  file.read_back(block, blocks);
  return {written, total / seconds_since(begun)};
}

Cores cores() {
  const auto present = static_cast<int>(std::max(1l, sysconf(_SC_NPROCESSORS_ONLN)));
  cpu_set_t set;
  CPU_ZERO(&set);
  const bool known = sched_getaffinity(0, sizeof(set), &set) == 0;
  std::vector<int> usable;
  for (int i = 0; i < CPU_SETSIZE; ++i)
    if (known ? CPU_ISSET(i, &set) : i < present) usable.push_back(i);
  return {static_cast<int>(usable.size()), physical_cores(usable), present};
}

int physical_cores(const std::vector<int>& hardware_threads, const std::filesystem::path& system) {
  std::set<std::string> cores;
  for (const int thread : hardware_threads) {
    std::ifstream stream(system / fmt::format("cpu{}", thread) / "topology/thread_siblings_list");
    std::string siblings = fmt::format("cpu {}", thread);  // where the file is missing
    std::getline(stream, siblings);
    cores.insert(siblings);
  }
  return static_cast<int>(cores.size());
}

HostMemory host_memory() {
  const std::ifstream stream("/proc/self/cgroup");
  std::ostringstream groups;
  groups << stream.rdbuf();
  const GroupMemory group = group_memory(groups.str());
  const std::size_t left = group.limit > group.used ? group.limit - group.used : 0;
  return {std::min(meminfo("MemTotal"), group.limit), std::min(meminfo("MemAvailable"), left)};
}

}  // namespace tokenwerk
