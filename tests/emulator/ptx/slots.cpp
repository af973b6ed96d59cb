/// How the linker lays out a warp's register file: registers, constants, special registers.

#include <fmt/core.h>

#include "tests/emulator/ptx/decoding.h"
#include "tests/emulator/ptx/linker.h"

namespace tokenwerk::emulator::ptx {
namespace {

const std::map<std::string_view, Special>& special_names() {
  static const std::map<std::string_view, Special> names{
      {"%tid.x", Special::tid_x},
      {"%tid.y", Special::tid_y},
      {"%tid.z", Special::tid_z},
      {"%ntid.x", Special::ntid_x},
      {"%ntid.y", Special::ntid_y},
      {"%ntid.z", Special::ntid_z},
      {"%ctaid.x", Special::ctaid_x},
      {"%ctaid.y", Special::ctaid_y},
      {"%ctaid.z", Special::ctaid_z},
      {"%nctaid.x", Special::nctaid_x},
      {"%nctaid.y", Special::nctaid_y},
      {"%nctaid.z", Special::nctaid_z},
      {"%laneid", Special::laneid},
      {"%warpid", Special::warpid},
      {"%nwarpid", Special::nwarpid},
      {"%smid", Special::smid},
      {"%lanemask_eq", Special::lanemask_eq},
      {"%lanemask_lt", Special::lanemask_lt},
      {"%lanemask_le", Special::lanemask_le},
      {"%lanemask_gt", Special::lanemask_gt},
      {"%lanemask_ge", Special::lanemask_ge},
      {"%dynamic_smem_size", Special::dynamic_smem_size},
      {"%total_smem_size", Special::total_smem_size}};
  return names;
}

/// Slots begin where vector instructions like to load.
constexpr std::size_t slot_align = 64;

constexpr std::size_t round_up(std::size_t value, std::size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

}  // namespace

Slot Linker::allocate(std::size_t width) {
  Slot slot;
  slot.offset = static_cast<std::uint32_t>(program_.register_bytes);
  slot.index = program_.register_count++;
  slot.width = static_cast<std::uint32_t>(width);
  const std::size_t bytes = width == 1 ? sizeof(std::uint32_t) : width * warp_size;
  program_.register_bytes += width == 1 ? bytes : round_up(bytes, slot_align);
  if (width == 1) program_.register_bytes = round_up(program_.register_bytes, slot_align);
  return slot;
}

Slot Linker::register_slot(int reg) const {
  return frames_.back()->registers.at(static_cast<std::size_t>(reg));
}

Slot Linker::constant(std::uint64_t bits, std::size_t width) {
  const std::uint64_t kept = width >= 8 ? bits : bits & ((1ull << (8 * width)) - 1);
  const auto [known, is_new] = constants_.try_emplace({kept, width});
  if (is_new) {
    known->second = allocate(width);
    known->second.index = always_defined;
    program_.constants.push_back({known->second, kept});
  }
  return known->second;
}

Slot Linker::scratch(std::size_t width) {
  const auto [known, is_new] = scratch_.try_emplace(width);
  if (is_new) {
    known->second = allocate(width);
    known->second.index = discarded;
  }
  return known->second;
}

Slot Linker::carry() {
  if (!carry_) carry_ = allocate(1);
  return *carry_;
}

Slot Linker::special_slot(const std::string& name, std::size_t width, const Decoding& decoding) {
  if (name == "WARP_SZ") return constant(warp_size, width);
  const auto found = special_names().find(name);
  if (found == special_names().end())
    decoding.refuse(fmt::format("special register or symbol {} is not known", name));
  const auto [known, is_new] = specials_.try_emplace({found->second, width});
  if (is_new) {
    known->second = allocate(width);
    known->second.index = always_defined;
    program_.specials.push_back({found->second, known->second});
  }
  return known->second;
}

}  // namespace tokenwerk::emulator::ptx
