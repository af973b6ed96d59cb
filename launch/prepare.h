#pragma once
/// `tokenwerk prepare`: text becomes token files.

#include <optional>
#include <string>
#include <vector>

#include "core/dtype.h"

namespace tokenwerk {

/// What makes one document of the text.
enum class Documents {
  automatic,  ///< a file each, but a record each of JSON Lines files
  file,       ///< a text file each
  line,       ///< a line each, without its newline; empty lines are none. JSON Lines: a record each
  record,     ///< a JSON Lines record each, its `text`
};

/// What to prepare, and how. Inputs are text files (UTF-8), JSON Lines files (`.jsonl`, `.ndjson`)
/// and folders of both, walked down in sorted order; names that begin with a dot are left out.
struct PrepareOptions {
  std::vector<std::string> input;
  std::string output;  ///< path prefix of what is written
  Documents documents = Documents::automatic;
  std::string tokenizer = "sentencepiece";  ///< or "bytes", or the path of a model
  std::optional<Index> vocabulary;          ///< of the tokenizer to train; default 4096
  double validation_fraction = 0.0;         ///< part of the documents, chosen by their content
  std::vector<std::string> validation;      ///< or: inputs that are validation data
  int threads = 0;                          ///< 0: one a core; never changes the files
  Index training_bytes = Index{64} << 20;   ///< most text that a tokenizer is trained on
};

/// One of the two parts of the text.
struct SplitReport {
  Index documents = 0;
  Index tokens = 0;              ///< end-of-document tokens included
  Index bytes = 0;               ///< of text
  double unigram_entropy = 0.0;  ///< nats a token: what a model that knows only frequencies reaches
};

/// What has been made.
struct PrepareReport {
  std::string tokenizer;  ///< its kind
  Index vocabulary = 0;
  SplitReport train;
  std::optional<SplitReport> validation;
  double seconds = 0.0;           ///< in all; not recorded in the files
  double encoding_seconds = 0.0;  ///< of them, from text to tokens
};

/// Writes `OUTPUT.bin`, `.idx`, the tokenizer's files, with validation data
/// `OUTPUT.validation.bin` and `.idx`, and at last `OUTPUT.prepared.json`: sizes, checksums, counts
/// and options. Memory is bounded, the files depend on the text and the options alone, and nothing
/// appears under its name before all is whole; `.validation` and tokenizer files of an older
/// preparation are removed. Throws ConfigError for options that cannot be, DataError for text that
/// cannot be read (naming file and place) and for files that cannot be written.
PrepareReport prepare(const PrepareOptions& options);

/// Compares all files of a preparation with what `PREFIX.prepared.json` records, and checks them as
/// a run would. Throws DataError that names everything that has changed.
PrepareReport verify_prepared(const std::string& prefix);

}  // namespace tokenwerk
