#include "parallel/checkpoint/manifest.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "parallel/checkpoint/box.h"
#include "parallel/checkpoint/durable.h"

namespace tokenwerk {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view format_name = "tokenwerk-checkpoint";
constexpr std::string_view sum_key = " \"xxh3\": \"";
constexpr std::string_view sum_end = "\"\n}\n";
constexpr std::size_t sum_digits = 16;
constexpr std::size_t tail_size = sum_key.size() + sum_digits + sum_end.size();

// -- to JSON

std::string line_of(const StoredFile& file) {
  return Json{{"name", file.name}, {"bytes", file.sum.bytes}, {"xxh3", hexadecimal(file.sum.xxh3)}}
      .dump();
}

std::string text_of(const Shape& shape) {
  std::string out = "[";
  for (int dim = 0; dim < shape.ndim(); ++dim)
    out += fmt::format("{}{}", dim == 0 ? "" : ",", shape[dim]);
  return out + "]";
}

std::string text_of(const StoredPart& part) {
  return fmt::format(R"({{"file":{},"dataset":{},"offset":{},"extent":{}}})", part.file,
                     Json(part.dataset).dump(), text_of(part.box.offset), text_of(part.box.extent));
}

std::string line_of(const StoredArray& array) {
  std::string out =
      fmt::format(R"({{"name":{},"dtype":"{}","shape":{},"parts":[)", Json(array.name).dump(),
                  name_of(array.dtype), text_of(array.shape));
  for (std::size_t i = 0; i < array.parts.size(); ++i)
    out.append(i == 0 ? "" : ",").append(text_of(array.parts[i]));
  return out + "]}";
}

template <typename Items>
std::string lines_of(const Items& items) {
  std::string out = "[";
  for (const auto& item : items)
    out.append(out.size() == 1 ? "\n  " : ",\n  ").append(line_of(item));
  return out + "\n ]";
}

// -- from JSON: every value is checked, because a manifest may be of another program's making

Index integer_of(const Json& value) {
  constexpr std::uint64_t largest = std::uint64_t{1} << 62;
  TW_CHECK_AS(CheckpointError, value.is_number_unsigned() && value.get<std::uint64_t>() <= largest,
              "not a count: ", value.dump());
  return value.get<Index>();
}

Shape shape_from(const Json& value) {
  std::vector<Index> extents;
  for (const Json& extent : value) extents.push_back(integer_of(extent));
  TW_CHECK_AS(CheckpointError, value.is_array() && extents.size() <= Shape::max_ndim,
              "not a shape: ", value.dump());
  Index count = 1;
  for (Index extent : extents)
    TW_CHECK_AS(CheckpointError, !__builtin_mul_overflow(count, std::max<Index>(extent, 1), &count),
                "too large: ", value.dump());
  return shape_of(extents);
}

DType dtype_from(const Json& value) {
  const auto name = value.get<std::string>();
  for (DType dtype : {DType::f64, DType::f32, DType::bf16, DType::i32})
    if (name == name_of(dtype)) return dtype;
  TW_RAISE(CheckpointError, "unknown dtype \"", name, "\"");
}

StoredFile file_from(const Json& value) {
  StoredFile file{value.at("name").get<std::string>(), {}};
  TW_CHECK_AS(CheckpointError,
              name_fault(file.name).empty() && file.name.find('/') == std::string::npos,
              "not a file's name: \"", file.name, "\"");
  file.sum.bytes = static_cast<std::uint64_t>(integer_of(value.at("bytes")));
  const auto digits = value.at("xxh3").get<std::string>();
  TW_CHECK_AS(CheckpointError,
              digits.size() == sum_digits &&
                  digits.find_first_not_of("0123456789abcdef") == std::string::npos,
              file.name, ": not a sum: \"", digits, "\"");
  file.sum.xxh3 = std::stoull(digits, nullptr, 16);
  return file;
}

StoredPart part_from(const Json& value) {
  return {static_cast<std::size_t>(integer_of(value.at("file"))),
          value.at("dataset").get<std::string>(),
          {shape_from(value.at("offset")), shape_from(value.at("extent"))}};
}

void check_format(const Json& value) {
  const auto format = value.get<std::string>();
  TW_CHECK_AS(CheckpointError, format == format_name, "its format is \"", format, "\", not \"",
              format_name, "\"");
}

void check_version(const Json& value) {
  const Index version = integer_of(value);
  TW_CHECK_AS(CheckpointError, version == Manifest::version, "its format version is ", version,
              ", this program reads ", Manifest::version);
}

/// Reads a list's items as soon as each has ended, and forgets their JSON: that of ten thousand
/// ranks' parts would take seven times the memory of the text.
class ItemReader {
 public:
  explicit ItemReader(const KeepArray& keep) : keep_(keep) {}

  /// What nlohmann's parser asks at each event: whether to keep the value.
  bool operator()(int depth, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::key && depth == 1) section_ = value.get<std::string>();
    if (event == Json::parse_event_t::key && depth == 3) key_ = value.get<std::string>();
    if (event == Json::parse_event_t::value && depth == 1) {  // before items of another version
      if (section_ == "format") check_format(value);
      if (section_ == "version") check_version(value);
    }
    if (event != Json::parse_event_t::object_end) return true;
    if (depth == 2 && section_ == "files") {
      files.push_back(file_from(value));
    } else if (depth == 2 && section_ == "arrays") {
      take_array(value);
    } else if (depth == 4 && section_ == "arrays" && key_ == "parts") {
      parts_.push_back(part_from(value));
    } else {
      return true;
    }
    return false;
  }

