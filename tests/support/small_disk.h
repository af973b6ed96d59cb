#pragma once
/// Disks that soon are full.

#include <gtest/gtest.h>
#include <sys/mount.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

namespace tokenwerk::test {

/// A disk of its own, which soon is full; needs root.
class SmallDisk {
 public:
  SmallDisk(std::filesystem::path folder, const std::string& size) : folder_(std::move(folder)) {
    std::filesystem::create_directories(folder_);
    mounted_ = mount("none", folder_.c_str(), "tmpfs", 0, ("size=" + size).c_str()) == 0;
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() {
    if (mounted_) umount2(folder_.c_str(), MNT_DETACH);
  }
  [[nodiscard]] bool mounted() const { return mounted_; }
  void resize(const std::string& size) const {
    EXPECT_EQ(mount("none", folder_.c_str(), "tmpfs", MS_REMOUNT, ("size=" + size).c_str()), 0);
  }

 private:
  std::filesystem::path folder_;
  bool mounted_ = false;
};

/// A file that takes all the room there is.
inline void fill(const std::filesystem::path& file) {
  std::ofstream stream(file, std::ios::binary);
  while (stream.write("0123456789abcdef", 16)) {
  }
}

}  // namespace tokenwerk::test
