#include "core/data/sentencepiece_tokenizer.h"

#include <sentencepiece_processor.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <unordered_map>
#include <utility>

#include "core/data/utf8.h"
#include "core/error.h"

namespace tokenwerk {
namespace {

constexpr std::string_view space_symbol = "\xe2\x96\x81";  ///< U+2581: a space inside pieces

/// Where the first word of a text ends: before a space that follows something else, or behind a
/// newline. No piece of the models trained here reaches across such a place.
std::size_t end_of_word(std::string_view text) {
  for (std::size_t i = 1; i < text.size(); ++i)
    if ((text[i] == ' ' && text[i - 1] != ' ') || text[i - 1] == '\n') return i;
  return text.size();
}

/// Besides what the library offers, this class is exact wherever the model allows it: bytes that
/// are no UTF-8, and U+2581 itself, which the library would give back as a space, become byte
/// tokens.
class SentencepieceTokenizer final : public Tokenizer {
 public:
  SentencepieceTokenizer(std::string model, const std::string& name);

  std::string_view kind() const override { return "sentencepiece"; }
  Index vocabulary() const override { return static_cast<Index>(pieces_.size()); }
  std::int32_t end_of_document() const override { return end_; }
  bool exact() const override { return exact_; }
  std::string_view model() const override { return model_; }
  std::vector<std::int32_t> encode(std::string_view text) const override {
    return std::move(encode_all({&text, 1}).front());
  }
  std::vector<std::vector<std::int32_t>> encode_all(
      std::span<const std::string_view> texts) const override;
  std::string decode(std::span<const std::int32_t> tokens) const override;

 private:
  void read_pieces();
  void encode_plain(std::string_view text, std::vector<std::int32_t>& tokens) const;
  void encode_exactly(std::string_view text, std::vector<std::int32_t>& tokens) const;
  [[nodiscard]] std::string join(std::span<const std::int32_t> tokens) const;
  [[nodiscard]] bool passes_probes() const;
  [[nodiscard]] bool has_pieces_across_words() const;

  std::string model_;
  sentencepiece::SentencePieceProcessor processor_;
  std::vector<std::string> pieces_;  ///< what each token stands for; a byte token, one byte
  std::array<std::int32_t, 256> byte_tokens_;
  std::int32_t end_ = -1;
  bool exact_ = false;
  bool words_apart_ = false;  ///< the tokens of a text are those of its words
};

/// Tokens of the words met so far.
class WordMemory {
 public:
  /// The tokens of a word; `encode` appends them when the word is new. The word must stay alive.
  template <typename Encode>
  std::span<const std::int32_t> tokens_of(std::string_view word, const Encode& encode) {
    const auto [entry, is_new] = places_.try_emplace(word);
    if (is_new) {
      entry->second.first = tokens_.size();
      encode(word, tokens_);
      entry->second.count = tokens_.size() - entry->second.first;
    }
    return std::span(tokens_).subspan(entry->second.first, entry->second.count);
  }

