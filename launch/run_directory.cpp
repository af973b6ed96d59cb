#include "launch/run_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <system_error>
#include <thread>
#include <utility>

#include "core/data/tokenizer.h"
#include "core/error.h"
#include "core/log.h"
#include "parallel/checkpoint/checkpoint.h"
#include "parallel/checkpoint/collective.h"
#include "parallel/checkpoint/durable.h"
#include "parallel/checkpoint/folder.h"

namespace tokenwerk {
namespace fs = std::filesystem;
namespace {

/// Ranks whose mpirun was killed live on for about two seconds.
constexpr std::chrono::seconds end_of_a_killed_run{5};

FileDescriptor open_lock(const fs::path& folder) {
  const fs::path file = folder / ".lock";
  return FileDescriptor(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
}

/// Where the file system knows no locks, nothing can be said: it is not.
bool is_taken(const FileDescriptor& lock) {
  return flock(lock.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

/// Whether the folder's lock still is this one.
bool is_lock_of(const FileDescriptor& lock, const fs::path& folder) {
  struct stat ours {
  }, there{};
  return fstat(lock.get(), &ours) == 0 && stat((folder / ".lock").c_str(), &there) == 0 &&
         ours.st_ino == there.st_ino && ours.st_dev == there.st_dev;
}

/// Whether the lock is ours at the end.
bool take(const FileDescriptor& lock, const fs::path& folder) {
  if (!is_taken(lock)) return true;
  log_info("{}: a run is still using it; waiting {} s for its end", folder.string(),
           end_of_a_killed_run.count());
  const auto end = std::chrono::steady_clock::now() + end_of_a_killed_run;
  while (std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    if (!is_taken(lock)) return true;
  }
  return false;
}

/// A run that starts beside the checkpoints of another would take turns with it: `keep` would
/// remove its own, `latest` would continue the other.
void check_continuation(const fs::path& directory, const std::string& resume) {
  if (resume == "latest") return;
  const std::vector<fs::path> there = list_checkpoints(directory);
  if (there.empty()) return;
  std::error_code ignored;
  const fs::path from = resume == "never" ? fs::path() : resolve_checkpoint(resume);
  const bool newest = !from.empty() && fs::equivalent(from, there.back(), ignored);
  TW_CHECK_AS(
      ConfigError, newest, "checkpoint.directory = \"", directory.string(),
      "\": holds checkpoints that this run does not continue, up to ",
      there.back().filename().string(),
      ": go on from there with checkpoint.resume = \"latest\", remove them, or name another "
      "directory");
}

/// The bytes of a file; nothing where it cannot be read.
std::optional<std::string> bytes_of(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream bytes;
  if (!stream || !(bytes << stream.rdbuf())) return std::nullopt;
  return std::move(bytes).str();
}

void copy_tokenizer(const Recipe& recipe) {
  const std::string here = tokenizer_copy(recipe.checkpoint.directory.value());
  const auto is_copied = [&](const char* ending) {
    return bytes_of(recipe.data.train + ending) == bytes_of(here + ending);
  };
  if (!fs::exists(recipe.data.train + ".tokenizer.json")) return;
  if (is_copied(".tokenizer.json") && is_copied(".tokenizer.model")) return;
  save_tokenizer(here, *load_tokenizer(recipe.data.train));
}

/// Not at all where the file says so already.
void write_recipe(const Recipe& recipe) {
  const fs::path file = fs::path(recipe.log.directory) / "recipe.toml";
  const std::string text = to_toml(recipe);
  if (bytes_of(file) == text) return;
  const std::string fault = fault_of_work([&] { write_text_file(file, text, Sync::none); });
  TW_CHECK_AS(DeviceError, fault.empty(), fault);
}

/// The values of a recipe's text as to_toml writes it, by "section.key".
std::map<std::string, std::string> values_of(const std::string& toml) {
  std::map<std::string, std::string> values;
  std::istringstream lines(toml);
  std::string section;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t equals = line.find(" = ");
    if (line.starts_with('[')) section = line.substr(1, line.find(']') - 1);
    if (equals == std::string::npos) continue;
    values[section + "." + line.substr(0, equals)] = line.substr(equals + 3);
  }
  values.erase("checkpoint.resume");  // which is how it goes on
  return values;
}

/// Whoever goes on with another recipe is told: nothing else says that the run is no longer what it
/// was.
void tell_changes(const Recipe& recipe) {
  const auto text = bytes_of(fs::path(recipe.log.directory) / "recipe.toml");
  if (!text) return;
  const auto before = values_of(*text), now = values_of(to_toml(recipe));
  std::map<std::string, std::string> all = before;
  all.insert(now.begin(), now.end());
  const auto value = [](const auto& values, const std::string& key) {
    const auto found = values.find(key);
    return found == values.end() ? "not given" : found->second;
  };
  std::vector<std::string> changes;
  for (const auto& [key, unused] : all)
    if (value(before, key) != value(now, key))
      changes.push_back(fmt::format("{} was {}, is {}", key, value(before, key), value(now, key)));
  if (!changes.empty()) log_info("this run goes on with another recipe: {}", joined(changes, "; "));
}

}  // namespace

RunDirectories::RunDirectories(const Recipe& recipe) : RunDirectories() {
  const fs::path log = recipe.log.directory, checkpoints = recipe.checkpoint.directory.value();
  hold(log, "log.directory");
  std::error_code ignored;
  if (!fs::equivalent(log, checkpoints, ignored)) hold(checkpoints, "checkpoint.directory");
  put_back_replaced(checkpoints);
  check_continuation(checkpoints, recipe.checkpoint.resume);
}

RunDirectories::~RunDirectories() {
  std::error_code ignored;
  for (const fs::path& folder : made_) {
    for (const char* name : {".lock", "log.txt"}) fs::remove(folder / name, ignored);
    fs::remove(folder, ignored);  // only where it is empty
  }
}

void RunDirectories::hold(const fs::path& folder, const char* key) {
  std::error_code fault;
  std::vector<fs::path> missing;
  for (fs::path path = folder; !path.empty() && !fs::exists(path, fault); path = path.parent_path())
    missing.push_back(path);
  made_.insert(made_.begin(), missing.begin(), missing.end());
  fs::create_directories(folder, fault);
  TW_CHECK_AS(ConfigError, !fault, key, " = \"", folder.string(),
              "\": cannot be made: ", fault.message());
  for (const fs::path& made : missing) sync_folder(made.parent_path());
  FileDescriptor lock = open_lock(folder);
  TW_CHECK_AS(ConfigError, lock, key, " = \"", folder.string(),
              "\": cannot be written: ", std::strerror(errno));
  TW_CHECK_AS(ConfigError, take(lock, folder), key, " = \"", folder.string(),
              "\": another run is using it");
  held_.push_back({folder, key, std::move(lock)});
}

bool RunDirectories::hold_again() {
  bool any = false;
  std::error_code unknown;
  for (Held& held : held_) {
    if (is_lock_of(held.lock, held.folder) || !fs::is_directory(held.folder, unknown)) continue;
    FileDescriptor lock = open_lock(held.folder);
    if (!lock) continue;  // a full disk, perhaps: the next time
    TW_CHECK_AS(ConfigError, !is_taken(lock), held.key, " = \"", held.folder.string(),
                "\": was taken away from this run, and another run is using it: this one ends");
    log_warning("{}: was removed or renamed, with what it held; made again", held.folder.string());
    held.lock = std::move(lock);
    any = true;
  }
  return any;
}

std::string tokenizer_copy(const fs::path& checkpoints) { return (checkpoints / "run").string(); }

void record_run(const Recipe& recipe, RunStart start) {
  if (start == RunStart::again) tell_changes(recipe);
  for (const auto record : {copy_tokenizer, write_recipe}) try {
      record(recipe);
    } catch (const std::exception& error) {
      if (start == RunStart::first) throw;
      log_warning("{}; the run goes on with what stands there", error.what());
    }
}

}  // namespace tokenwerk
