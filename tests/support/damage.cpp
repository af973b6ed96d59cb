#include "tests/support/damage.h"

#include <fmt/core.h>

#include <algorithm>
#include <vector>

#include "tests/support/temporary_folder.h"

namespace tokenwerk::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* view = "model.h5";

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder))
    names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  return names;
}

Damage cut(const fs::path& file, std::mt19937& random) {
  const std::string bytes = read_file(file);
  const std::size_t left = random() % bytes.size();
  write_file(file, bytes.substr(0, left));
  return {fmt::format("{} cut to {} bytes", file.filename().string(), left),
          file.filename() == view};
}

Damage flip(const fs::path& file, std::mt19937& random) {
  std::string bytes = read_file(file);
  const std::size_t place = random() % bytes.size();
  bytes[place] = static_cast<char>(bytes[place] ^ (1 << random() % 8));
  write_file(file, bytes);
  return {fmt::format("{}: a bit of byte {}", file.filename().string(), place),
          file.filename() == view};
}

Damage swap(const fs::path& a, const fs::path& b) {
  const std::string bytes = read_file(a);
  write_file(a, read_file(b));
  write_file(b, bytes);
  return {fmt::format("{} and {} swapped", a.filename().string(), b.filename().string())};
}

Damage take(const fs::path& file, const fs::path& other) {
  write_file(file, read_file(other));
  return {fmt::format("{} of another model", file.filename().string()), file.filename() == view};
}

Damage take_all(const fs::path& folder, const fs::path& other) {
  fs::remove_all(folder);
  fs::copy(other, folder);
  return {"another model", false, true};
}

}  // namespace

Damage damage_checkpoint(const fs::path& folder, const fs::path& other, std::mt19937& random) {
  const std::vector<std::string> names = names_in(folder);
  const std::size_t first = random() % names.size();
  const std::size_t second = (first + 1 + random() % (names.size() - 1)) % names.size();
  const fs::path file = folder / names[first];
  switch (random() % 16) {
    case 0: return take_all(folder, other);
    case 1:
    case 2: return take(file, other / names[first]);
    case 3:
    case 4: return swap(file, folder / names[second]);
    case 5:
    case 6:
    case 7: fs::remove(file); return {names[first] + " removed", names[first] == view};
    case 8:
    case 9:
    case 10: return cut(file, random);
    default: return flip(file, random);
  }
}

}  // namespace tokenwerk::test
