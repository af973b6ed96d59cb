#include "parallel/pipeline/schedule_text.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "core/error.h"

namespace tokenwerk {
namespace {

/// More is a slip: of these numbers tables are made.
constexpr int most_microbatches = 1 << 22;

/// A word of the text and where it begins, counted from 1.
struct Word {
  std::string_view text;
  int line = 0, column = 0;
};

/// A rank's line: its number and the actions behind the colon.
struct RankLine {
  int rank = 0;
  Word word;
  std::vector<Action> actions;
};

bool is_blank(char letter) { return letter == ' ' || letter == '\t' || letter == '\r'; }

/// Cuts a line into words. A colon is a word of its own; a comment is none.
std::vector<Word> words_of(std::string_view line, int number) {
  std::vector<Word> words;
  line = line.substr(0, line.find('#'));
  for (std::size_t i = 0; i < line.size();) {
    const std::size_t first = i++;
    if (is_blank(line[first])) continue;
    while (line[first] != ':' && i < line.size() && !is_blank(line[i]) && line[i] != ':') ++i;
    words.push_back({line.substr(first, i - first), number, static_cast<int>(first) + 1});
  }
  return words;
}

/// Takes a number off the front of the text; nothing when there is none or it is absurd.
std::optional<int> take_number(std::string_view& text, int limit) {
  int value = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || value < 0 || value >= limit) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(rest - text.data()));
  return value;
}

std::optional<Work> work_of(char letter) {
  for (const Work work :
       {Work::forward, Work::backward, Work::backward_input, Work::backward_weight})
    if (letter == letter_of(work)) return work;
  return std::nullopt;
}

std::optional<Action> action_of(std::string_view text) {
  const auto stage = take_number(text, most_stages);
  const auto work = stage && !text.empty() ? work_of(text.front()) : std::nullopt;
  if (!work) return std::nullopt;
  text.remove_prefix(1);
  const auto microbatch = take_number(text, most_microbatches);
  if (!microbatch || !text.empty()) return std::nullopt;
  return Action{*stage, *work, *microbatch};
}

/// A word between quotes as any terminal shows it: cut where it is long, other bytes than printable
/// ASCII as \x00.
std::string quoted(std::string_view word) {
  constexpr std::size_t longest = 40;
  std::string text = "'";
  for (const char letter : word.substr(0, longest)) {
    const auto code = static_cast<unsigned char>(letter);
    const bool printable = code >= 0x20 && code < 0x7f;
    text += printable ? std::string(1, letter) : fmt::format("\\x{:02x}", code);
  }
  return text + (word.size() > longest ? "...'" : "'");
}

/// Reads all lines and keeps what is wrong with them.
class Reader {
 public:
  explicit Reader(const std::string& name) : name_(name) {}

  void read(std::string_view text);
  [[nodiscard]] ParsedSchedule take();

 private:
  void read_line(const std::vector<Word>& words);
  void check_ranks();
  void fault(const Word& word, const std::string& what) {
    faults_.add(fmt::format("{}, line {}, column {}: {}", name_, word.line, word.column, what));
  }

  const std::string& name_;
  std::vector<RankLine> lines_;
  FaultList faults_;
};

void Reader::read(std::string_view text) {
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (const auto words = words_of(text.substr(0, end), number); !words.empty()) read_line(words);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  check_ranks();
}

void Reader::read_line(const std::vector<Word>& words) {
  std::string_view number = words.size() > 1 ? words[1].text : std::string_view();
  const auto rank = take_number(number, most_stages);
  const bool opened =
      words.size() > 2 && words[0].text == "rank" && rank && number.empty() && words[2].text == ":";
  if (!opened)
    return fault(words[0], fmt::format("{} does not begin a rank: a line reads 'rank 0: 0F0 ...'",
                                       quoted(words[0].text)));
  RankLine line{*rank, words[1], {}};
  for (std::size_t i = 3; i < words.size(); ++i) {
    if (const auto action = action_of(words[i].text)) {
      line.actions.push_back(*action);
    } else {
      fault(words[i],
            fmt::format("{} is no action: write the stage (below {}), F, B, I or W, and the "
                        "micro-batch (below {}), as in 2F0",
                        quoted(words[i].text), most_stages, most_microbatches));
    }
  }
  lines_.push_back(std::move(line));
}

void Reader::check_ranks() {
  const int ranks = static_cast<int>(lines_.size());
  std::vector<int> line_of_rank(lines_.size(), 0);
  for (const RankLine& line : lines_) {
    if (line.rank >= ranks) {
      fault(line.word, fmt::format("rank {} in a text of {} ranks: they are 0 to {}", line.rank,
                                   ranks, ranks - 1));
    } else if (const int before = at(line_of_rank, line.rank); before > 0) {
      fault(line.word, fmt::format("rank {} stands in line {} already: a rank has one line",
                                   line.rank, before));
    } else {
      at(line_of_rank, line.rank) = line.word.line;
    }
  }
  if (lines_.empty() && faults_.count() == 0)
    faults_.add(name_ + ", line 1, column 1: no ranks; a line reads 'rank 0: 0F0 ...'");
}

ParsedSchedule Reader::take() {
  if (faults_.count() > 0) return {{}, faults_};
  PipelineSchedule schedule{.name = name_, .microbatches = 0, .rank_of_stage = {}, .program = {}};
  schedule.program.resize(lines_.size());
  for (RankLine& line : lines_) {
    for (const Action& action : line.actions) {
      schedule.microbatches = std::max(schedule.microbatches, action.microbatch + 1);
      if (action.stage >= schedule.stages())
        schedule.rank_of_stage.resize(static_cast<std::size_t>(action.stage) + 1, -1);
      int& owner = at(schedule.rank_of_stage, action.stage);
      if (owner < 0) owner = line.rank;
    }
    at(schedule.program, line.rank) = std::move(line.actions);
  }
  return {std::move(schedule), {}};
}

}  // namespace

std::string text_of(const PipelineSchedule& schedule) {
  std::string text;
  for (int rank = 0; rank < schedule.ranks(); ++rank) {
    text += fmt::format("rank {}:", rank);
    for (const Action& action : at(schedule.program, rank)) text += " " + text_of(action);
    text += '\n';
  }
  return text;
}

ParsedSchedule parse_schedule(std::string_view text, const std::string& name) {
  Reader reader(name);
  reader.read(text);
  return reader.take();
}

PipelineSchedule read_schedule(std::string_view text, const std::string& name) {
  ParsedSchedule parsed = parse_schedule(text, name);
  TW_CHECK_AS(ScheduleError, parsed.faults.count() == 0, joined(parsed.faults.lines(), "\n"));
  return std::move(parsed.schedule);
}

}  // namespace tokenwerk
