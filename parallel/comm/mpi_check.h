#pragma once
/// MPI's status codes and handles, for the files of this folder only.

#include <mpi.h>

#include <string>

#include "core/error.h"
#include "core/log.h"
#include "core/unique_handle.h"

namespace tokenwerk {

/// MPI's own words for a status.
[[nodiscard]] inline std::string mpi_message(int status) {
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(status, text, &length);
  return {text, static_cast<std::size_t>(length)};
}

/// Throws CommError made of the parts and MPI's message unless the call succeeds.
#define TW_MPI(call, ...)                                                                       \
  do {                                                                                          \
    if (const int tw_status = (call); tw_status != MPI_SUCCESS)                                 \
      TW_RAISE(::tokenwerk::CommError, __VA_ARGS__, ": ", ::tokenwerk::mpi_message(tw_status)); \
  } while (false)

struct MpiCommTraits {
  using Handle = MPI_Comm;
  static Handle none() { return MPI_COMM_NULL; }
  static void release(Handle comm) noexcept {
    if (const int status = MPI_Comm_free(&comm); status != MPI_SUCCESS)
      log_error("MPI_Comm_free failed with status {}", status);
  }
};
using UniqueMpiComm = UniqueHandle<MpiCommTraits>;

}  // namespace tokenwerk
