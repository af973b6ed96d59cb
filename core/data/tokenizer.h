#pragma once
/// Text to tokens and back.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/data/files.h"

namespace tokenwerk {

/// Turns text into tokens 0 .. vocabulary() and back. Thread-safe.
class Tokenizer {
 public:
  Tokenizer() = default;
  Tokenizer(const Tokenizer&) = delete;
  Tokenizer& operator=(const Tokenizer&) = delete;
  virtual ~Tokenizer() = default;

  /// "bytes" or "sentencepiece".
  [[nodiscard]] virtual std::string_view kind() const = 0;
  [[nodiscard]] virtual Index vocabulary() const = 0;
  /// The token that closes every document; no text encodes to it.
  [[nodiscard]] virtual std::int32_t end_of_document() const = 0;
  /// Tokens of the text, with no token added at either end.
  [[nodiscard]] virtual std::vector<std::int32_t> encode(std::string_view text) const = 0;
  /// The same of many texts, quicker than one by one: words that come again are encoded once.
  [[nodiscard]] virtual std::vector<std::vector<std::int32_t>> encode_all(
      std::span<const std::string_view> texts) const;
  /// Text of the tokens; end-of-document and other control tokens give none. The last character
  /// may be unfinished: see TextStream. Throws DataError for a token outside the vocabulary.
  [[nodiscard]] virtual std::string decode(std::span<const std::int32_t> tokens) const = 0;
  /// Whether decoding gives back every text byte for byte, and both directions may go line by line:
  /// encode(a + b) is encode(a) + encode(b) where a ends with a newline. Foreign models may
  /// normalise their text.
  [[nodiscard]] virtual bool exact() const = 0;
  /// What the kind alone does not say, as stored in `P.tokenizer.model`; empty for "bytes".
  [[nodiscard]] virtual std::string_view model() const = 0;
};

/// The 256 bytes, then end-of-document: a vocabulary of 257 that needs no training.
[[nodiscard]] std::unique_ptr<Tokenizer> make_bytes_tokenizer();

/// Loads what stands beside the data: `PREFIX.tokenizer.json`, and `PREFIX.tokenizer.model` where
/// the kind has one. Throws DataError naming file and fault when one is missing or damaged; the
/// model's checksum is compared before the model is parsed.
[[nodiscard]] std::unique_ptr<Tokenizer> load_tokenizer(const std::string& prefix);

/// Both files of a tokenizer, written aside and finished; the caller publishes them in order.
[[nodiscard]] std::vector<AsideFile> write_tokenizer_aside(const std::string& prefix,
                                                           const Tokenizer& tokenizer);
/// The same, and publishes them: puts a copy of the tokenizer beside other data.
void save_tokenizer(const std::string& prefix, const Tokenizer& tokenizer);

/// What tells a tokenizer from every other: XXH3-64 of its kind and model, in hexadecimal.
[[nodiscard]] std::string fingerprint_of(const Tokenizer& tokenizer);

/// Text of tokens that arrive one by one, for a screen: never half a character.
class TextStream {
 public:
  explicit TextStream(const Tokenizer& tokenizer) : tokenizer_(&tokenizer) {}

  /// Adds a token; returns the text that has become certain by it, often empty or a few characters.
  [[nodiscard]] std::string push(std::int32_t token);
  /// What is still held back at the end, unfinished characters included.
  [[nodiscard]] std::string finish();

 private:
  const Tokenizer* tokenizer_;
  std::vector<std::int32_t> tokens_;
  std::size_t returned_ = 0;  ///< bytes of their text handed out so far
};

}  // namespace tokenwerk
