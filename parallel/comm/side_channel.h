#pragma once
/// A way to ask other ranks something while MPI is stuck: a TCP port on each rank, to which nobody
/// connects before there is need.

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "core/file_descriptor.h"

namespace tokenwerk {

/// Where a rank can be asked; plain bytes, sent between ranks as they are.
struct SideAddress {
  std::array<char, 64> host{};           ///< its name, cut to fit
  std::array<std::uint32_t, 4> ipv4s{};  ///< of its interfaces, in network order; 0: no more
  std::uint16_t port = 0;
  std::int32_t rank = 0;

  [[nodiscard]] std::string host_name() const;
};

/// What is sent: the secret of the run, whom it is for, since an address may be several ranks', and
/// the question.
[[nodiscard]] std::string question_line(std::uint64_t secret, int rank,
                                        const std::string& question);

/// The listening side. Questions carry the secret of the run: what else may come to the port is
/// sent away.
class SideChannel {
 public:
  /// The answer to a question; called on the channel's own thread.
  using Answer = std::function<std::string(const std::string& question)>;

  /// Throws CommError where no port can be opened.
  explicit SideChannel(int rank);
  SideChannel(const SideChannel&) = delete;
  SideChannel& operator=(const SideChannel&) = delete;
  ~SideChannel();

  [[nodiscard]] SideAddress address(const std::string& host) const;
  /// Answers from now on.
  void serve(std::uint64_t secret, Answer answer);

 private:
  void work();
  void answer_one(int connection) const;

  int rank_;
  FileDescriptor listener_;
  std::uint64_t secret_ = 0;
  Answer answer_;
  std::jthread thread_;
};

/// Asks all of them at once; each one's answer in their order, empty where none came in time.
[[nodiscard]] std::vector<std::string> ask(const std::vector<SideAddress>& whom,
                                           std::uint64_t secret, const std::string& question,
                                           std::chrono::duration<double> patience);

}  // namespace tokenwerk
