#include "launch/prepare.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "core/data/tokenizer.h"
#include "core/data/tokens_file.h"
#include "core/error.h"
#include "tests/support/temporary_folder.h"

namespace tokenwerk {
namespace {

namespace fs = std::filesystem;
using test::read_file;
using test::TemporaryFolder;
using test::write_file;

/// Texts of all documents of a token file, decoded, without the end-of-document token.
std::vector<std::string> documents_in(const std::string& prefix, const Tokenizer& tokenizer) {
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

std::vector<std::string> documents_in(const std::string& prefix) {
  return documents_in(prefix, *load_tokenizer(prefix));
}

/// Names and contents of the files whose names begin with a prefix.
std::map<std::string, std::string> files_of(const std::string& prefix) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::directory_iterator(fs::path(prefix).parent_path())) {
    const std::string path = entry.path().string();
    if (path.starts_with(prefix + ".")) files[path.substr(prefix.size())] = read_file(path);
  }
  return files;
}

/// A text of many lines with few words, reproducible.
std::string some_text(int lines) {
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

PrepareOptions bytes_options(const TemporaryFolder& folder, std::vector<std::string> input) {
  PrepareOptions options;
  options.input = std::move(input);
  options.output = folder / "out/p";
  options.tokenizer = "bytes";
  options.threads = 2;
  return options;
}

template <typename Fault>
std::string fault_of(const PrepareOptions& options) {
  try {
    (void)prepare(options);
  } catch (const Fault& error) {
    return error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "another class of error: " << error.what();
  }
  return "";
}

std::string verify_fault(const std::string& prefix) {
  try {
    (void)verify_prepared(prefix);
  } catch (const DataError& error) {
    return error.what();
  }
  return "";
}

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

TEST(Prepare, refuses_bad_text_naming_its_place) {
  const TemporaryFolder folder;
  const auto fault_in = [&](const char* name, const std::string& content) {
    write_file(folder / name, content);
    return fault_of<DataError>(bytes_options(folder, {folder / name}));
  };
  EXPECT_NE(fault_in("a.txt", some_text(9000) + "caf\xe9").find("a.txt: not UTF-8 at byte "),
            std::string::npos);
  EXPECT_NE(fault_in("e.txt", "").find("e.txt: empty"), std::string::npos);
  EXPECT_NE(fault_in("b.txt", "\xef\xbb\xbf").find("no document"), std::string::npos);
  std::string records;
  for (int i = 0; i < 20000; ++i) records += "{\"text\": \"a record of some length\"}\n";
  EXPECT_NE(fault_in("a.jsonl", records + "{\"text\": \"cut").find("a.jsonl:20001: not a JSON"),
            std::string::npos);
  EXPECT_NE(fault_in("b.jsonl", records + "{\"txt\": 1}\n" + records).find("b.jsonl:20001: no st"),
            std::string::npos);
  EXPECT_NE(fault_in("c.jsonl", "[1]").find("c.jsonl:1: not a JSON object"), std::string::npos);
  EXPECT_NE(fault_in("d.jsonl", "{\"text\": \"\xff\"}").find("d.jsonl:1: "), std::string::npos);
  EXPECT_TRUE(files_of(folder / "out/p").empty()) << "something half-made is left";
}

TEST(Prepare, refuses_options_that_cannot_be_all_at_once) {
  const TemporaryFolder folder;
  write_file(folder / "a.txt", "text");
  write_file(folder / "a.jsonl", "{\"text\": \"x\"}");
  PrepareOptions options;
  options.tokenizer = folder / "no.model";
  options.validation_fraction = 1.5;
  const std::string all = fault_of<ConfigError>(options);
  for (const char* name : {"--input", "--output", "--tokenizer", "--validation"})
    EXPECT_NE(all.find(name), std::string::npos) << name;
  options = bytes_options(folder, {folder / "a.txt", folder / "nothing"});
  EXPECT_NE(fault_of<ConfigError>(options).find("nothing: no such file"), std::string::npos);
  options.input = {folder / "a.txt"};
  options.documents = Documents::record;
  EXPECT_NE(fault_of<ConfigError>(options).find("--documents record"), std::string::npos);
  options.input = {folder / "a.jsonl"};
  options.documents = Documents::file;
  EXPECT_NE(fault_of<ConfigError>(options).find("JSON Lines"), std::string::npos);
  options = bytes_options(folder, {folder / "a.txt"});
  options.vocabulary = 300;
  EXPECT_NE(fault_of<ConfigError>(options).find("has 257"), std::string::npos);
  options.tokenizer = "sentencepiece";
  options.vocabulary = 1000;
  EXPECT_NE(fault_of<ConfigError>(options).find("at most"), std::string::npos);
  options = bytes_options(folder, {folder / "a.txt"});
  options.output = folder / "a.txt/p";
  EXPECT_NE(fault_of<ConfigError>(options).find("cannot make the folder"), std::string::npos);
}

TEST(Prepare, needs_documents_on_both_sides_of_the_split) {
  const TemporaryFolder folder;
  write_file(folder / "a.txt", "one document");
  auto options = bytes_options(folder, {folder / "a.txt"});
  options.validation_fraction = 1e-9;
  EXPECT_NE(fault_of<DataError>(options).find("became validation"), std::string::npos);
  options.validation_fraction = 1.0 - 1e-9;
  EXPECT_NE(fault_of<DataError>(options).find("no document is left"), std::string::npos);
}

TEST(Prepare, leaves_older_files_alone_when_it_fails) {
  const TemporaryFolder folder;
  write_file(folder / "a.txt", "good");
  write_file(folder / "b.txt", "bad \xff");
  prepare(bytes_options(folder, {folder / "a.txt"}));
  const auto before = files_of(folder / "out/p");
  EXPECT_THROW((void)prepare(bytes_options(folder, {folder / "b.txt"})), DataError);
  EXPECT_TRUE(files_of(folder / "out/p") == before);
}

TEST(VerifyPrepared, finds_every_changed_file) {
  const TemporaryFolder folder;
  write_file(folder / "a.txt", some_text(300));
  auto options = bytes_options(folder, {folder / "a.txt"});
  options.documents = Documents::line;
  options.validation_fraction = 0.2;
  options.tokenizer = "sentencepiece";
  options.vocabulary = 320;
  const PrepareReport report = prepare(options);
  EXPECT_EQ(verify_fault(options.output), "");
  EXPECT_EQ(verify_prepared(options.output).train.tokens, report.train.tokens);

  for (const auto& [suffix, content] : files_of(options.output)) {
    const std::string path = options.output + suffix;
    std::string flipped = content;
    flipped[flipped.size() / 2] ^= 0x10;
    write_file(path, flipped);
    EXPECT_NE(verify_fault(options.output).find(path + ":"), std::string::npos) << suffix;
    write_file(path, content.substr(0, content.size() - 1));
    EXPECT_NE(verify_fault(options.output).find(path + ":"), std::string::npos) << suffix;
    fs::remove(path);
    EXPECT_NE(verify_fault(options.output).find(path + ":"), std::string::npos) << suffix;
    write_file(path, content);
  }
  EXPECT_EQ(verify_fault(options.output), "");

  write_file(options.output + ".bin", "");
  fs::remove(options.output + ".tokenizer.json");
  const std::string both = verify_fault(options.output);
  EXPECT_NE(both.find("p.bin: 0 bytes"), std::string::npos) << both;
  EXPECT_NE(both.find("p.tokenizer.json: missing"), std::string::npos) << both;
}

}  // namespace
}  // namespace tokenwerk
