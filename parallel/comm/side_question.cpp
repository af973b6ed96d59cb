/// The asking side of side_channel.h: many ranks at once, on one thread, without blocking.

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "parallel/comm/side_channel.h"

namespace tokenwerk {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t most_at_once = 256;  // open files of a process are few

/// One attempt to ask one rank at one of its addresses.
class Conversation {
 public:
  Conversation(std::size_t who, std::uint32_t ipv4, std::uint16_t port, std::string question)
      : who_(who),
        question_(std::move(question)),
        socket_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = ipv4;
    address.sin_port = htons(port);
    const bool begun =
        socket_ && (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address),
                              sizeof(address)) == 0 ||
                    errno == EINPROGRESS);
    if (!begun) socket_ = {};
  }

  [[nodiscard]] std::size_t who() const { return who_; }
  [[nodiscard]] bool ended() const { return !socket_; }
  /// All that came, once the other side has ended it well.
  [[nodiscard]] const std::string& answer() const { return answer_; }
  [[nodiscard]] pollfd wish() const {
    return {socket_.get(), static_cast<short>(asked_ ? POLLIN : POLLOUT), 0};
  }

  /// After poll saw something: sends, or receives what is there.
  void move() {
    if (!asked_) {
      // A line is shorter than any socket's buffer, so that it goes as a whole or not at all.
      const ssize_t sent = ::send(socket_.get(), question_.data(), question_.size(), MSG_NOSIGNAL);
      asked_ = sent == std::ssize(question_);
      if (!asked_) socket_ = {};
      return;
    }
    char part[4096];
    const ssize_t bytes = ::recv(socket_.get(), part, sizeof(part), 0);
    if (bytes > 0) {
      received_.append(part, static_cast<std::size_t>(bytes));
    } else if (bytes == 0 || errno != EAGAIN) {
      if (bytes == 0) answer_ = std::move(received_);
      socket_ = {};
    }
  }

 private:
  std::size_t who_;
  std::string question_, received_, answer_;
  FileDescriptor socket_;
  bool asked_ = false;
};

/// Until all have ended or it is late; answers go to their places.
void converse(std::vector<Conversation>& talks, std::vector<std::string>& answers,
              Clock::time_point late) {
  for (;;) {
    std::erase_if(talks, [&](const Conversation& talk) {
      return talk.ended() || !answers[talk.who()].empty();
    });
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(late - Clock::now()).count();
    if (talks.empty() || left <= 0) return;
    std::vector<pollfd> wishes;
    for (const Conversation& talk : talks) wishes.push_back(talk.wish());
    if (::poll(wishes.data(), wishes.size(), static_cast<int>(left)) <= 0) continue;
    for (std::size_t i = 0; i < talks.size(); ++i) {
      if (wishes[i].revents == 0) continue;
      talks[i].move();
      if (!talks[i].answer().empty()) answers[talks[i].who()] = talks[i].answer();
    }
  }
}

}  // namespace

std::vector<std::string> ask(const std::vector<SideAddress>& whom, std::uint64_t secret,
                             const std::string& question, std::chrono::duration<double> patience) {
  std::vector<std::string> answers(whom.size());
  for (std::size_t first = 0; first < whom.size();) {
    std::vector<Conversation> talks;
    for (; first < whom.size() && talks.size() < most_at_once; ++first) {
      const SideAddress& one = whom[first];
      const std::string line = question_line(secret, one.rank, question);
      for (const std::uint32_t ipv4 : one.ipv4s)
        if (ipv4 != 0) talks.emplace_back(first, ipv4, one.port, line);
    }
    converse(talks, answers, Clock::now() + std::chrono::duration_cast<Clock::duration>(patience));
  }
  return answers;
}

}  // namespace tokenwerk
