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
  Conversation(std::size_t who, std::uint32_t ipv4, std::uint16_t port, std::string question,
               Clock::time_point late)
      : who_(who),
        question_(std::move(question)),
        late_(late),
        socket_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    had_socket_ = static_cast<bool>(socket_);
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
  [[nodiscard]] bool had_socket() const { return had_socket_; }
  [[nodiscard]] Clock::time_point late() const { return late_; }
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
  Clock::time_point late_;
  FileDescriptor socket_;
  bool had_socket_ = false;
  bool asked_ = false;
};

/// The questions under way, a bounded number: who gives no answer holds up few others.
class Questions {
 public:
  Questions(const std::vector<SideAddress>& whom, std::uint64_t secret, const std::string& question,
            std::chrono::duration<double> patience)
      : whom_(whom),
        secret_(secret),
        question_(question),
        patience_(std::chrono::duration_cast<Clock::duration>(patience)),
        answers_(whom.size()) {}

  std::vector<std::string> ask() {
    while (next_ < whom_.size() || !talks_.empty()) {
      while (next_ < whom_.size() && talks_.size() < most_at_once && begin()) ++next_;
      listen();
      const auto now = Clock::now();
      std::erase_if(talks_, [&](const Conversation& talk) {
        return talk.ended() || talk.late() <= now || !answers_[talk.who()].empty();
      });
    }
    return std::move(answers_);
  }

 private:
  /// Asks the next rank at each of its addresses; false where that has to wait for open files.
  bool begin() {
    const SideAddress& one = whom_[next_];
    const std::string line = question_line(secret_, one.rank, question_);
    bool begun = talks_.empty();  // then nothing would be gained by waiting
    for (const std::uint32_t ipv4 : one.ipv4s) {
      if (ipv4 == 0) continue;
      Conversation talk(next_, ipv4, one.port, line, Clock::now() + patience_);
      begun = begun || talk.had_socket();
      if (!talk.ended()) talks_.push_back(std::move(talk));
    }
    return begun;
  }

  /// Until something comes or the first one is late.
  void listen() {
    if (talks_.empty()) return;
    const auto first_late = talks_.front().late();  // in the order of their beginning
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(first_late - Clock::now());
    std::vector<pollfd> wishes;
    for (const Conversation& talk : talks_) wishes.push_back(talk.wish());
    const int wait = static_cast<int>(std::max<std::int64_t>(left.count(), 0));
    if (::poll(wishes.data(), wishes.size(), wait) <= 0) return;
    for (std::size_t i = 0; i < talks_.size(); ++i) {
      if (wishes[i].revents == 0) continue;
      talks_[i].move();
      if (!talks_[i].answer().empty()) answers_[talks_[i].who()] = talks_[i].answer();
    }
  }

  const std::vector<SideAddress>& whom_;
  std::uint64_t secret_;
  const std::string& question_;
  Clock::duration patience_;
  std::vector<std::string> answers_;
  std::vector<Conversation> talks_;
  std::size_t next_ = 0;
};

}  // namespace

std::vector<std::string> ask(const std::vector<SideAddress>& whom, std::uint64_t secret,
                             const std::string& question, std::chrono::duration<double> patience) {
  return Questions(whom, secret, question, patience).ask();
}

}  // namespace tokenwerk
