#pragma once
/// Event files that TensorBoard reads: curves of a run, live.
///
/// A file is a sequence of TFRecords (length, masked CRC32C of the length, payload, masked CRC32C
/// of the payload; tensorflow/core/lib/io/record_writer.h), each payload one protobuf message
/// `Event` (tensorflow/core/util/event.proto). Four of its fields are all that curves need, so they
/// are encoded by hand here.

#include <filesystem>
#include <string>
#include <string_view>

#include "core/dtype.h"
#include "launch/append_file.h"
#include "launch/metrics.h"

namespace tokenwerk {

/// CRC-32C (Castagnoli), as in RFC 3720, appendix B.4.
[[nodiscard]] std::uint32_t crc32c(std::string_view bytes);

/// A payload framed as a TFRecord.
[[nodiscard]] std::string tfrecord(std::string_view payload);

/// `Event` messages. Wall times are seconds since 1970.
[[nodiscard]] std::string version_event(double wall_time);
/// Says that a run starts at this step: TensorBoard drops what an earlier one wrote from there on.
[[nodiscard]] std::string start_event(double wall_time, Index step);
[[nodiscard]] std::string scalar_event(double wall_time, Index step, std::string_view tag,
                                       double value);

/// Writes the curves of a run: `loss`, `learning_rate`, ... under the names of metrics.jsonl. As of
/// that file, a disk that refuses them ends no run.
class TensorBoardWriter {
 public:
  /// Begins a new file in the folder, named as TensorBoard wants it; the steps go on from
  /// first_step.
  TensorBoardWriter(const std::filesystem::path& folder, Index first_step);

  void write(const StepMetrics& metrics);
  void write(const ValidationMetrics& metrics);

 private:
  AppendFile file_;
};

}  // namespace tokenwerk
