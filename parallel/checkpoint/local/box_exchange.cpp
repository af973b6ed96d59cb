#include "parallel/checkpoint/local/box_exchange.h"

#include <algorithm>
#include <cstring>

#include "parallel/checkpoint/box.h"
#include "parallel/checkpoint/collective.h"
#include "parallel/checkpoint/local/messages.h"
#include "parallel/comm/control.h"

namespace tokenwerk {
namespace {

/// A box of a part of the manifest, as it travels.
struct BoxRequest {
  Index array = 0, part = 0;
  Index offset[Shape::max_ndim] = {}, extent[Shape::max_ndim] = {};
};

using Batch = std::vector<Reading>;

/// Answers of moderate size.
std::vector<Batch> batches_of(const std::vector<Reading>& readings) {
  std::vector<Batch> batches;
  std::size_t bytes = most_answer_bytes;
  for (const Reading& reading : readings) {
    for (const Reading& piece : pieces_of(reading, most_answer_bytes)) {
      if (bytes + piece.bytes() > most_answer_bytes || batches.empty()) {
        batches.emplace_back();
        bytes = 0;
      }
      batches.back().push_back(piece);
      bytes += piece.bytes();
    }
  }
  return batches;
}

template <typename T>
std::string bytes_of(const std::vector<T>& items) {
  std::string text(items.size() * sizeof(T), '\0');
  if (!items.empty()) std::memcpy(text.data(), items.data(), text.size());
  return text;
}
template <typename T>
std::vector<T> items_of(const std::string& text) {
  std::vector<T> items(text.size() / sizeof(T));
  if (!items.empty()) std::memcpy(items.data(), text.data(), items.size() * sizeof(T));
  return items;
}

/// How many batches a rank will ask of another.
struct Question {
  std::int32_t to = 0, batches = 0;
};

/// Who asks this rank, and how many batches. Collective: only ranks that have to do with each other
/// meet, since each connection of thousands takes a file of the process.
std::map<int, std::size_t> asking(Communicator& ranks,
                                  const std::map<int, std::vector<Batch>>& asked) {
  std::vector<Question> mine;
  for (const auto& [to, batches] : asked)
    mine.push_back({to, static_cast<std::int32_t>(batches.size())});
  const std::vector<std::string> all = gather_strings(ranks, bytes_of(mine));
  std::map<int, std::size_t> out;
  for (int from = 0; from < ranks.size(); ++from)
    for (const Question& question : items_of<Question>(all[static_cast<std::size_t>(from)]))
      if (question.to == ranks.rank()) out[from] = static_cast<std::size_t>(question.batches);
  return out;
}

class BoxExchange {
 public:
  BoxExchange(Communicator& ranks, const Manifest& manifest, const OpenFile& open)
      : ranks_(ranks), manifest_(manifest), open_(open) {}

  /// Asks `to` for the batches while `from` asks this rank for so many; -1: nobody.
  void meet(int to, int from, const std::vector<Batch>& batches, std::size_t answers) {
    const std::size_t asks = batches.size();
    for (std::size_t i = 0; i < std::max(asks, answers); ++i) {
      const int asked_rank = i < asks ? to : -1, asking_rank = i < answers ? from : -1;
      const std::string mine = i < asks ? request(batches[i]) : std::string();
      const std::string theirs = exchange_text(ranks_, mine, asked_rank, asking_rank);
      const std::string got = exchange_text(ranks_, answer(theirs), asking_rank, asked_rank);
      if (i < asks) take_all(batches[i], got);
    }
  }
  [[nodiscard]] const std::string& fault() const { return fault_; }

 private:
  [[nodiscard]] std::string request(const Batch& batch) const {
    std::vector<BoxRequest> requests;
    for (const Reading& reading : batch) {
      const StoredArray& array = *reading.wanted->array;
      BoxRequest& request = requests.emplace_back();
      request.array = &array - manifest_.arrays.data();
      request.part = reading.part - array.parts.data();
      const Box box = reading.in_part();
      for (int dim = 0; dim < box.extent.ndim(); ++dim) {
        request.offset[dim] = box.offset[dim];
        request.extent[dim] = box.extent[dim];
      }
    }
    return bytes_of(requests);
  }

  /// As long as the asking rank expects, even where reading fails.
  [[nodiscard]] std::string answer(const std::string& asked) {
    std::string out;
    for (const BoxRequest& request : items_of<BoxRequest>(asked)) {
      const StoredArray& array = manifest_.arrays[static_cast<std::size_t>(request.array)];
      const StoredPart& part = array.parts[static_cast<std::size_t>(request.part)];
      Box box = part.box;
      for (int dim = 0; dim < box.extent.ndim(); ++dim) {
        box.offset[dim] = request.offset[dim];
        box.extent[dim] = request.extent[dim];
      }
      const std::size_t before = out.size();
      out.resize(before + static_cast<std::size_t>(box.extent.count()) * size_of(array.dtype));
      note(fault_of_work([&] {
        open_(part.file).read(part.dataset, array.dtype, part.box.extent, box, out.data() + before);
      }));
    }
    return out;
  }

  void take_all(const Batch& batch, const std::string& got) {
    note(fault_of_work([&] {
      const char* from = got.data();
      for (const Reading& reading : batch) {
        take(reading, from);
        from += reading.bytes();
      }
    }));
  }

  void note(const std::string& fault) {
    if (fault_.empty()) fault_ = fault;
  }

  Communicator& ranks_;
  const Manifest& manifest_;
  const OpenFile& open_;
  std::string fault_;
};

}  // namespace

std::string exchange_boxes(Communicator& ranks, const Manifest& manifest,
                           const RemoteReadings& wanted, const OpenFile& open) {
  std::map<int, std::vector<Batch>> asked;
  for (const auto& [to, readings] : wanted) asked[to] = batches_of(readings);
  const std::map<int, std::size_t> asked_by = asking(ranks, asked);
  BoxExchange exchange(ranks, manifest, open);
  const int size = ranks.size();
  // By distance, at which each pair meets once: of those that wait, the nearest can go on.
  for (int distance = 1; distance < size; ++distance) {
    const int to = (ranks.rank() + distance) % size;
    const int from = (ranks.rank() - distance + size) % size;
    const auto mine = asked.find(to);
    const auto theirs = asked_by.find(from);
    exchange.meet(to, from, mine == asked.end() ? std::vector<Batch>() : mine->second,
                  theirs == asked_by.end() ? 0 : theirs->second);
  }
  return exchange.fault();
}

}  // namespace tokenwerk
