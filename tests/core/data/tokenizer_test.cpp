#include "core/data/tokenizer.h"

#include <gtest/gtest.h>
#include <sentencepiece_processor.h>

#include <filesystem>

#include "core/data/sentencepiece_tokenizer.h"
#include "core/data/utf8.h"
#include "core/error.h"
#include "tests/support/temporary_folder.h"

namespace tokenwerk {
namespace {

using test::TemporaryFolder;

std::vector<std::string> some_lines() {
  std::vector<std::string> lines;
  for (int i = 0; i < 200; ++i) {
    lines.push_back(fmt::format("In the beginning was the word number {},", i));
    lines.push_back("  and the words  were with the others in a line.");
  }
  return lines;
}

std::unique_ptr<Tokenizer> trained() {
  return make_sentencepiece_tokenizer(train_sentencepiece(some_lines(), 320), "test model");
}

std::vector<std::unique_ptr<Tokenizer>> both() {
  std::vector<std::unique_ptr<Tokenizer>> tokenizers;
  tokenizers.push_back(make_bytes_tokenizer());
  tokenizers.push_back(trained());
  return tokenizers;
}

/// Texts that tokenizers like to change.
std::vector<std::string> hard_texts() {
  std::vector<std::string> texts{"",
                                 " ",
                                 "\n",
                                 "\n\n\n",
                                 "two  spaces",
                                 "  leading",
                                 "trailing  ",
                                 "tab\there",
                                 "\r\n",
                                 "In the beginning was the word\n\nand  the words\n",
                                 "na\xc3\xafve \xe4\xb8\x96\xe7\x95\x8c",
                                 "\xf0\x9f\x99\x82",
                                 "<s></s><unk><0x41>",
                                 "\xef\xbc\xa1\xe2\x91\xa0 \xc2\xa0",
                                 "a literal \xe2\x96\x81 and \xe2\x96\x85",
                                 std::string("a\0b", 3),
                                 "not UTF-8: \xff\xfe\xc3(\xe2\x96"};
  std::string all;
  for (const std::string& text : texts) all += text + "\n";
  for (int i = 0; i < 8; ++i) all += all.substr(0, 4000);
  texts.push_back(all);
  return texts;
}

TEST(Tokenizer, gives_back_every_text) {
  for (const auto& tokenizer : both()) {
    EXPECT_TRUE(tokenizer->exact());
    for (const std::string& text : hard_texts()) {
      const auto tokens = tokenizer->encode(text);
      for (const std::int32_t token : tokens) {
        EXPECT_GE(token, 0);
        EXPECT_LT(token, tokenizer->vocabulary());
        EXPECT_NE(token, tokenizer->end_of_document());
      }
      EXPECT_EQ(tokenizer->decode(tokens), text);
    }
  }
}

TEST(Tokenizer, may_be_fed_line_by_line) {
  const auto tokenizer = trained();
  const auto texts = hard_texts();
  for (const std::string& a : texts)
    for (const std::string& b : texts) {
      auto apart = tokenizer->encode(a + "\n");
      for (const std::int32_t token : tokenizer->encode(b)) apart.push_back(token);
      EXPECT_EQ(tokenizer->encode(a + "\n" + b), apart);
    }
}

TEST(Tokenizer, gives_the_tokens_of_the_library) {
  const auto tokenizer = trained();
  sentencepiece::SentencePieceProcessor library;
  ASSERT_TRUE(library.LoadFromSerializedProto(std::string(tokenizer->model())).ok());
  std::string text;
  for (const std::string& line : some_lines()) text += line + "   \n\n";
  for (const std::string& part :
       {text, std::string("  the  words\n in\n\n  the word  "), some_lines()[0]})
    EXPECT_EQ(tokenizer->encode(part), library.EncodeAsIds(part));
}

TEST(Tokenizer, encodes_many_texts_as_each_alone) {
  const auto texts = hard_texts();
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  for (const auto& tokenizer : both()) {
    const auto all = tokenizer->encode_all(views);
    ASSERT_EQ(all.size(), texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i) EXPECT_EQ(all[i], tokenizer->encode(texts[i]));
  }
}

TEST(Tokenizer, refuses_tokens_outside_the_vocabulary) {
  for (const auto& tokenizer : both()) {
    const auto vocabulary = static_cast<std::int32_t>(tokenizer->vocabulary());
    for (const std::int32_t token : {-1, vocabulary})
      EXPECT_THROW((void)tokenizer->decode(std::vector{token}), DataError);
    EXPECT_EQ(tokenizer->decode(std::vector{tokenizer->end_of_document()}), "");
  }
}

TEST(TrainSentencepiece, depends_on_the_text_alone_and_compresses) {
  const auto lines = some_lines();
  EXPECT_EQ(train_sentencepiece(lines, 320), train_sentencepiece(lines, 320));
  const auto tokenizer = trained();
  EXPECT_EQ(tokenizer->vocabulary(), 320);
  EXPECT_LT(tokenizer->encode("in the beginning was the word").size(), 15u);
}

TEST(TrainSentencepiece, takes_long_lines_without_spaces) {
  std::string line;
  for (int i = 0; i < 40000; ++i) line += i % 3 ? "\xe4\xb8\x96" : "\xe7\x95\x8c";
  const auto tokenizer = make_sentencepiece_tokenizer(train_sentencepiece({line}, 262), "m");
  EXPECT_EQ(tokenizer->decode(tokenizer->encode(line)), line);
}

TEST(TrainSentencepiece, names_the_vocabulary_that_is_possible) {
  const auto message = [](Index vocabulary) -> std::string {
    try {
      (void)train_sentencepiece(some_lines(), vocabulary);
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NE(message(100000).find("at most "), std::string::npos) << message(100000);
  EXPECT_NE(message(260).find("at least "), std::string::npos) << message(260);
  EXPECT_THROW((void)train_sentencepiece({}, 300), DataError);
}

TEST(LoadTokenizer, finds_what_was_saved) {
  const TemporaryFolder folder;
  const auto tokenizer = trained();
  const auto bytes = make_bytes_tokenizer();
  for (const Tokenizer* saved : {tokenizer.get(), bytes.get()}) {
    save_tokenizer(folder / "t", *saved);
    const auto loaded = load_tokenizer(folder / "t");
    EXPECT_EQ(loaded->kind(), saved->kind());
    EXPECT_EQ(loaded->vocabulary(), saved->vocabulary());
    EXPECT_EQ(loaded->encode("in the word"), saved->encode("in the word"));
  }
}

TEST(LoadTokenizer, names_the_fault) {
  const TemporaryFolder folder;
  const auto fault = [&]() -> std::string {
    try {
      (void)load_tokenizer(folder / "t");
    } catch (const DataError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NE(fault().find("t.tokenizer.json: cannot open"), std::string::npos);
  save_tokenizer(folder / "t", *trained());
  const std::string json = test::read_file(folder / "t.tokenizer.json");
  std::string model = test::read_file(folder / "t.tokenizer.model");
  model[model.size() / 2] ^= 1;
  test::write_file(folder / "t.tokenizer.model", model);
  EXPECT_NE(fault().find("t.tokenizer.model: its checksum"), std::string::npos);
  test::write_file(folder / "t.tokenizer.model", model.substr(1));
  EXPECT_NE(fault().find("t.tokenizer.model: "), std::string::npos);
  std::filesystem::remove(folder / "t.tokenizer.model");
  EXPECT_NE(fault().find("t.tokenizer.model: cannot open"), std::string::npos);
  test::write_file(folder / "t.tokenizer.json", R"({"kind": "words"})");
  EXPECT_NE(fault().find("kind 'words'"), std::string::npos);
  test::write_file(folder / "t.tokenizer.json",
                   R"({"kind": "bytes", "vocabulary": 258, "end_of_document": 256})");
  EXPECT_NE(fault().find("vocabulary 258"), std::string::npos);
  test::write_file(folder / "t.tokenizer.json", json.substr(0, json.size() / 2));
  EXPECT_NE(fault().find("not a JSON object"), std::string::npos);
  EXPECT_THROW((void)make_sentencepiece_tokenizer("rubbish", "x.model"), DataError);
}

TEST(TextStream, never_shows_half_a_character) {
  const std::string text = "na\xc3\xafve \xe4\xb8\x96\xe7\x95\x8c \xf0\x9f\x99\x82!";
  for (const auto& tokenizer : both()) {
    TextStream stream(*tokenizer);
    std::string shown;
    for (const std::int32_t token : tokenizer->encode(text)) {
      const std::string fresh = stream.push(token);
      EXPECT_EQ(valid_utf8_prefix(fresh), fresh.size());
      shown += fresh;
    }
    EXPECT_EQ(shown + stream.finish(), text);
    EXPECT_EQ(shown, text);
  }
}

TEST(TextStream, gives_out_an_unfinished_character_at_the_end) {
  const auto tokenizer = make_bytes_tokenizer();
  TextStream stream(*tokenizer);
  EXPECT_EQ(stream.push('a'), "a");
  EXPECT_EQ(stream.push(0xe4), "");
  EXPECT_EQ(stream.push(0xb8), "");
  EXPECT_EQ(stream.finish(), "\xe4\xb8");
}

TEST(Utf8, accepts_what_the_standard_allows_only) {
  const auto valid = [](std::string_view text) { return valid_utf8_prefix(text) == text.size(); };
  EXPECT_TRUE(valid("\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xf0\x90\x80\x80"));
  EXPECT_TRUE(valid("eight by eight and more \xf4\x8f\xbf\xbf"));
  for (const std::string_view bad :
       {"\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80", "\xe4\xb8", "\xc3("})
    EXPECT_EQ(valid_utf8_prefix("12345678" + std::string(bad)), 8u) << bad;
  EXPECT_EQ(complete_utf8_prefix("a\xe4\xb8"), 1u);
  EXPECT_EQ(complete_utf8_prefix("a\xf0\x9f\x99"), 1u);
  EXPECT_EQ(complete_utf8_prefix("a\xff"), 2u);
  EXPECT_EQ(complete_utf8_prefix("a\xe4("), 3u);
}

}  // namespace
}  // namespace tokenwerk
