#pragma once
/// What the tests of `prepare` share.

#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/data/tokenizer.h"
#include "core/data/tokens_file.h"
#include "launch/prepare.h"
#include "tests/support/temporary_folder.h"

namespace tokenwerk::test {

/// Texts of all documents of a token file, decoded, without the end-of-document token.
inline std::vector<std::string> documents_in(const std::string& prefix,
                                             const Tokenizer& tokenizer) {
  const TokensFile file(prefix);
  std::vector<std::string> documents;
  for (Index i = 0; i < file.document_count(); ++i) {
    const TokenRange range = file.document(i);
    std::vector<std::int32_t> tokens(static_cast<std::size_t>(range.count()));
    file.read(range.first, tokens, tokenizer.vocabulary());
    EXPECT_EQ(tokens.back(), tokenizer.end_of_document());
    documents.push_back(tokenizer.decode(tokens));
  }
  return documents;
}

inline std::vector<std::string> documents_in(const std::string& prefix) {
  return documents_in(prefix, *load_tokenizer(prefix));
}

/// Names and contents of the files whose names begin with a prefix.
inline std::map<std::string, std::string> files_of(const std::string& prefix) {
  std::map<std::string, std::string> files;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(prefix).parent_path())) {
    const std::string path = entry.path().string();
    if (path.starts_with(prefix + ".")) files[path.substr(prefix.size())] = read_file(path);
  }
  return files;
}

/// A text of many lines with few words, reproducible.
inline std::string some_text(int lines) {
  constexpr std::array words{"in",  "the",   "beginning", "was",   "word",  "and",
                             "god", "light", "darkness",  "earth", "water", "heaven"};
  std::string text;
  unsigned state = 1;
  for (int i = 0; i < lines; ++i) {
    for (int j = 0; j < 12; ++j) {
      state = state * 1664525u + 1013904223u;
      text += words[(state >> 24) % words.size()];
      text += j == 5 ? "  " : " ";
    }
    text += std::to_string(i) + "\n";
  }
  return text;
}

inline PrepareOptions bytes_options(const TemporaryFolder& folder, std::vector<std::string> input) {
  PrepareOptions options;
  options.input = std::move(input);
  options.output = folder / "out/p";
  options.tokenizer = "bytes";
  options.threads = 2;
  return options;
}

}  // namespace tokenwerk::test
