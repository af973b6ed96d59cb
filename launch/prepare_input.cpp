#include "launch/prepare_input.h"

#include <xxhash.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "core/data/utf8.h"
#include "core/error.h"
#include "core/log.h"

namespace tokenwerk {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

bool is_json_lines(const fs::path& path) {
  return path.extension() == ".jsonl" || path.extension() == ".ndjson";
}

TextForm form_of(const fs::path& path, Documents documents) {
  if (is_json_lines(path)) {
    TW_CHECK_AS(ConfigError, documents != Documents::file, path.string(),
                ": a JSON Lines file has a document a record: use --documents record, or leave it "
                "out");
    return TextForm::json_lines;
  }
  TW_CHECK_AS(ConfigError, documents != Documents::record, path.string(),
              ": --documents record wants JSON Lines files (.jsonl, .ndjson); for text it is file "
              "or line");
  return documents == Documents::line ? TextForm::lines : TextForm::whole;
}

/// All files below a folder, sorted by path; hidden names are left out.
std::vector<fs::path> walk(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  fs::recursive_directory_iterator entry(folder, error), end;
  while (!error && entry != end) {
    const bool hidden = entry->path().filename().native().starts_with('.');
    if (hidden && entry->is_directory(error)) entry.disable_recursion_pending();
    if (!hidden && entry->is_regular_file(error)) files.push_back(entry->path());
    if (!error) entry.increment(error);
  }
  TW_CHECK_AS(DataError, !error, folder.string(), ": cannot read the folder: ", error.message());
  std::sort(files.begin(), files.end());
  return files;
}

PieceDocument record_of(std::string_view line, const TextPiece& piece, Index number) {
  const auto json = nlohmann::json::parse(line, nullptr, false);
  TW_CHECK_AS(DataError, json.is_object(), piece.file->path(), ":", number,
              ": not a JSON object in UTF-8");
  const auto text = json.find("text");
  TW_CHECK_AS(DataError, text != json.end() && text->is_string(), piece.file->path(), ":", number,
              ": no string 'text'");
  return {text->get<std::string>(), Split::train};
}

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

void check_utf8(const TextPiece& piece) {
  const std::size_t valid = valid_utf8_prefix(piece.text);
  TW_CHECK_AS(DataError, valid == piece.text.size(), piece.file->path(), ": not UTF-8 at byte ",
              piece.text.data() + valid - piece.file->text().data(),
              "; text in another encoding must be converted first (iconv does)");
}

}  // namespace

std::vector<InputFile> list_input(const std::vector<std::string>& paths, Documents documents,
                                  std::optional<Split> split) {
  std::vector<InputFile> files;
  for (const std::string& path : paths) {
    std::error_code error;
    const auto status = fs::status(path, error);
    TW_CHECK_AS(ConfigError, fs::exists(status), path, ": no such file or folder");
    const bool folder = fs::is_directory(status);
    const auto found = folder ? walk(path) : std::vector<fs::path>{path};
    TW_CHECK_AS(ConfigError, !found.empty(), path, ": no file in this folder");
    for (const fs::path& file : found) {
      const auto bytes = static_cast<Index>(fs::file_size(file, error));
      TW_CHECK_AS(DataError, !error, file.string(), ": ", error.message());
      TW_CHECK_AS(DataError, folder || bytes > 0, file.string(), ": empty");
      files.push_back({file.string(), bytes, form_of(file, documents), split});
    }
  }
  return files;
}

Split Splitter::split_of(std::string_view document) const {
  if (fraction_ <= 0.0) return Split::train;
  constexpr std::size_t looked_at = 65536;  // enough to tell documents apart
  const std::string_view head = document.substr(0, looked_at);
  const XXH64_hash_t hash = XXH3_64bits(head.data(), head.size());
  return static_cast<double>(hash >> 11) * 0x1p-53 < fraction_ ? Split::validation : Split::train;
}

TextReader::TextReader(std::vector<InputFile> files, Splitter splitter, PieceSizes sizes)
    : files_(std::move(files)), splitter_(splitter), sizes_(sizes) {
  for (const InputFile& file : files_) bytes_ += file.bytes;
}

void TextReader::open_next_file() {
  const InputFile& input = files_[next_file_++];
  rest_.file = std::make_shared<const MappedFile>(input.path);
  rest_.form = input.form;
  rest_.text = rest_.file->text();
  rest_.first_line = 1;
  if (rest_.text.starts_with(byte_order_mark)) rest_.text.remove_prefix(byte_order_mark.size());
  if (rest_.text.empty()) log_warning("{}: empty, left out", input.path);
  rest_.split = input.split;
  if (!rest_.split && input.form == TextForm::whole) rest_.split = splitter_.split_of(rest_.text);
}

/// Pieces end behind a newline. A text without any for long is cut between two characters, but
/// lines that are documents never are.
std::size_t TextReader::piece_end() const {
  const bool whole = rest_.form == TextForm::whole;
  const auto size = static_cast<std::size_t>(whole ? sizes_.whole : sizes_.lines);
  if (rest_.text.size() <= size) return rest_.text.size();
  const std::string_view near = rest_.text.substr(0, whole ? 4 * size : std::string_view::npos);
  const std::size_t newline = near.find('\n', size - 1);
  if (newline != std::string_view::npos) return newline + 1;
  return near.size() == rest_.text.size() ? near.size() : complete_utf8_prefix(near);
}

std::optional<TextPiece> TextReader::next() {
  while (rest_.text.empty()) {
    if (next_file_ == files_.size()) return std::nullopt;
    open_next_file();
  }
  TextPiece piece = rest_;
  piece.text = rest_.text.substr(0, piece_end());
  rest_.text.remove_prefix(piece.text.size());
  if (rest_.form != TextForm::whole)
    rest_.first_line += std::count(piece.text.begin(), piece.text.end(), '\n');
  bytes_read_ += static_cast<Index>(piece.text.size());
  return piece;
}

std::vector<PieceDocument> documents_of(const TextPiece& piece, Splitter splitter) {
  if (piece.form != TextForm::json_lines) check_utf8(piece);
  std::vector<PieceDocument> documents;
  if (piece.form == TextForm::whole) {
    documents.push_back({std::string(piece.text), piece.split.value_or(Split::train)});
    return documents;
  }
  Index number = piece.first_line;
  for (std::string_view rest = piece.text; !rest.empty(); ++number) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (line.empty() || (piece.form == TextForm::json_lines && is_blank(line))) continue;
    PieceDocument document = piece.form == TextForm::json_lines
                                 ? record_of(line, piece, number)
                                 : PieceDocument{std::string(line), Split::train};
    if (document.text.empty()) continue;
    document.split = piece.split ? *piece.split : splitter.split_of(document.text);
    documents.push_back(std::move(document));
  }
  return documents;
}

}  // namespace tokenwerk
