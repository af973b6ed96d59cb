#include "core/data/tokens_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstring>
#include <filesystem>
#include <numeric>
#include <vector>

#include "core/data/dataset.h"
#include "core/data/tokens_file_writer.h"
#include "core/error.h"
#include "tests/support/temporary_folder.h"

namespace tokenwerk {
namespace {

using test::read_file;
using test::TemporaryFolder;
using test::write_file;

/// Documents of these lengths holding 0, 1, 2 ...
void write_counting(const std::string& prefix, TokenType type, const std::vector<Index>& lengths) {
  TokensFileWriter writer(prefix, type);
  std::int32_t next = 0;
  for (const Index length : lengths) {
    std::vector<std::int32_t> tokens(static_cast<std::size_t>(length));
    std::iota(tokens.begin(), tokens.end(), next);
    next += static_cast<std::int32_t>(length);
    writer.append(tokens);
    writer.end_document();
  }
  writer.finish();
  writer.publish();
}

/// What the error says, or "" when the file loads.
std::string fault_of(const std::string& prefix) {
  try {
    const TokensFile file(prefix);
    return "";
  } catch (const DataError& error) {
    return error.what();
  }
}

class TokensFileOf : public testing::TestWithParam<TokenType> {};

TEST_P(TokensFileOf, gives_back_what_was_written) {
  const TemporaryFolder folder;
  write_counting(folder / "t", GetParam(), {3, 0, 5});
  const TokensFile file(folder / "t");
  EXPECT_EQ(file.type(), GetParam());
  EXPECT_EQ(file.token_count(), 8);
  EXPECT_EQ(file.document_count(), 3);
  EXPECT_EQ(file.document(0), (TokenRange{0, 3}));
  EXPECT_EQ(file.document(1), (TokenRange{3, 3}));
  EXPECT_EQ(file.document(2), (TokenRange{3, 8}));
  std::vector<std::int32_t> tokens(4);
  file.read(2, tokens, 8);
  EXPECT_EQ(tokens, (std::vector<std::int32_t>{2, 3, 4, 5}));
}

TEST_P(TokensFileOf, finds_the_first_token_outside_the_vocabulary) {
  const TemporaryFolder folder;
  write_counting(folder / "t", GetParam(), {9000});
  const TokensFile file(folder / "t");
  file.check_tokens({0, 9000}, 9000);
  file.check_tokens({0, 5000}, 5000);
  for (const Index vocabulary : {1, 4095, 4096, 4097, 8999}) {
    try {
      file.check_tokens({0, 9000}, vocabulary);
      FAIL() << vocabulary;
    } catch (const DataError& error) {
      EXPECT_NE(std::string(error.what()).find(fmt::format("token {0} is {0}", vocabulary)),
                std::string::npos)
          << error.what();
    }
  }
  std::vector<std::int32_t> tokens(10);
  EXPECT_THROW(file.read(95, tokens, 100), DataError);
}

INSTANTIATE_TEST_SUITE_P(types, TokensFileOf, testing::Values(TokenType::u16, TokenType::i32));

TEST(TokensFile, has_the_bytes_that_megatron_writes) {
  const TemporaryFolder folder;
  write_counting(folder / "t", TokenType::u16, {2, 1});
  EXPECT_EQ(read_file(folder / "t.bin"), std::string("\0\0\1\0\2\0", 6));
  std::string expected("MMIDIDX\0\0\1\0\0\0\0\0\0\0\x08\2\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0", 34);
  expected += std::string("\2\0\0\0\1\0\0\0", 8);
  expected += std::string("\0\0\0\0\0\0\0\0\4\0\0\0\0\0\0\0", 16);
  expected += std::string("\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0", 24);
  EXPECT_EQ(read_file(folder / "t.idx"), expected);
}

TEST(TokensFile, reads_documents_of_several_sequences) {
  const TemporaryFolder folder;
  write_counting(folder / "t", TokenType::u16, {2, 1, 4});
  // Sequences 0 and 1 become the first document, sequence 2 the second.
  std::string idx = read_file(folder / "t.idx");
  idx = idx.substr(0, idx.size() - 32) + std::string("\0\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0", 16) +
        std::string("\3\0\0\0\0\0\0\0", 8);
  idx[26] = 3;
  write_file(folder / "t.idx", idx);
  const TokensFile file(folder / "t");
  EXPECT_EQ(file.sequence_count(), 3);
  EXPECT_EQ(file.document_count(), 2);
  EXPECT_EQ(file.document(0), (TokenRange{0, 3}));
  EXPECT_EQ(file.document(1), (TokenRange{3, 7}));
}

TEST(TokensFile, names_the_fault) {
  const TemporaryFolder folder;
  const std::string prefix = folder / "t";
  write_counting(prefix, TokenType::u16, {4, 4});
  const std::string idx = read_file(prefix + ".idx"), bin = read_file(prefix + ".bin");
  const auto with_byte = [&](std::size_t at, char value) {
    std::string changed = idx;
    changed[at] = value;
    write_file(prefix + ".idx", changed);
    return fault_of(prefix);
  };
  EXPECT_NE(with_byte(0, 'X').find("t.idx: not a token index"), std::string::npos);
  EXPECT_NE(with_byte(9, 2).find("version 2"), std::string::npos);
  EXPECT_NE(with_byte(17, 5).find("type code 5"), std::string::npos);
  EXPECT_NE(with_byte(25, '\x7f').find("do not fit"), std::string::npos);
  EXPECT_NE(with_byte(33, '\xff').find("do not fit"), std::string::npos);
  // 2^62 sequences more, or 2^61 documents: the products wrap around to the right size.
  EXPECT_NE(with_byte(25, '\x40').find("do not fit"), std::string::npos);
  EXPECT_NE(with_byte(33, '\x20').find("do not fit"), std::string::npos);
  EXPECT_NE(with_byte(37, '\xff').find("sequence 0 has length"), std::string::npos);
  EXPECT_NE(with_byte(34, 5).find("sequence 1 is said to begin"), std::string::npos);
  EXPECT_NE(with_byte(38, 3).find("sequences of 7 tokens"), std::string::npos);
  EXPECT_NE(with_byte(38, 5).find("sequence 1 ends at token 9"), std::string::npos);
  EXPECT_NE(with_byte(58, 1).find("document 0 begins"), std::string::npos);
  EXPECT_NE(with_byte(66, 9).find("document 1 begins"), std::string::npos);
  EXPECT_NE(with_byte(74, 1).find("the documents end"), std::string::npos);
  write_file(prefix + ".idx", idx);
  write_file(prefix + ".bin", bin.substr(0, 15));
  EXPECT_NE(fault_of(prefix).find("no whole number of tokens"), std::string::npos);
  write_file(prefix + ".bin", bin.substr(0, 8));
  EXPECT_NE(fault_of(prefix).find("t.bin holds 4"), std::string::npos);
  std::filesystem::remove(prefix + ".bin");
  EXPECT_NE(fault_of(prefix).find("t.bin: cannot open"), std::string::npos);
  std::filesystem::create_directory(prefix + ".bin");
  EXPECT_NE(fault_of(prefix).find("t.bin: cannot open: Is a directory"), std::string::npos);
  std::filesystem::remove(prefix + ".bin");
  ASSERT_EQ(mkfifo((prefix + ".bin").c_str(), 0666), 0);  // which nobody will ever write
  EXPECT_NE(fault_of(prefix).find("t.bin: cannot open: not a regular file"), std::string::npos);
}

TEST(TokensFileWriter, shows_nothing_before_it_publishes) {
  const TemporaryFolder folder;
  {
    TokensFileWriter writer(folder / "t", TokenType::u16);
    writer.append(std::vector<std::int32_t>{1, 2, 3});
    writer.end_document();
    writer.finish();
    EXPECT_FALSE(std::filesystem::exists(folder / "t.bin"));
    EXPECT_FALSE(std::filesystem::exists(folder / "t.idx"));
    EXPECT_THROW(TokensFileWriter(folder / "t", TokenType::u16), DataError) << "two writers";
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  write_file(folder / "t.bin.partial", "left by a killed run");
  write_counting(folder / "t", TokenType::u16, {3});
  EXPECT_EQ(fault_of(folder / "t"), "");
}

TEST(TokensFileWriter, says_when_it_cannot_write) {
  EXPECT_THROW(TokensFileWriter("/nowhere/t", TokenType::u16), DataError);
}

TEST(TokenDataset, gives_inputs_and_shifted_targets) {
  const TemporaryFolder folder;
  write_counting(folder / "t", TokenType::u16, {5, 6});
  const TokenDataset data(folder / "t", 3, 100);
  EXPECT_EQ(data.sample_count(), 3);
  std::vector<std::int32_t> inputs(3), targets(3);
  data.read(2, inputs, targets);
  EXPECT_EQ(inputs, (std::vector<std::int32_t>{6, 7, 8}));
  EXPECT_EQ(targets, (std::vector<std::int32_t>{7, 8, 9}));
  EXPECT_THROW(data.read(3, inputs, targets), Error);
}

TEST(TokenDataset, needs_one_token_more_than_a_sample) {
  const TemporaryFolder folder;
  write_counting(folder / "t", TokenType::u16, {11});
  EXPECT_EQ(TokenDataset(folder / "t", 10, 100).sample_count(), 1);
  EXPECT_EQ(TokenDataset(folder / "t", 5, 100).sample_count(), 2);
  EXPECT_THROW(TokenDataset(folder / "t", 11, 100), DataError);
  write_counting(folder / "empty", TokenType::u16, {});
  EXPECT_THROW(TokenDataset(folder / "empty", 1, 100), DataError);
}

}  // namespace
}  // namespace tokenwerk
