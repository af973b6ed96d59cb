#pragma once
/// The text that `prepare` reads: which files, in which pieces, with which documents.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/data/files.h"
#include "launch/prepare.h"

namespace tokenwerk {

/// Where a document goes.
enum class Split { train, validation };

/// How a file is cut into documents.
enum class TextForm { whole, lines, json_lines };

/// One file to read.
struct InputFile {
  std::string path;
  Index bytes = 0;
  TextForm form = TextForm::whole;
  std::optional<Split> split;  ///< empty: each document's content decides
};

/// The files behind paths (folders walked down, sorted), destined for `split`. Throws ConfigError
/// for a path that does not exist, gives no file or cannot be cut as asked.
[[nodiscard]] std::vector<InputFile> list_input(const std::vector<std::string>& paths,
                                                Documents documents, std::optional<Split> split);

/// Decides where documents go: `fraction` of all contents are for validation, equal ones alike, so
/// that no copy of a training document is validated on.
class Splitter {
 public:
  explicit Splitter(double fraction) : fraction_(fraction) {}
  [[nodiscard]] Split split_of(std::string_view document) const;

 private:
  double fraction_;
};

/// What one worker handles at a time: whole lines of a file, or a part of a document that is one.
struct TextPiece {
  std::shared_ptr<const MappedFile> file;  ///< keeps `text` alive
  TextForm form = TextForm::whole;
  std::string_view text;
  Index first_line = 1;        ///< its line number in the file
  std::optional<Split> split;  ///< empty: each document's content decides

  /// Whether a document that is a whole file ends here.
  [[nodiscard]] bool ends_file() const {
    const std::string_view all = file->text();
    return text.data() + text.size() == all.data() + all.size();
  }
};

/// About how many bytes the pieces have: of lines, and of documents that are whole files.
struct PieceSizes {
  Index lines = Index{256} << 10;
  Index whole = Index{256} << 10;
};

/// Goes through files piece by piece, in order. The pieces depend on the text alone.
class TextReader {
 public:
  TextReader(std::vector<InputFile> files, Splitter splitter, PieceSizes sizes);

  /// The next piece, never empty; none at the end. Throws DataError when a file cannot be read.
  [[nodiscard]] std::optional<TextPiece> next();
  /// Bytes handed out so far, and in all.
  [[nodiscard]] Index bytes_read() const { return bytes_read_; }
  [[nodiscard]] Index bytes() const { return bytes_; }

 private:
  void open_next_file();
  [[nodiscard]] std::size_t piece_end() const;

  std::vector<InputFile> files_;
  Splitter splitter_;
  PieceSizes sizes_;
  std::size_t next_file_ = 0;
  TextPiece rest_;  ///< what is left of the open file
  Index bytes_ = 0, bytes_read_ = 0;
};

/// A document, or a part of one that is a whole file.
struct PieceDocument {
  std::string text;
  Split split = Split::train;
};

/// The documents in a piece of lines; for a whole file, the one part. Empty documents are left out.
/// Throws DataError naming file and line (JSON) or byte (UTF-8) of what cannot be read.
[[nodiscard]] std::vector<PieceDocument> documents_of(const TextPiece& piece, Splitter splitter);

}  // namespace tokenwerk