 private:
  struct Place {
    std::size_t first = 0, count = 0;
  };
  std::unordered_map<std::string_view, Place> places_;
  std::vector<std::int32_t> tokens_;
};

SentencepieceTokenizer::SentencepieceTokenizer(std::string model, const std::string& name)
    : model_(std::move(model)) {
  const auto status = processor_.LoadFromSerializedProto(model_);
  TW_CHECK_AS(DataError, status.ok() && processor_.GetPieceSize() > 0, name,
              ": not a SentencePiece model");
  end_ = processor_.eos_id();
  TW_CHECK_AS(DataError, end_ >= 0 && end_ < processor_.GetPieceSize(), name,
              ": the model has no end-of-sentence piece, which ends documents");
  byte_tokens_.fill(-1);
  read_pieces();
  const bool all_bytes =
      std::find(byte_tokens_.begin(), byte_tokens_.end(), -1) == byte_tokens_.end();
  exact_ = all_bytes && passes_probes();
  words_apart_ = exact_ && !has_pieces_across_words();
}

void SentencepieceTokenizer::read_pieces() {
  pieces_.resize(static_cast<std::size_t>(processor_.GetPieceSize()));
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    const auto id = static_cast<int>(i);
    if (processor_.IsControl(id)) continue;
    std::string piece = processor_.IdToPiece(id);
    if (processor_.IsByte(id)) {  // spelt "<0x0A>"
      unsigned value = 256;
      if (piece.size() == 6) std::from_chars(piece.data() + 3, piece.data() + 5, value, 16);
      if (value > 255) continue;
      byte_tokens_[value] = id;
      piece = std::string(1, static_cast<char>(value));
    }
    for (std::size_t at = 0; (at = piece.find(space_symbol, at)) != std::string::npos; ++at)
      piece.replace(at, space_symbol.size(), " ");
    pieces_[i] = std::move(piece);
  }
}

void SentencepieceTokenizer::encode_plain(std::string_view text,
                                          std::vector<std::int32_t>& tokens) const {
  std::vector<int> ids;
  const auto status = processor_.Encode(text, &ids);
  TW_CHECK_AS(DataError, status.ok(), "SentencePiece cannot encode: ", status.ToString());
  tokens.insert(tokens.end(), ids.begin(), ids.end());
}

void SentencepieceTokenizer::encode_exactly(std::string_view text,
                                            std::vector<std::int32_t>& tokens) const {
  while (!text.empty()) {
    const std::size_t valid = valid_utf8_prefix(text);
    const std::size_t plain = std::min(valid, text.find(space_symbol));
    if (plain > 0) encode_plain(text.substr(0, plain), tokens);
    const std::size_t bytes = plain == text.size() ? 0 : plain < valid ? space_symbol.size() : 1;
    for (const char c : text.substr(plain, bytes))
      tokens.push_back(byte_tokens_[static_cast<unsigned char>(c)]);
    text.remove_prefix(plain + bytes);
  }
}

/// Tries what models are known to change or to see across a line's end.
bool SentencepieceTokenizer::passes_probes() const {
  constexpr std::array<std::string_view, 12> probes{"",
                                                    "In the beginning",
                                                    " led by a space",
                                                    "two  spaces",
                                                    "ends with spaces  ",
                                                    "a\tb",
                                                    "\n\nx",
                                                    "<s></s><unk>",
                                                    "\r",
                                                    "\xc3\xa9",
                                                    "\xef\xbc\xa1\xe2\x91\xa0",
                                                    "\xf0\x9f\x99\x82"};
  for (const std::string_view a : probes)
    for (const std::string_view b : probes) {
      const std::string line = std::string(a) + "\n", both = line + std::string(b);
      std::vector<std::int32_t> apart, whole;
      encode_exactly(line, apart);
      encode_exactly(b, apart);
      encode_exactly(both, whole);
      if (apart != whole || join(whole) != both) return false;
    }
  return true;
}

bool SentencepieceTokenizer::has_pieces_across_words() const {
  return std::any_of(pieces_.begin(), pieces_.end(),
                     [](const std::string& piece) { return end_of_word(piece) < piece.size(); });
}

std::vector<std::vector<std::int32_t>> SentencepieceTokenizer::encode_all(
    std::span<const std::string_view> texts) const {
  std::vector<std::vector<std::int32_t>> all(texts.size());
  WordMemory memory;
  const auto encode_word = [this](std::string_view word, std::vector<std::int32_t>& tokens) {
    encode_exactly(word, tokens);
  };
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (!exact_) encode_plain(texts[i], all[i]);
    if (exact_ && !words_apart_) encode_exactly(texts[i], all[i]);
    if (!words_apart_) continue;
    for (std::string_view rest = texts[i]; !rest.empty();) {
      const std::string_view word = rest.substr(0, end_of_word(rest));
      const auto tokens = memory.tokens_of(word, encode_word);
      all[i].insert(all[i].end(), tokens.begin(), tokens.end());
      rest.remove_prefix(word.size());
    }
  }
  return all;
}

std::string SentencepieceTokenizer::join(std::span<const std::int32_t> tokens) const {
  std::string text;
  for (const std::int32_t token : tokens) text += pieces_[static_cast<std::size_t>(token)];
  return text;
}

std::string SentencepieceTokenizer::decode(std::span<const std::int32_t> tokens) const {
  for (const std::int32_t token : tokens)
    TW_CHECK_AS(DataError, token >= 0 && token < vocabulary(), "token ", token,
                " is outside the vocabulary of ", vocabulary());
  if (exact_) return join(tokens);
  std::string text;
  const auto status = processor_.Decode(std::vector<int>(tokens.begin(), tokens.end()), &text);
  TW_CHECK_AS(DataError, status.ok(), "SentencePiece cannot decode: ", status.ToString());
  return text;
}

}  // namespace

std::unique_ptr<Tokenizer> make_sentencepiece_tokenizer(std::string model,
                                                        const std::string& name) {
  return std::make_unique<SentencepieceTokenizer>(std::move(model), name);
}

}  // namespace tokenwerk
