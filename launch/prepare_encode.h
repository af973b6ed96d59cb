#pragma once
/// From text to token files, on all cores.

#include <optional>
#include <vector>

#include "core/data/tokenizer.h"
#include "core/data/tokens_file_writer.h"
#include "launch/prepare_input.h"
#include "launch/worker_pool.h"

namespace tokenwerk {

/// Text of the training documents to train a tokenizer on, line by line: all of it, or about
/// `limit` bytes chosen piece by piece, evenly and always the same.
[[nodiscard]] std::vector<std::string> training_lines(const std::vector<InputFile>& files,
                                                      Splitter splitter, Index limit,
                                                      WorkerPool& pool);

/// One part of the data while it is written.
class SplitWriter {
 public:
  SplitWriter(const std::string& prefix, const Tokenizer& tokenizer);

  /// Tokens of whole documents, or of parts of one, each closed document ending with the
  /// end-of-document token.
  void append(std::span<const std::int32_t> tokens, Index text_bytes);
  /// Counts and entropy so far.
  [[nodiscard]] SplitReport report() const;
  [[nodiscard]] TokensFileWriter& files() { return files_; }

 private:
  TokensFileWriter files_;
  std::int32_t end_;
  Index bytes_ = 0;
  std::vector<Index> counts_;  ///< how often each token has come
};

/// Encodes all files and appends each document to its split, in order. The tokens depend on the
/// text alone, not on the number of threads. `validation` may be null when nothing goes there.
void encode_files(const std::vector<InputFile>& files, Splitter splitter,
                  const Tokenizer& tokenizer, WorkerPool& pool, SplitWriter& train,
                  SplitWriter* validation);

}  // namespace tokenwerk
