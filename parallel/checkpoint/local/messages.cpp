#include "parallel/checkpoint/local/messages.h"

#include <cstdint>

namespace tokenwerk {
namespace {

constexpr std::size_t word = sizeof(std::int32_t);

/// Whole words, as arrays of the cpu have them.
TensorView words_of(std::string& text, std::size_t bytes, Device& device) {
  const std::size_t words = (bytes + word - 1) / word;
  text.resize(words * word);
  const auto count = static_cast<Index>(words);
  return {text.data(), Shape{count}, count, DType::i32, &device};
}

}  // namespace

std::string exchange_text(Communicator& ranks, std::string text, int to, int from, CallSite site) {
  const auto stream = ranks.device().make_stream();
  std::int32_t lengths[4]{};  // two words each, since a length may need more than one
  const auto length = static_cast<std::uint64_t>(text.size());
  lengths[0] = static_cast<std::int32_t>(length >> 31);
  lengths[1] = static_cast<std::int32_t>(length & 0x7fffffff);
  const auto two = [&](std::int32_t* at) {
    return TensorView{at, Shape{2}, 2, DType::i32, &ranks.device()};
  };
  ranks.exchange(*stream,
                 {.send = two(lengths), .to = to, .receive = two(lengths + 2), .from = from}, site);
  const std::size_t coming =
      static_cast<std::size_t>(lengths[2]) << 31 | static_cast<std::size_t>(lengths[3]);
  std::string received;
  Exchange exchange;
  if (to >= 0 && !text.empty()) {
    exchange.send = words_of(text, text.size(), ranks.device());
    exchange.to = to;
  }
  if (from >= 0 && coming > 0) {
    exchange.receive = words_of(received, coming, ranks.device());
    exchange.from = from;
  }
  if (exchange.to >= 0 || exchange.from >= 0) ranks.exchange(*stream, exchange, site);
  received.resize(coming);
  return received;
}

}  // namespace tokenwerk
