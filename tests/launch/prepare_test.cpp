#include "launch/prepare.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/launch/prepare_support.h"

namespace tokenwerk {
namespace {

namespace fs = std::filesystem;
using namespace test;

TEST(Prepare, makes_one_document_of_each_file) {
  const TemporaryFolder folder;
  const std::string long_text = some_text(20000);  // several pieces
  write_file(folder / "in/b.txt", "second\n\nfile");
  write_file(folder / "in/a.txt", long_text);
  write_file(folder / "in/deep/c.txt", "\xef\xbb\xbfthird");
  write_file(folder / "in/deep/.hidden", "\xff");
  write_file(folder / "in/.git/config", "\xff");
  write_file(folder / "in/empty.txt", "");
  const PrepareReport report = prepare(bytes_options(folder, {folder / "in"}));
  EXPECT_EQ(documents_in(folder / "out/p"),
            (std::vector<std::string>{long_text, "second\n\nfile", "third"}));
  EXPECT_EQ(report.train.documents, 3);
  EXPECT_EQ(report.train.bytes, static_cast<Index>(long_text.size()) + 12 + 5);
  EXPECT_EQ(report.train.tokens, report.train.bytes + 3);
  EXPECT_FALSE(report.validation);
}

TEST(Prepare, makes_one_document_of_each_line) {
  const TemporaryFolder folder;
  write_file(folder / "a.txt", "one\n\n two \r\nthree");
  auto options = bytes_options(folder, {folder / "a.txt"});
  options.documents = Documents::line;
  prepare(options);
  EXPECT_EQ(documents_in(options.output), (std::vector<std::string>{"one", " two \r", "three"}));
}

TEST(Prepare, makes_one_document_of_each_record) {
  const TemporaryFolder folder;
  write_file(folder / "a.jsonl",
             "{\"text\": \"first\\nlines \\u00e9\", \"id\": 1}\n\n{\"text\": \"\"}\n"
             "{\"meta\": {\"text\": 1}, \"text\": \"last\"}");
  for (const Documents documents : {Documents::automatic, Documents::record, Documents::line}) {
    auto options = bytes_options(folder, {folder / "a.jsonl"});
    options.documents = documents;
    prepare(options);
    EXPECT_EQ(documents_in(options.output),
              (std::vector<std::string>{"first\nlines \xc3\xa9", "last"}));
  }
}

TEST(Prepare, trains_a_tokenizer_that_gives_the_text_back) {
  const TemporaryFolder folder;
  const std::string text = some_text(30000) + "\n\n  odd \xe4\xb8\x96 end";
  write_file(folder / "a.txt", text);
  auto options = bytes_options(folder, {folder / "a.txt"});
  options.tokenizer = "sentencepiece";
  options.vocabulary = 330;
  const PrepareReport report = prepare(options);
  EXPECT_EQ(report.vocabulary, 330);
  EXPECT_LT(report.train.tokens, report.train.bytes / 2);
  EXPECT_EQ(documents_in(options.output), (std::vector<std::string>{text}));
  // The model so made can be used again, and gives the same tokens.
  auto again = options;
  again.output = folder / "again/p";
  again.tokenizer = options.output + ".tokenizer.model";
  prepare(again);
  EXPECT_EQ(read_file(again.output + ".bin"), read_file(options.output + ".bin"));
}

TEST(Prepare, writes_the_same_bytes_with_any_number_of_threads) {
  const TemporaryFolder folder;
  write_file(folder / "a.txt", some_text(20000));
  write_file(folder / "b.jsonl", "{\"text\": \"a record\"}\n");
  auto options = bytes_options(folder, {folder / "a.txt", folder / "b.jsonl"});
  options.tokenizer = "sentencepiece";
  options.vocabulary = 330;
  options.documents = Documents::line;
  options.validation_fraction = 0.1;
  options.training_bytes = 600000;  // a sample
  std::map<std::string, std::string> first;
  for (const int threads : {1, 2, 7}) {
    options.threads = threads;
    prepare(options);
    const auto files = files_of(options.output);
    EXPECT_EQ(files.size(), 7u);
    if (first.empty()) first = files;
    EXPECT_TRUE(files == first) << threads;
  }
}

TEST(Prepare, splits_off_a_fraction_by_content) {
  const TemporaryFolder folder;
  std::string text = some_text(5000);
  write_file(folder / "a.txt", text + text);  // each document twice
  auto options = bytes_options(folder, {folder / "a.txt"});
  options.documents = Documents::line;
  options.validation_fraction = 0.1;
  const PrepareReport report = prepare(options);
  ASSERT_TRUE(report.validation);
  EXPECT_EQ(report.train.documents + report.validation->documents, 10000);
  EXPECT_NEAR(static_cast<double>(report.validation->documents), 1000.0, 150.0);
  const auto tokenizer = load_tokenizer(options.output);
  const auto train = documents_in(options.output, *tokenizer);
  const auto validation = documents_in(options.output + ".validation", *tokenizer);
  std::map<std::string, int> copies;
  for (const auto& document : train) ++copies[document];
  for (const auto& document : validation) EXPECT_EQ(copies.count(document), 0u) << document;
}

TEST(Prepare, takes_texts_as_validation) {
  const TemporaryFolder folder;
  write_file(folder / "a.txt", "train");
  write_file(folder / "b/v.txt", "validate");
  auto options = bytes_options(folder, {folder / "a.txt"});
  options.validation = {folder / "b"};
  prepare(options);
  const auto tokenizer = load_tokenizer(options.output);
  EXPECT_EQ(documents_in(options.output, *tokenizer), (std::vector<std::string>{"train"}));
  EXPECT_EQ(documents_in(options.output + ".validation", *tokenizer),
            (std::vector<std::string>{"validate"}));
  // Preparing again without it leaves no validation data of the older text behind.
  options.validation.clear();
  prepare(options);
  EXPECT_FALSE(fs::exists(options.output + ".validation.bin"));
  EXPECT_FALSE(fs::exists(options.output + ".validation.idx"));
}

TEST(Prepare, reports_the_unigram_entropy) {
  const TemporaryFolder folder;
  write_file(folder / "a.txt", "aab");  // and the end token: frequencies 1/2, 1/4, 1/4
  const PrepareReport report = prepare(bytes_options(folder, {folder / "a.txt"}));
  EXPECT_NEAR(report.train.unigram_entropy, 1.5 * std::log(2.0), 1e-12);
  const auto record = nlohmann::json::parse(read_file(folder / "out/p.prepared.json"));
  EXPECT_EQ(record["train"]["unigram_entropy"], report.train.unigram_entropy);
}

}  // namespace
}  // namespace tokenwerk
