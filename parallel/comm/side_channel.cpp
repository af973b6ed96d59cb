#include "parallel/comm/side_channel.h"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/error.h"

namespace tokenwerk {
namespace {

/// The addresses that other hosts may know this one by; the loopback's where it has no other.
std::array<std::uint32_t, 4> own_addresses() {
  std::array<std::uint32_t, 4> out{};
  std::size_t count = 0;
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) all = nullptr;
  for (const ifaddrs* one = all; one != nullptr && count < out.size(); one = one->ifa_next) {
    if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_INET) continue;
    if ((one->ifa_flags & IFF_UP) == 0 || (one->ifa_flags & IFF_LOOPBACK) != 0) continue;
    sockaddr_in address{};
    std::memcpy(&address, one->ifa_addr, sizeof(address));
    out[count++] = address.sin_addr.s_addr;
  }
  if (all != nullptr) freeifaddrs(all);
  if (count == 0) out[0] = htonl(INADDR_LOOPBACK);
  return out;
}

/// Reads up to the end of a line, or until the other side is silent.
std::string read_line(int connection) {
  std::string out;
  std::array<char, 256> part{};
  while (out.size() < 1024 && !out.ends_with('\n')) {
    const ssize_t bytes = ::recv(connection, part.data(), part.size(), 0);
    if (bytes <= 0) break;
    out.append(part.data(), static_cast<std::size_t>(bytes));
  }
  return out;
}

}  // namespace

std::string question_line(std::uint64_t secret, int rank, const std::string& question) {
  return fmt::format("{:016x} {} {}\n", secret, rank, question);
}

std::string SideAddress::host_name() const { return {host.data(), strnlen(host.data(), 64)}; }

SideChannel::SideChannel(int rank)
    : rank_(rank), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_addr.s_addr = htonl(INADDR_ANY);
  const bool listens =
      listener_ &&
      ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&any), sizeof(any)) == 0 &&
      ::listen(listener_.get(), SOMAXCONN) == 0;
  TW_CHECK_AS(CommError, listens, "no port for the watchdog: ", std::strerror(errno));
}

SideChannel::~SideChannel() { ::shutdown(listener_.get(), SHUT_RDWR); }  // ends accept

SideAddress SideChannel::address(const std::string& host) const {
  sockaddr_in mine{};
  socklen_t bytes = sizeof(mine);
  TW_CHECK_AS(CommError,
              ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&mine), &bytes) == 0,
              "asking for the watchdog's port: ", std::strerror(errno));
  SideAddress out{.ipv4s = own_addresses(), .port = ntohs(mine.sin_port), .rank = rank_};
  std::copy_n(host.data(), std::min(host.size(), out.host.size() - 1), out.host.data());
  return out;
}

void SideChannel::serve(std::uint64_t secret, Answer answer) {
  secret_ = secret;
  answer_ = std::move(answer);
  thread_ = std::jthread([this] { work(); });
}

void SideChannel::work() {
  for (;;) {
    const FileDescriptor connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (connection) {
      answer_one(connection.get());
    } else if (errno == EINVAL || errno == EBADF) {
      return;  // shut down
    } else {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }
}

void SideChannel::answer_one(int connection) const {
  const timeval patience{.tv_sec = 2, .tv_usec = 0};
  ::setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  ::setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  const std::string line = read_line(connection);
  const std::string expected = question_line(secret_, rank_, "");
  const std::string_view prefix = std::string_view(expected).substr(0, expected.size() - 1);
  if (!line.starts_with(prefix) || !line.ends_with('\n')) return;
  const std::string answer = answer_(line.substr(prefix.size(), line.size() - prefix.size() - 1));
  for (std::size_t sent = 0; sent < answer.size();) {
    const ssize_t bytes =
        ::send(connection, answer.data() + sent, answer.size() - sent, MSG_NOSIGNAL);
    if (bytes <= 0) return;
    sent += static_cast<std::size_t>(bytes);
  }
}

}  // namespace tokenwerk