  std::vector<StoredFile> files;
  std::vector<StoredArray> arrays;

 private:
  /// `value` has all but the parts.
  void take_array(const Json& value) {
    TW_CHECK_AS(CheckpointError, value.at("parts").is_array() && value.at("parts").empty(),
                "not a list of parts: ", value.at("parts").dump());
    StoredArray array{value.at("name").get<std::string>(), dtype_from(value.at("dtype")),
                      shape_from(value.at("shape")), std::exchange(parts_, {})};
    array.parts.shrink_to_fit();
    if (!keep_ || keep_(array.name)) arrays.push_back(std::move(array));
  }

  const KeepArray& keep_;
  std::string section_, key_;
  std::vector<StoredPart> parts_;
};

/// What is left of a list whose items an ItemReader has taken.
void check_taken(const Json& list) {
  TW_CHECK_AS(CheckpointError, list.is_array() && list.empty(), "not a list: ", list.dump());
}

Manifest manifest_from(std::string_view text, const KeepArray& keep) {
  ItemReader items(keep);
  const Json value = Json::parse(text, std::ref(items));
  check_format(value.at("format"));
  check_version(value.at("version"));
  Manifest manifest;
  manifest.step = integer_of(value.at("step"));
  manifest.state_json = value.at("state").dump();
  check_taken(value.at("files"));
  manifest.files = std::move(items.files);
  if (!value.at("view").is_null()) manifest.view = file_from(value.at("view"));
  check_taken(value.at("arrays"));
  manifest.arrays = std::move(items.arrays);
  return manifest;
}

void check_files(const Manifest& manifest, std::vector<std::string> faults) {
  for (const StoredArray& array : manifest.arrays)
    for (const StoredPart& part : array.parts)
      if (part.file >= manifest.files.size())
        faults.push_back(
            fmt::format("{}: names file {} of {}", array.name, part.file, manifest.files.size()));
  TW_CHECK_AS(CheckpointError, faults.empty(), joined(faults, "; "));
}

// A manifest ends with the sum of all that stands before the sum: that is checked before parsing.
void check_sum(std::string_view text) {
  TW_CHECK_AS(CheckpointError, text.size() > tail_size && text.ends_with(sum_end),
              "cut off: it does not end with its checksum");
  const std::string_view tail = text.substr(text.size() - tail_size);
  const std::string sum = hexadecimal(checksum(text.substr(0, text.size() - tail_size)));
  TW_CHECK_AS(CheckpointError,
              tail.starts_with(sum_key) && tail.substr(sum_key.size(), sum_digits) == sum,
              "damaged: its checksum is ", sum, ", not the one it ends with");
}

/// `faults_in` says what is wrong with the arrays.
template <typename FaultsIn>
Manifest parsed(std::string_view text, const std::filesystem::path& source, const KeepArray& keep,
                const FaultsIn& faults_in) {
  try {
    check_sum(text);
    Manifest manifest = manifest_from(text, keep);
    check_files(manifest, faults_in(manifest));
    return manifest;
  } catch (const CheckpointError& fault) {
    TW_RAISE(CheckpointError, source.string(), ": ", fault.what());
  } catch (const nlohmann::json::exception& fault) {
    TW_RAISE(CheckpointError, source.string(), ": ", fault.what());
  }
}

}  // namespace

std::string shard_file(int rank) { return fmt::format("rank-{:05}.h5", rank); }

void check_state(std::string_view state_json) {
  const Json state = Json::parse(state_json, nullptr, false);
  TW_CHECK_AS(CheckpointError, state.is_object(),
              "the state is not a JSON object: ", state_json.substr(0, 80));
}

std::string to_text(const Manifest& manifest) {
  std::string text = fmt::format(
      "{{\n \"format\": \"{}\",\n \"version\": {},\n \"step\": {},\n \"state\": {},\n"
      " \"files\": {},\n \"view\": {},\n \"arrays\": {},\n",
      format_name, Manifest::version, manifest.step, Json::parse(manifest.state_json).dump(),
      lines_of(manifest.files), manifest.view ? line_of(*manifest.view) : "null",
      lines_of(manifest.arrays));
  const std::string sum = hexadecimal(checksum(text));
  return text.append(sum_key).append(sum).append(sum_end);
}

Manifest parse_manifest(std::string_view text, const std::filesystem::path& source,
                        const KeepArray& keep) {
  return parsed(text, source, keep, [](const Manifest& all) { return faults_of(all.arrays); });
}

Manifest parse_share(std::string_view text, const std::filesystem::path& source) {
  return parsed(text, source, {}, [](const Manifest&) { return std::vector<std::string>(); });
}

Manifest read_manifest(const std::filesystem::path& folder, const KeepArray& keep) {
  const auto path = folder / manifest_file;
  return parse_manifest(read_text_file(path), path, keep);
}

std::string to_text(const std::vector<StoredArray>& arrays) { return lines_of(arrays); }

std::vector<StoredArray> parse_arrays(std::string_view text) {
  std::vector<StoredArray> arrays;
  for (const Json& value : Json::parse(text)) {
    arrays.push_back({value.at("name").get<std::string>(),
                      dtype_from(value.at("dtype")),
                      shape_from(value.at("shape")),
                      {}});
    for (const Json& part : value.at("parts")) arrays.back().parts.push_back(part_from(part));
  }
  return arrays;
}

}  // namespace tokenwerk
