#pragma once
/// SentencePiece models as tokenizers (Kudo and Richardson, 2018), and their training.

#include <memory>
#include <string>
#include <vector>

#include "core/data/tokenizer.h"

namespace tokenwerk {

/// Makes a tokenizer of a serialized model; `name` is how errors call it. Throws DataError when the
/// model cannot be parsed or has no end-of-sentence piece, which serves as end-of-document.
[[nodiscard]] std::unique_ptr<Tokenizer> make_sentencepiece_tokenizer(std::string model,
                                                                      const std::string& name);

/// Trains a BPE model (Sennrich et al., 2016) and returns it serialized: identity normalisation, so
/// that every space and newline survives, and byte fallback, so that every text has tokens. The
/// model depends on the lines alone, in order, not on the machine. Lines must be UTF-8.
/// Throws ConfigError when the text cannot give a vocabulary of that size, naming the possible one.
[[nodiscard]] std::string train_sentencepiece(const std::vector<std::string>& lines,
                                              Index vocabulary);

}  // namespace tokenwerk
