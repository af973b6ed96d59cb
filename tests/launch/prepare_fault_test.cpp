// What prepare refuses, and what --verify finds.

#include "launch/prepare.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "tests/launch/prepare_support.h"

namespace tokenwerk {
namespace {

namespace fs = std::filesystem;
using namespace test;

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
  options.threads = 100000000;
  EXPECT_NE(fault_of<ConfigError>(options).find("--threads: from 1 to 4096"), std::string::npos);
  options.threads = 1;
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

TEST(VerifyPrepared, survives_a_record_nested_without_end) {
  const TemporaryFolder folder;
  write_file(folder / "a.txt", "some text");
  const auto options = bytes_options(folder, {folder / "a.txt"});
  prepare(options);
  const std::string deep(200000, '[');
  write_file(options.output + ".prepared.json",
             "{\"xxh3\": \"0\", \"a\": " + deep + std::string(deep.size(), ']') + "}");
  EXPECT_NE(verify_fault(options.output).find("damaged"), std::string::npos);
  prepare(options);
  EXPECT_EQ(verify_fault(options.output), "");
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
    const bool is_record = suffix == ".prepared.json";
    EXPECT_NE(verify_fault(options.output).find(path + (is_record ? ": damaged" : ": content")),
              std::string::npos)
        << suffix;
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
