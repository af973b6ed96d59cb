#include "launch/local_marker.h"

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "parallel/checkpoint/collective.h"
#include "parallel/checkpoint/durable.h"

namespace tokenwerk {
namespace {

using Json = nlohmann::ordered_json;

/// Names of folders come of them.
std::string digits_of(const Json& json) {
  std::string digits = json.get<std::string>();
  TW_CHECK_AS(CheckpointError,
              !digits.empty() && digits.find_first_not_of("0123456789abcdef") == std::string::npos,
              "not hexadecimal digits: ", digits);
  return digits;
}

LocalMarker marker_of(const Json& json) {
  LocalMarker marker{digits_of(json.at("run")), json.at("directory"), std::nullopt, {}};
  if (json.contains("step")) marker.step = json["step"].get<Index>();
  for (const Json& session : json.at("sessions")) {
    marker.sessions.push_back({digits_of(session.at("name"))});
    if (session.contains("until")) marker.sessions.back().until = session["until"].get<Index>();
  }
  return marker;
}

}  // namespace

std::filesystem::path local_marker_file(const std::filesystem::path& checkpoints) {
  return checkpoints / "local.json";
}

std::string marker_text(const LocalMarker& marker) {
  Json json{{"run", marker.run}, {"directory", marker.directory}, {"sessions", Json::array()}};
  if (marker.step) json["step"] = *marker.step;
  for (const LocalSession& session : marker.sessions) {
    Json& out = json["sessions"].emplace_back(Json{{"name", session.name}});
    if (session.until) out["until"] = *session.until;
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<LocalMarker> parse_local_marker(std::string_view text) {
  try {
    return marker_of(Json::parse(text));
  } catch (const Json::exception&) {
    return std::nullopt;
  } catch (const CheckpointError&) {
    return std::nullopt;
  }
}

FoundMarker find_local_marker(const std::filesystem::path& checkpoints) {
  const std::filesystem::path file = local_marker_file(checkpoints);
  FoundMarker found;
  std::error_code unknown;  // then reading says why
  if (!std::filesystem::exists(file, unknown) && !unknown) return found;
  const ReadFault fault = fault_of_reading([&] {
    found.marker = parse_local_marker(read_text_file(file));
    TW_CHECK_AS(CheckpointError, found.marker, file.string(), ": is damaged");
  });
  TW_CHECK_AS(UnreadableError, fault.unreadable.empty(), fault.unreadable);
  found.damage = fault.damage;
  return found;
}

std::optional<LocalMarker> read_local_marker(const std::filesystem::path& checkpoints) {
  return find_local_marker(checkpoints).marker;
}

void write_local_marker(const std::filesystem::path& checkpoints, const LocalMarker& marker) {
  const std::string fault = fault_of_work(
      [&] { write_text_file(local_marker_file(checkpoints), marker_text(marker) + "\n"); });
  TW_CHECK_AS(DeviceError, fault.empty(), fault);
}

}  // namespace tokenwerk
