#include "tests/emulator/nccl/call.h"

#include <fmt/core.h>

namespace tokenwerk::emulator {
namespace {

const char* name_of(CallKind kind) {
  switch (kind) {
    case CallKind::all_reduce: return "all-reduce";
    case CallKind::reduce: return "reduce";
    case CallKind::broadcast: return "broadcast";
    case CallKind::all_gather: return "all-gather";
    case CallKind::reduce_scatter: return "reduce-scatter";
    case CallKind::all_to_all: return "all-to-all";
    case CallKind::gather: return "gather";
    case CallKind::scatter: return "scatter";
    case CallKind::send: return "send";
    case CallKind::receive: return "receive";
  }
  return "unknown call";
}

const char* name_of(ncclDataType_t type) {
  switch (type) {
    case ncclInt8: return "int8";
    case ncclUint8: return "uint8";
    case ncclInt32: return "int32";
    case ncclUint32: return "uint32";
    case ncclInt64: return "int64";
    case ncclUint64: return "uint64";
    case ncclFloat16: return "float16";
    case ncclBfloat16: return "bfloat16";
    case ncclFloat32: return "float32";
    case ncclFloat64: return "float64";
    default: return "elements of another type";
  }
}

const char* name_of(ncclRedOp_t operation) {
  switch (operation) {
    case ncclSum: return "sum";
    case ncclProd: return "product";
    case ncclMax: return "maximum";
    case ncclMin: return "minimum";
    case ncclAvg: return "average";
    default: return "another operation";
  }
}

bool reduces(CallKind kind) {
  return kind == CallKind::all_reduce || kind == CallKind::reduce ||
         kind == CallKind::reduce_scatter;
}

std::string place_of(const Call& call) {
  switch (call.kind) {
    case CallKind::reduce:
    case CallKind::gather:
    case CallKind::send: return fmt::format(" to rank {}", call.partner);
    case CallKind::broadcast:
    case CallKind::scatter:
    case CallKind::receive: return fmt::format(" from rank {}", call.partner);
    default: return "";
  }
}

}  // namespace

std::size_t Call::bytes() const { return count * bytes_of(type); }

std::size_t bytes_of(ncclDataType_t type) {
  switch (type) {
    case ncclInt8:
    case ncclUint8: return 1;
    case ncclFloat16:
    case ncclBfloat16: return 2;
    case ncclInt32:
    case ncclUint32:
    case ncclFloat32: return 4;
    case ncclInt64:
    case ncclUint64:
    case ncclFloat64: return 8;
    default: return 0;
  }
}

std::string describe(const Call& call) {
  return fmt::format("{} of {} {}{}{} (call {})", name_of(call.kind), call.count,
                     name_of(call.type), place_of(call),
                     reduces(call.kind) ? fmt::format(", {}", name_of(call.operation)) : "",
                     call.number);
}

bool agree(const Call& one, const Call& other) {
  return one.kind == other.kind && one.type == other.type && one.operation == other.operation &&
         one.partner == other.partner && one.count == other.count && one.number == other.number;
}

bool fit(const Call& send, const Call& receive) {
  return send.type == receive.type && send.count == receive.count && send.number == receive.number;
}

}  // namespace tokenwerk::emulator
