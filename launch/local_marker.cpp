#include "launch/local_marker.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "parallel/checkpoint/durable.h"

namespace tokenwerk {

std::filesystem::path local_marker_file(const std::filesystem::path& checkpoints) {
  return checkpoints / "local.json";
}

std::optional<LocalMarker> read_local_marker(const std::filesystem::path& checkpoints) {
  std::ifstream stream(local_marker_file(checkpoints));
  if (!stream) return std::nullopt;
  const auto json = nlohmann::json::parse(stream, nullptr, false);
  if (!json.is_object() || !json.contains("run") || !json["run"].is_string()) return std::nullopt;
  LocalMarker marker{json["run"], std::nullopt};
  // The name of a folder comes of it.
  if (marker.run.empty() || marker.run.find_first_not_of("0123456789abcdef") != std::string::npos)
    return std::nullopt;
  if (json.contains("step") && json["step"].is_number_integer()) marker.step = json["step"];
  return marker;
}

void write_local_marker(const std::filesystem::path& checkpoints, const LocalMarker& marker) {
  nlohmann::ordered_json json{{"run", marker.run}};
  if (marker.step) json["step"] = *marker.step;
  const std::filesystem::path file = local_marker_file(checkpoints), written = aside(file);
  std::ofstream stream(written, std::ios::trunc);
  stream << json.dump() << '\n';
  stream.close();
  TW_CHECK_AS(CheckpointError, stream.good(), written.string(), ": cannot be written");
  rename_path(written, file);
}

}  // namespace tokenwerk
