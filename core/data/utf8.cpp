#include "core/data/utf8.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace tokenwerk {
namespace {

/// What a first byte promises: length of the character and bounds of its second byte, which rule
/// out overlong forms, surrogates and values above U+10FFFF. Length 0: no character begins so.
struct Lead {
  std::size_t length = 0;
  unsigned char low = 0x80;
  unsigned char high = 0xbf;
};

Lead lead_of(unsigned char byte) {
  if (byte < 0x80) return {1};
  if (byte < 0xc2) return {0};
  if (byte < 0xe0) return {2};
  if (byte < 0xf0)
    return {3, static_cast<unsigned char>(byte == 0xe0 ? 0xa0 : 0x80),
            static_cast<unsigned char>(byte == 0xed ? 0x9f : 0xbf)};
  if (byte < 0xf5)
    return {4, static_cast<unsigned char>(byte == 0xf0 ? 0x90 : 0x80),
            static_cast<unsigned char>(byte == 0xf4 ? 0x8f : 0xbf)};
  return {0};
}

/// How many bytes at the beginning of the text belong to one character: at most its length, fewer
/// when the text ends or goes wrong before.
std::size_t matching(std::string_view text, const Lead& lead) {
  std::size_t count = 1;
  while (count < lead.length && count < text.size()) {
    const auto byte = static_cast<unsigned char>(text[count]);
    const bool fits = count == 1 ? byte >= lead.low && byte <= lead.high : (byte & 0xc0) == 0x80;
    if (!fits) break;
    ++count;
  }
  return count;
}

/// Whether the next eight bytes are all ASCII.
bool eight_ascii(std::string_view text, std::size_t at) {
  std::uint64_t word = 0;
  if (text.size() - at < sizeof word) return false;
  std::memcpy(&word, text.data() + at, sizeof word);
  return (word & 0x8080808080808080u) == 0;
}

}  // namespace

std::size_t valid_utf8_prefix(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    if (eight_ascii(text, at)) {
      at += 8;
      continue;
    }
    const Lead lead = lead_of(static_cast<unsigned char>(text[at]));
    if (lead.length == 0 || matching(text.substr(at), lead) < lead.length) return at;
    at += lead.length;
  }
  return at;
}

std::size_t complete_utf8_prefix(std::string_view text) {
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, text.size()); ++back) {
    const std::size_t at = text.size() - back;
    const Lead lead = lead_of(static_cast<unsigned char>(text[at]));
    if (lead.length > back && matching(text.substr(at), lead) == back) return at;
  }
  return text.size();
}

}  // namespace tokenwerk
