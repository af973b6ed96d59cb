/// Streams for the emulator's own tests: every operation runs at once.

#include "tests/emulator/runtime/queue.h"

namespace tokenwerk::emulator {

void enqueue(cudaStream_t, std::function<bool()> operation) {
  while (!operation()) {
  }
}

}  // namespace tokenwerk::emulator
