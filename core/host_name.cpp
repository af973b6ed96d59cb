#include "core/host_name.h"

#include <unistd.h>

#include <array>

namespace tokenwerk {

std::string host_name() {
  std::array<char, 256> text{};
  return gethostname(text.data(), text.size() - 1) == 0 ? text.data() : "unknown";
}

}  // namespace tokenwerk
