#pragma once
/// Token files: the `.bin` / `.idx` pair of Megatron-LM's indexed datasets, read by mmap.
///
/// `P.bin` is nothing but tokens. `P.idx`, little-endian and unaligned, is: "MMIDIDX\0\0", version
/// u64 = 1, type code u8 (8: u16, 4: i32), count of sequences u64, length of the document index
/// u64; then per sequence its length in tokens (i32), per sequence its byte offset in `.bin` (i64),
/// and the document index (i64): the sequence that begins each document, closed by their count.

#include <cstdint>
#include <span>
#include <string>

#include "core/data/files.h"

namespace tokenwerk {

/// How a token is stored; the values are the type codes of the `.idx` file.
enum class TokenType : std::uint8_t { i32 = 4, u16 = 8 };

[[nodiscard]] constexpr Index size_of(TokenType type) { return type == TokenType::u16 ? 2 : 4; }

/// The narrowest type that holds every token of a vocabulary.
[[nodiscard]] constexpr TokenType token_type_for(Index vocabulary) {
  return vocabulary <= 65536 ? TokenType::u16 : TokenType::i32;
}

/// Half-open range of tokens.
struct TokenRange {
  Index first = 0;
  Index last = 0;
  [[nodiscard]] Index count() const { return last - first; }
  friend bool operator==(const TokenRange&, const TokenRange&) = default;
};

/// One opened pair. Reading is thread-safe.
class TokensFile {
 public:
  /// Opens `PREFIX.bin` and `PREFIX.idx` and checks every field of the index against the sizes of
  /// both files and against each other: O(sequences). Throws DataError naming file and fault.
  explicit TokensFile(const std::string& prefix);

  [[nodiscard]] const std::string& path() const { return bin_.path(); }
  [[nodiscard]] TokenType type() const { return type_; }
  [[nodiscard]] Index token_count() const { return token_count_; }
  [[nodiscard]] Index sequence_count() const { return sequence_count_; }
  [[nodiscard]] Index document_count() const { return document_count_; }
  /// The tokens of a document, end-of-document token included.
  [[nodiscard]] TokenRange document(Index document) const;

  /// Throws DataError naming the first token of the range that is not in 0 .. vocabulary. Threaded;
  /// ranks may divide a file among them.
  void check_tokens(TokenRange range, Index vocabulary) const;
  /// Copies the tokens that begin at `first`. The range must lie inside the file; tokens outside
  /// 0 .. vocabulary throw DataError, checked here once more since a file may change under us.
  void read(Index first, std::span<std::int32_t> tokens, Index vocabulary) const;

 private:
  void check_header();
  void check_sequences() const;
  void check_documents() const;
  [[nodiscard]] Index sequence_start(Index sequence) const;

  MappedFile bin_;
  MappedFile idx_;
  TokenType type_ = TokenType::u16;
  Index token_count_ = 0;
  Index sequence_count_ = 0;
  Index document_count_ = 0;
};

}  // namespace tokenwerk
