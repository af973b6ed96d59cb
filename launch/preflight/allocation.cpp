#include "launch/preflight/allocation.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <span>

#include "core/log.h"
#include "core/seconds.h"
#include "launch/counted.h"
#include "launch/preflight/links.h"
#include "launch/preflight/measure.h"
#include "launch/run_device.h"
#include "parallel/comm/control.h"

namespace tokenwerk {
namespace {

constexpr Index most_passes = 3;

/// What one pass measures.
enum class Part { compute, disk, links };

Part part_of(Quantity quantity) {
  if (quantity <= Quantity::free_memory) return Part::compute;
  return quantity <= Quantity::disk_read ? Part::disk : Part::links;
}

template <typename T>
std::vector<T> gathered(Communicator& ranks, std::span<const T> mine) {
  std::vector<T> all(mine.size() * static_cast<std::size_t>(ranks.size()));
  if (!mine.empty())
    ranks.all_gather_bytes(std::as_writable_bytes(std::span(all)), std::as_bytes(mine));
  return all;
}

class Examination {
 public:
  Examination(MpiEnvironment& environment, const AllocationOptions& options)
      : options_(options),
        device_(environment, options.device),
        rank_(static_cast<std::size_t>(environment.rank())) {
    findings_.device = options.device;
    findings_.seats = seats_of(gather_strings(device_.control(), environment.host()));
    lane_ = findings_.seats.lane_of[rank_];
  }

  AllocationFindings run() {
    const auto start = std::chrono::steady_clock::now();
    const Seats& seats = findings_.seats;
    log_info("measuring {} on {}", count_of(std::ssize(seats.host_of), "rank"),
             count_of(std::ssize(seats.hosts), "host"));
    std::set<Part> wanted{Part::compute, Part::links};
    if (options_.disk_megabytes > 0) wanted.insert(Part::disk);
    while (!wanted.empty() && findings_.passes < most_passes) {
      ++findings_.passes;
      for (const Part part : wanted) measure(part);
      judge();
      wanted.clear();
      for (const Outlier& one : findings_.hosts) wanted.insert(part_of(one.quantity));
      if (!findings_.links.empty()) wanted.insert(Part::links);
    }
    findings_.exclusions = exclusions_of(findings_.hosts);
    add_disk_faults();
    findings_.seconds = seconds_since(start);
    return std::move(findings_);
  }

 private:
  void measure(Part part) {
    switch (part) {
      case Part::compute: return measure_compute();
      case Part::disk: return measure_disk();
      case Part::links: return measure_links();
    }
  }

  void measure_compute() {
    const auto disturb = [this] {
      inject(options_.injections, static_cast<Index>(rank_), findings_.passes);
    };
    mine_.merge(measured_compute(device_.device(), device_.control(), lane_, disturb));
  }

  void measure_disk() {
    device_.control().barrier();
    if (lane_ != 0) return;
    try {
      const auto bytes = static_cast<std::size_t>(options_.disk_megabytes) * 1'000'000;
      mine_.merge(measured_disk(options_.folder, bytes));
      disk_fault_.clear();
    } catch (const Error& error) {
      disk_fault_ = error.what();
    }
  }

  void measure_links() {
    const LinkMeasurement measured = measured_links(device_, findings_.seats);
    mine_.merge(measured.best);
    if (links_.empty()) links_ = measured.links;
    for (std::size_t i = 0; i < links_.size(); ++i) {
      double& speed = links_[i].bytes_per_second;
      speed = better(speed, measured.links[i].bytes_per_second);
    }
  }

  /// On all ranks alike, from the same figures.
  void judge() {
    const Seats& seats = findings_.seats;
    findings_.of_rank = gathered<Figures>(device_.control(), std::span(&mine_, 1));
    const auto links = gathered<LinkFigure>(device_.control(), links_);
    findings_.hosts = slow_hosts(seats, findings_.of_rank, options_.tolerance);
    findings_.links = slow_links(seats, links, findings_.hosts, options_.tolerance);
  }

  /// A host that alone cannot write is ill; where none can, the folder is.
  void add_disk_faults() {
    const Seats& seats = findings_.seats;
    const std::vector<std::string> faults = gather_strings(device_.control(), disk_fault_);
    const auto fault_on = [&](std::size_t host) {
      return faults[static_cast<std::size_t>(seats.ranks_of[host].front())];
    };
    std::size_t failed = 0;
    for (std::size_t host = 0; host < seats.hosts.size(); ++host)
      failed += fault_on(host).empty() ? 0 : 1;
    if (failed == seats.hosts.size()) {
      findings_.disk_fault = fault_on(0);
      return;
    }
    for (std::size_t host = 0; host < seats.hosts.size(); ++host)
      if (!fault_on(host).empty())
        add_reason(findings_.exclusions, {seats.hosts[host], "disk: " + fault_on(host)});
  }

  const AllocationOptions& options_;
  RunDevice device_;
  std::size_t rank_;
  Index lane_ = 0;
  Figures mine_;
  std::vector<LinkFigure> links_;
  std::string disk_fault_;
  AllocationFindings findings_;
};

}  // namespace

AllocationFindings examined_allocation(MpiEnvironment& environment,
                                       const AllocationOptions& options) {
  return Examination(environment, options).run();
}

}  // namespace tokenwerk
