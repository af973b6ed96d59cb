#pragma once
/// Samples of fixed length, cut out of a token file.

#include <cstdint>
#include <span>
#include <string>

#include "core/data/tokens_file.h"

namespace tokenwerk {

/// A token file as samples for next-token prediction: its documents form one stream (each ends with
/// an end-of-document token), and sample i of length T is tokens i*T .. i*T + T as inputs and the
/// same shifted by one as targets. Thread-safe.
class TokenDataset {
 public:
  /// Opens `PREFIX.bin` / `.idx`. Throws DataError when they are damaged or hold less than one
  /// sample. `vocabulary` bounds the tokens.
  TokenDataset(const std::string& prefix, Index sequence_length, Index vocabulary);

  [[nodiscard]] Index sample_count() const { return sample_count_; }
  [[nodiscard]] Index sequence_length() const { return sequence_length_; }
  [[nodiscard]] const TokensFile& tokens() const { return tokens_; }

  /// Throws DataError naming the first token of `range` outside the vocabulary. The whole is
  /// 0 .. tokens().token_count(); ranks may divide it among them.
  void check_tokens(TokenRange range) const { tokens_.check_tokens(range, vocabulary_); }
  /// inputs(T), targets(T) of a sample in 0 .. sample_count(). Throws DataError when a token is
  /// outside the vocabulary.
  void read(Index sample, std::span<std::int32_t> inputs, std::span<std::int32_t> targets) const;

 private:
  TokensFile tokens_;
  Index sequence_length_;
  Index vocabulary_;
  Index sample_count_ = 0;
};

}  // namespace tokenwerk
