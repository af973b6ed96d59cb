// Damaged files: any change to their bytes loads as something legal or is a DataError. Run under
// AddressSanitizer, this shows that no field is trusted before it is checked.

#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <vector>

#include "core/data/dataset.h"
#include "core/data/sentencepiece_tokenizer.h"
#include "core/data/tokenizer.h"
#include "core/data/tokens_file_writer.h"
#include "core/error.h"
#include "tests/support/temporary_folder.h"

namespace tokenwerk {
namespace {

using test::read_file;
using test::TemporaryFolder;
using test::write_file;

/// A copy with a few bytes changed, or bytes cut off, added or taken out.
std::string mutated(std::string bytes, std::mt19937& random) {
  const auto below = [&](std::size_t n) { return n == 0 ? 0 : random() % n; };
  const auto any = [&] {
    constexpr unsigned char special[]{0x00, 0x01, 0x7f, 0x80, 0xff};
    return static_cast<char>(random() % 2 ? special[below(5)] : random() % 256);
  };
  switch (random() % 8) {
    case 0: return bytes.substr(0, below(bytes.size() + 1));
    case 1: return bytes + std::string(1 + below(40), any());
    case 2: return bytes.erase(below(bytes.size()), 1 + below(9));
    case 3:  // eight bytes at once: a 64-bit field becomes huge or negative
      for (std::size_t i = 0, at = below(bytes.size()); i < 8 && at + i < bytes.size(); ++i)
        bytes[at + i] = i == 7 ? any() : '\xff';
      return bytes;
    default:
      for (std::size_t n = 1 + below(3); n > 0; --n) bytes[below(bytes.size())] = any();
      return bytes;
  }
}

struct Outcome {
  int loaded = 0;
  int refused = 0;
};

/// Loads `cases` mutations of the file, and puts it back.
Outcome mutate_file(const std::string& path, int cases, const std::function<void()>& load) {
  const std::string original = read_file(path);
  std::mt19937 random(42);
  Outcome outcome;
  for (int i = 0; i < cases; ++i) {
    write_file(path, mutated(original, random));
    try {
      load();
      ++outcome.loaded;
    } catch (const DataError&) {
      ++outcome.refused;
    }
  }
  write_file(path, original);
  load();
  return outcome;
}

TEST(Mutation, token_files_load_legally_or_are_refused) {
  const TemporaryFolder folder;
  const std::string prefix = folder / "t";
  for (const TokenType type : {TokenType::u16, TokenType::i32}) {
    TokensFileWriter writer(prefix, type);
    for (int document = 0; document < 5; ++document) {
      writer.append(std::vector<std::int32_t>(static_cast<std::size_t>(3 + document), 60));
      writer.end_document();
    }
    writer.finish();
    writer.publish();
    const auto load = [&] {
      const TokenDataset data(prefix, 4, 64);
      const Index tokens = data.tokens().token_count();
      for (Index i = 0; i < data.tokens().document_count(); ++i) {
        const TokenRange range = data.tokens().document(i);
        EXPECT_TRUE(0 <= range.first && range.first <= range.last && range.last <= tokens);
      }
      std::vector<std::int32_t> inputs(4), targets(4);
      for (Index i = 0; i < data.sample_count(); ++i) {
        data.read(i, inputs, targets);
        for (const std::int32_t token : inputs) EXPECT_TRUE(token >= 0 && token < 64);
      }
      data.check_tokens({0, tokens});
    };
    const Outcome idx = mutate_file(prefix + ".idx", 2000, load);
    EXPECT_GT(idx.refused, 1800);
    const Outcome bin = mutate_file(prefix + ".bin", 2000, load);
    EXPECT_GT(bin.refused, 1000);
    EXPECT_GT(bin.loaded, 50);  // another token inside the vocabulary is legal
  }
}

TEST(Mutation, tokenizers_load_legally_or_are_refused) {
  const TemporaryFolder folder;
  const std::string prefix = folder / "t";
  std::vector<std::string> lines(50, "in the beginning was the word and the word was here");
  save_tokenizer(prefix,
                 *make_sentencepiece_tokenizer(train_sentencepiece(lines, 290), "test model"));
  const auto load = [&] {
    const auto tokenizer = load_tokenizer(prefix);
    EXPECT_EQ(tokenizer->decode(tokenizer->encode("the word")), "the word");
  };
  EXPECT_GT(mutate_file(prefix + ".tokenizer.model", 1000, load).refused, 950);
  EXPECT_GT(mutate_file(prefix + ".tokenizer.json", 2000, load).refused, 1000);
}

}  // namespace
}  // namespace tokenwerk
