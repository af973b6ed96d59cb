#include "launch/tensorboard.h"

#include <fmt/core.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <chrono>
#include <cstring>
#include <utility>

#include "core/host_name.h"

namespace tokenwerk {
namespace {

constexpr std::array<std::uint32_t, 256> crc_table = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78u : 0u);
    table[i] = crc;
  }
  return table;
}();

template <typename T>
std::string little_endian(T value) {
  static_assert(std::endian::native == std::endian::little);
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

/// Masked, because the CRC of data that holds its own CRC says little.
std::string masked_crc(std::string_view bytes) {
  return little_endian(std::rotr(crc32c(bytes), 15) + 0xa282ead8u);
}

// Protobuf's wire format: a field is its number and wire type in one varint, then its value.
enum class Wire : unsigned { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}
std::string tag(unsigned field, Wire wire) {
  return varint(field << 3 | static_cast<unsigned>(wire));
}
std::string field(unsigned number, double value) {
  return tag(number, Wire::fixed64) + little_endian(value);
}
std::string field(unsigned number, float value) {
  return tag(number, Wire::fixed32) + little_endian(value);
}
std::string field(unsigned number, Index value) {
  return tag(number, Wire::varint) + varint(static_cast<std::uint64_t>(value));
}
std::string field(unsigned number, std::string_view value) {
  return tag(number, Wire::bytes) + varint(value.size()) + std::string(value);
}

// Field numbers of event.proto and summary.proto.
constexpr unsigned event_wall_time = 1, event_step = 2, event_file_version = 3, event_summary = 5,
                   event_session_log = 7;
constexpr unsigned summary_value = 1, value_tag = 1, value_simple_value = 2;
constexpr unsigned session_log_status = 1;
constexpr Index session_start = 1;

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// TensorBoard orders the files of a folder by name, hence by the second; a process id keeps two of
/// one second apart.
std::filesystem::path new_file(const std::filesystem::path& folder) {
  return folder / fmt::format("events.out.tfevents.{:010d}.{}.{}", static_cast<Index>(now()),
                              host_name(), getpid());
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t crc = ~0u;
  for (char c : bytes) crc = (crc >> 8) ^ crc_table[(crc ^ static_cast<unsigned char>(c)) & 0xff];
  return ~crc;
}

std::string tfrecord(std::string_view payload) {
  const std::string length = little_endian(std::uint64_t{payload.size()});
  return length + masked_crc(length) + std::string(payload) + masked_crc(payload);
}

std::string version_event(double wall_time) {
  return field(event_wall_time, wall_time) + field(event_file_version, "brain.Event:2");
}

std::string start_event(double wall_time, Index step) {
  return field(event_wall_time, wall_time) + field(event_step, step) +
         field(event_session_log, field(session_log_status, session_start));
}

std::string scalar_event(double wall_time, Index step, std::string_view name, double value) {
  const std::string point =
      field(value_tag, name) + field(value_simple_value, static_cast<float>(value));
  return field(event_wall_time, wall_time) + field(event_step, step) +
         field(event_summary, field(summary_value, point));
}

TensorBoardWriter::TensorBoardWriter(const std::filesystem::path& folder, Index first_step)
    : file_(new_file(folder), AppendFile::Records::framed, tfrecord(version_event(now()))) {
  file_.append(tfrecord(start_event(now(), first_step)));
}

void TensorBoardWriter::write(const StepMetrics& m) {
  const double time = now();
  std::string points;
  const auto point = [&](std::string_view name, std::optional<double> value) {
    if (value) points += tfrecord(scalar_event(time, m.step, name, *value));
  };
  point("loss", m.loss);
  point("learning_rate", m.learning_rate);
  point("grad_norm", m.grad_norm);
  point("step_seconds", m.step_seconds);
  point("tokens_per_second", m.tokens_per_second);
  point("mfu", m.mfu);
  if (m.memory_peak_bytes) point("memory_peak_bytes", static_cast<double>(*m.memory_peak_bytes));
  point("comm_exposed_fraction", m.comm_exposed_fraction);
  point("data_wait_fraction", m.data_wait_fraction);
  point("joules_per_token", m.joules_per_token);
  file_.append(std::move(points));
}

void TensorBoardWriter::write(const ValidationMetrics& m) {
  file_.append(tfrecord(scalar_event(now(), m.step, "validation_loss", m.validation_loss)));
}

}  // namespace tokenwerk
