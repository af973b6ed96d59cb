/// A manifest says what it said, or says that it cannot.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "parallel/checkpoint/box.h"
#include "parallel/checkpoint/manifest.h"

namespace tokenwerk::test {
namespace {

using testing::HasSubstr;

Manifest example() {
  Manifest manifest;
  manifest.step = 12;
  manifest.state_json = R"({"seed":18446744073709551615,"rate":1e-05,"text":"\u00fc"})";
  manifest.files = {{"rank-00000.h5", {100, 0x0123456789abcdef}}, {"rank-00001.h5", {50, 7}}};
  manifest.view = StoredFile{"model.h5", {10, 1}};
  manifest.arrays = {{"model/w",
                      DType::bf16,
                      {4, 6},
                      {{0, "model/w", {{0, 0}, {4, 2}}}, {1, "model/w", {{0, 2}, {4, 4}}}}},
                     {"model/b", DType::f64, {3}, {{1, "model/b", {{0}, {3}}}}}};
  return manifest;
}

std::string with_sum(std::string body) {
  const std::string sum = hexadecimal(checksum(body));
  return body + " \"xxh3\": \"" + sum + "\"\n}\n";
}

std::string body_of(const std::string& text) { return text.substr(0, text.rfind(" \"xxh3\"")); }

std::string fault_after(const std::string& from, const std::string& to) {
  std::string body = body_of(to_text(example()));
  const std::size_t place = body.find(from);
  EXPECT_NE(place, std::string::npos) << from;
  body.replace(place, from.size(), to);
  try {
    (void)parse_manifest(with_sum(body), "manifest.json");
    return {};
  } catch (const CheckpointError& fault) {
    return fault.what();
  }
}

TEST(Manifest, ReadsWhatItWrote) {
  const std::string text = to_text(example());
  const Manifest read = parse_manifest(text, "manifest.json");
  EXPECT_EQ(to_text(read), text);
  EXPECT_EQ(read.step, 12);
  EXPECT_EQ(read.state_json, "{\"seed\":18446744073709551615,\"rate\":1e-05,\"text\":\"ü\"}");
  EXPECT_EQ(read.arrays[0].parts[1].box, (Box{{0, 2}, {4, 4}}));
  EXPECT_EQ(read.files[0].sum.xxh3, 0x0123456789abcdefu);
}

TEST(Manifest, ReadsItsKeysInAnyOrder) {
  std::string body = body_of(to_text(example()));
  const std::string name = R"("name":"model/b","dtype":"f64",)";
  body.replace(body.find(name), name.size(), R"("also":[{"file":7}],)");
  body.insert(body.rfind("}\n ]"), "," + name.substr(0, name.size() - 1));
  EXPECT_EQ(to_text(parse_manifest(with_sum(body), "manifest.json")), to_text(example()));
}

TEST(Manifest, KeepsOnlyTheArraysThatAreWanted) {
  const Manifest read = parse_manifest(to_text(example()), "manifest.json",
                                       [](std::string_view name) { return name == "model/b"; });
  ASSERT_EQ(read.arrays.size(), 1u);
  EXPECT_EQ(read.arrays[0].name, "model/b");
  EXPECT_EQ(read.arrays[0].parts.size(), 1u);
  EXPECT_EQ(read.files.size(), 2u);
}

TEST(Manifest, EveryChangedByteIsNoticed) {
  const std::string text = to_text(example());
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_THROW((void)parse_manifest(changed, "manifest.json"), CheckpointError) << i;
    EXPECT_THROW((void)parse_manifest(text.substr(0, i), "manifest.json"), CheckpointError) << i;
  }
}

TEST(Manifest, RefusesContradictionsThatItsSumCannotSee) {
  EXPECT_THAT(fault_after("\"version\": 1", "\"version\": 2"),
              HasSubstr("its format version is 2, this program reads 1"));
  EXPECT_THAT(fault_after("tokenwerk-checkpoint", "other"), HasSubstr("its format is \"other\""));
  EXPECT_THAT(fault_after("\"extent\":[4,2]", "\"extent\":[4,3]"), HasSubstr("overlap"));
  EXPECT_THAT(fault_after("\"extent\":[4,2]", "\"extent\":[4,1]"),
              HasSubstr("4 of its 24 elements are in no box"));
  EXPECT_THAT(fault_after("\"offset\":[0,2]", "\"offset\":[1,2]"), HasSubstr("is not inside"));
  EXPECT_THAT(fault_after("\"offset\":[0,2]", "\"offset\":[2]"), HasSubstr("is not inside"));
  EXPECT_THAT(fault_after("[4,6]", "[-4,6]"), HasSubstr("not a count: -4"));
  EXPECT_THAT(fault_after("[4,6]", "[4611686018427387904,4]"), HasSubstr("too large"));
  EXPECT_THAT(fault_after("[4,6]", "[4,6,1,1,1]"), HasSubstr("not a shape"));
  EXPECT_THAT(fault_after("\"file\":1", "\"file\":2"), HasSubstr("names file 2 of 2"));
  EXPECT_THAT(fault_after("bf16", "f8"), HasSubstr("unknown dtype \"f8\""));
  EXPECT_THAT(fault_after("rank-00000.h5", "../../../etc/hosts"), HasSubstr("not a file's name"));
  EXPECT_THAT(fault_after("model/b\",\"dtype", "model/w\",\"dtype"), HasSubstr("is there twice"));
  EXPECT_THAT(fault_after("\"parts\"", "\"pieces\""), HasSubstr("parts"));
}

TEST(Manifest, SurvivesRandomContentUnderAGoodSum) {
  const std::string body = body_of(to_text(example()));
  std::mt19937 random(1);
  int refused = 0;
  for (int i = 0; i < 4000; ++i) {
    std::string changed = body;
    for (int n = 0; n < 1 + i % 3; ++n)
      changed[random() % changed.size()] = "0123456789-[]{}\",:.eE\\ax"[random() % 24];
    try {
      (void)parse_manifest(with_sum(changed), "manifest.json");
    } catch (const CheckpointError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 1000);
}

TEST(Boxes, PartitionsAreExact) {
  const Shape shape{4, 6};
  const Box left{{0, 0}, {4, 2}}, right{{0, 2}, {4, 4}}, corner{{3, 5}, {1, 1}};
  EXPECT_EQ(partition_fault(shape, std::vector{right, left}), "");
  EXPECT_EQ(partition_fault(shape, std::vector{right, left, Box{{2, 0}, {0, 6}}}), "");
  EXPECT_EQ(partition_fault(shape, std::vector{left}), "16 of its 24 elements are in no box");
  EXPECT_EQ(partition_fault(shape, std::vector{left, corner, right}),
            "boxes (0, 2) + (4, 4) and (3, 5) + (1, 1) overlap");
  EXPECT_EQ(intersect(left, right), std::nullopt);
  EXPECT_EQ(intersect(right, Box{{1, 0}, {2, 4}}), (Box{{1, 2}, {2, 2}}));
}

}  // namespace
}  // namespace tokenwerk::test
