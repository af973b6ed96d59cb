#pragma once
/// Writes token files document by document.

#include <span>
#include <string>
#include <vector>

#include "core/data/tokens_file.h"

namespace tokenwerk {

/// Writes a `.bin` / `.idx` pair (tokens_file.h) in bounded memory; each document is one sequence.
/// Both files grow aside: unless `publish` is reached, nothing appears under their names. All
/// errors are DataError.
class TokensFileWriter {
 public:
  TokensFileWriter(const std::string& prefix, TokenType type);

  /// Appends to the open document. Tokens must fit the type.
  void append(std::span<const std::int32_t> tokens);
  /// Closes the open document, which may be empty but at most 2^31 - 1 tokens long.
  void end_document();

  [[nodiscard]] Index token_count() const { return token_count_; }
  [[nodiscard]] Index document_count() const { return document_count_; }

  /// Completes and syncs both files, still aside. The last document must be closed.
  void finish();
  /// Gives both their names; an older `.idx` goes first, so that no moment pairs old with new.
  void publish();

  /// Where the content is until `publish`, and where afterwards.
  [[nodiscard]] const AsideFile& bin() const { return bin_; }
  [[nodiscard]] const AsideFile& idx() const { return idx_; }

 private:
  void write_pointers();
  void write_documents();

  AsideFile bin_;
  AsideFile idx_;
  TokenType type_;
  Index token_count_ = 0;
  Index document_count_ = 0;
  Index open_tokens_ = 0;  ///< in the document not yet closed
  std::vector<std::uint16_t> narrow_;
};

}  // namespace tokenwerk
