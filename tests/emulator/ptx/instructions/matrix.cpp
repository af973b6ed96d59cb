/// ldmatrix, mma and wmma: the 32 lanes of a warp hold parts of small matrices.

#include <array>
#include <bit>
#include <cstring>

#include "tests/emulator/ptx/decoding.h"
#include "tests/emulator/ptx/instructions/formats.h"
#include "tests/emulator/ptx/instructions/memory.h"
#include "tests/emulator/ptx/memory_access.h"

namespace tokenwerk::emulator::ptx {
namespace {

constexpr std::size_t size = 16;  ///< rows and columns of a wmma fragment, rows and depth of mma
using Matrix = std::array<std::array<float, size>, size>;

/// All lanes of the warp take part.
void meet_all(Decoding& d) {
  d.out.from[3] = d.constant(all_lanes, 4);
  d.out.flow = Flow::meet_lanes;
}

float single_of(std::uint32_t bits, bool is_bfloat) {
  const auto half = static_cast<std::uint16_t>(bits);
  return static_cast<float>(is_bfloat ? widen(BFloat{half}) : widen(Half{half}));
}

/// Products of narrow values are exact in f32; they are added in order, each sum rounded.
float dot(const Matrix& a, const Matrix& b, std::size_t row, std::size_t column, float sum) {
  for (std::size_t k = 0; k < size; ++k) sum += a[row][k] * b[k][column];
  return sum;
}

/// Where the halves of register `i` of fragment A of m16n8k16 belong.
struct Cell {
  std::size_t row = 0;
  std::size_t column = 0;
};
Cell cell_of_a(std::size_t lane, std::size_t i, std::size_t half) {
  return {lane / 4 + i % 2 * 8, lane % 4 * 2 + half + i / 2 * 8};
}
Cell cell_of_b(std::size_t lane, std::size_t i, std::size_t half) {
  return {lane % 4 * 2 + half + i * 8, lane / 4};
}
Cell cell_of_sum(std::size_t lane, std::size_t i) {
  return {lane / 4 + i / 2 * 8, lane % 4 * 2 + i % 2};
}

/// Fills a matrix from `count` registers of pairs, the first of which is `first` of the list.
template <typename CellOf>
Matrix gather(Warp& warp, const Instruction& in, std::size_t first, std::size_t count,
              CellOf cell_of) {
  Matrix matrix{};
  for (std::size_t lane = 0; lane < warp_size; ++lane)
    for (std::size_t i = 0; i < 2 * count; ++i) {
      const Cell cell = cell_of(lane, i / 2, i % 2);
      const std::uint32_t pair = warp.lanes<std::uint32_t>(in.list[first + i / 2])[lane];
      matrix[cell.row][cell.column] = single_of(pair >> (16 * (i % 2)), in.value == 1);
    }
  return matrix;
}

/// List: a0..a3, b0, b1, c0..c3; results: d0..d3.
void run_mma(Warp& warp, const Instruction& in) {
  warp.require_list(in);
  const Matrix a = gather(warp, in, 0, 4, cell_of_a);
  const Matrix b = gather(warp, in, 4, 2, cell_of_b);
  std::array<std::array<float, warp_size>, 4> sums{};
  for (std::size_t i = 0; i < 4; ++i)
    for (std::size_t lane = 0; lane < warp_size; ++lane) {
      const Cell cell = cell_of_sum(lane, i);
      sums[i][lane] = dot(a, b, cell.row, cell.column, warp.lanes<float>(in.list[6 + i])[lane]);
    }
  for (std::size_t i = 0; i < 4; ++i) {
    std::copy(sums[i].begin(), sums[i].end(), warp.lanes<float>(in.results[i]));
    warp.define(in.results[i]);
  }
}

void decode_mma(Decoding& d) {
  d.ignore({"aligned"});
  if (!d.take("sync") || !d.take("m16n8k16") || !d.take("row") || !d.take("col"))
    d.refuse("only m16n8k16.row.col is known");
  const Type to = d.take_type();
  const Type a = d.take_type();
  const Type b = d.take_type();
  const bool is_known = to == Type::f32 && d.take_type() == Type::f32 && a == b &&
                        (a == Type::bf16 || a == Type::f16);
  if (!is_known) d.refuse("only sums of bf16 or f16 products in f32 are known");
  d.expect_operands(4);
  d.out.value = a == Type::bf16 ? 1 : 0;
  d.append_results(0, Type::f32);
  for (const std::size_t i : {1u, 2u}) d.append_list(i, Type::b32, false);
  d.append_list(3, Type::f32, false);
  if (d.out.results.size() != 4 || d.out.list.size() != 10) d.refuse("has too few registers");
  meet_all(d);
  d.out.run = run_mma;
}

/// Lane 8 i + r gives the address of row r of matrix i; lane l receives elements 2 (l mod 4) and
/// the next of row l / 4, or of that column with .trans.
void run_ldmatrix(Warp& warp, const Instruction& in) {
  constexpr std::size_t row_bytes = 16;
  for (std::size_t i = 0; i < in.results.size(); ++i) {
    std::array<std::array<std::uint16_t, 8>, 8> rows{};
    for (std::size_t r = 0; r < 8; ++r) {
      const int lane = static_cast<int>(8 * i + r);
      const auto offset = static_cast<std::uint64_t>(in.value >> 1);
      const std::uint64_t address = warp.read<std::uint64_t>(in.from[0], lane) + offset;
      std::memcpy(rows[r].data(),
                  resolve_one(warp, in, lane, in.access.space, address, row_bytes, Direction::read),
                  row_bytes);
    }
    const bool is_transposed = (in.value & 1) != 0;
    std::uint32_t* to = warp.lanes<std::uint32_t>(in.results[i]);
    for (std::size_t lane = 0; lane < warp_size; ++lane) {
      const auto at = [&](std::size_t half) -> std::uint32_t {
        const std::size_t column = lane % 4 * 2 + half;
        return is_transposed ? rows[column][lane / 4] : rows[lane / 4][column];
      };
      to[lane] = at(0) | at(1) << 16;
    }
    warp.define(in.results[i]);
  }
}

void decode_ldmatrix(Decoding& d) {
  d.ignore({"aligned"});
  const int count = d.take_one_of({"x1", "x2", "x4"});
  if (!d.take("sync") || !d.take("m8n8") || count < 0) d.refuse("only m8n8 is known");
  const bool is_transposed = d.take("trans");
  d.out.access = take_access(d);
  if (d.take_type() != Type::b16) d.refuse("the type is not known here");
  d.out.access.bytes = 2;
  d.expect_operands(2);
  d.append_results(0, Type::b32);
  if (d.out.results.size() != 1u << count) d.refuse("the number of registers is not that of .x");
  d.set_address(1);
  d.out.value = d.out.value * 2 + (is_transposed ? 1 : 0);
  meet_all(d);
  d.out.run = run_ldmatrix;
}

/// PTX leaves open where wmma fragments keep their elements. Here register i of lane l keeps row
/// l / 2 of the matrix, as it is used, from column 8 (l mod 2) on: pairs of narrow values or single
/// sums, one after the other.
constexpr std::size_t row_of(std::size_t lane) { return lane / 2; }
constexpr std::size_t first_column_of(std::size_t lane) { return lane % 2 * 8; }

/// Bits of `Instruction::value` of wmma.load and wmma.store.
constexpr std::int64_t lies_by_columns = 1;
constexpr std::int64_t keeps_columns = 2;  ///< b: lane pairs keep columns instead of rows

/// The place of element `i` of a lane's eight, `from[1]` elements being between rows in memory.
std::byte* wmma_place(Warp& warp, const Instruction& in, std::size_t lane, std::size_t i,
                      Direction direction) {
  Cell cell{row_of(lane), first_column_of(lane) + i};
  if ((in.value & keeps_columns) != 0) std::swap(cell.row, cell.column);
  if ((in.value & lies_by_columns) != 0) std::swap(cell.row, cell.column);
  const auto number = static_cast<int>(lane);
  const std::uint64_t stride = warp.read<std::uint32_t>(in.from[1], number);
  const std::uint64_t base =
      warp.read<std::uint64_t>(in.from[0], number) + static_cast<std::uint64_t>(in.value >> 2);
  const std::uint64_t address = base + (cell.row * stride + cell.column) * in.access.bytes;
  return resolve_one(warp, in, number, in.access.space, address, in.access.bytes, direction);
}

/// Loads eight elements a lane: pairs of 16 bits, or sums of 32.
void run_wmma_load(Warp& warp, const Instruction& in) {
  const std::size_t bytes = in.access.bytes;
  for (std::size_t lane = 0; lane < warp_size; ++lane)
    for (std::size_t i = 0; i < 8; ++i) {
      const std::byte* place = wmma_place(warp, in, lane, i, Direction::read);
      const std::size_t at = i * bytes;
      auto* to = reinterpret_cast<std::byte*>(warp.lanes<std::uint32_t>(in.results[at / 4]) + lane);
      std::memcpy(to + at % 4, place, bytes);
    }
  for (const Slot& slot : in.results) warp.define(slot);
}

void run_wmma_store(Warp& warp, const Instruction& in) {
  warp.require_list(in);
  for (std::size_t lane = 0; lane < warp_size; ++lane)
    for (std::size_t i = 0; i < 8; ++i)
      std::memcpy(wmma_place(warp, in, lane, i, Direction::write),
                  warp.lanes<float>(in.list[i]) + lane, sizeof(float));
}

/// List: four registers of a, four of b, eight of c.
void run_wmma_mma(Warp& warp, const Instruction& in) {
  warp.require_list(in);
  const Matrix a = gather(warp, in, 0, 4, [](std::size_t lane, std::size_t i, std::size_t half) {
    return Cell{row_of(lane), first_column_of(lane) + 2 * i + half};
  });
  const Matrix b = gather(warp, in, 4, 4, [](std::size_t lane, std::size_t i, std::size_t half) {
    return Cell{first_column_of(lane) + 2 * i + half, row_of(lane)};
  });
  for (std::size_t lane = 0; lane < warp_size; ++lane)
    for (std::size_t i = 0; i < 8; ++i)
      warp.lanes<float>(in.results[i])[lane] = dot(a, b, row_of(lane), first_column_of(lane) + i,
                                                   warp.lanes<float>(in.list[8 + i])[lane]);
  for (const Slot& slot : in.results) warp.define(slot);
}

/// `fragment, [address], stride`, or the other way round for stores.
void decode_wmma_transfer(Decoding& d, bool is_load) {
  const int fragment = d.take_one_of({"a", "b", "c", "d"});
  const bool by_columns = d.take_one_of({"row", "col"}) == 1;
  d.out.access = take_access(d);
  const Type type = d.take_type();
  const bool is_sum = fragment >= 2;
  if (is_sum ? type != Type::f32 : type != Type::bf16 && type != Type::f16)
    d.refuse("the type is not known here");
  d.out.access.bytes = static_cast<std::uint8_t>(size_of(type));
  d.expect_operands(2, 3);
  const std::size_t registers = is_load ? 0 : 1;
  d.set_address(1 - registers);
  d.out.from[1] = d.operand_count() == 3 ? d.source(2, Type::b32) : d.constant(size, 4);
  d.out.value =
      d.out.value * 4 + (by_columns ? lies_by_columns : 0) + (fragment == 1 ? keeps_columns : 0);
  is_load ? d.append_results(0, Type::b32) : d.append_list(1, Type::f32, false);
  const std::size_t count = d.out.results.size() + d.out.list.size();
  if (count != (is_sum ? 8 : 4)) d.refuse("has another number of registers");
  d.out.run = is_load ? run_wmma_load : run_wmma_store;
}

void decode_wmma_mma(Decoding& d) {
  if (d.take_one_of({"row", "col"}) < 0 || d.take_one_of({"row", "col"}) < 0)
    d.refuse("the layouts are missing");
  const bool sums = d.take_type() == Type::f32;
  const Type a = d.take_type();
  const Type b = d.take_type();
  const bool is_known =
      sums && a == b && (a == Type::bf16 || a == Type::f16) && d.take_type() == Type::f32;
  if (!is_known) d.refuse("only sums of bf16 products in f32 are known");
  d.out.value = a == Type::bf16 ? 1 : 0;
  d.append_results(0, Type::f32);
  for (const std::size_t i : {1u, 2u}) d.append_list(i, Type::b32, false);
  d.append_list(3, Type::f32, false);
  if (d.out.results.size() != 8 || d.out.list.size() != 16)
    d.refuse("has another number of registers");
  d.out.run = run_wmma_mma;
}

void decode_wmma(Decoding& d) {
  d.ignore({"aligned"});
  if (!d.take("sync") || !d.take("m16n16k16")) d.refuse("only m16n16k16 is known");
  switch (d.take_one_of({"load", "store", "mma"})) {
    case 0: decode_wmma_transfer(d, true); break;
    case 1: decode_wmma_transfer(d, false); break;
    case 2: decode_wmma_mma(d); break;
    default: d.refuse("the form of wmma is not known");
  }
  meet_all(d);
}

constexpr std::array<Opcode, 3> opcodes{
    {{"mma", decode_mma}, {"ldmatrix", decode_ldmatrix}, {"wmma", decode_wmma}}};

}  // namespace

std::span<const Opcode> matrix_opcodes() { return opcodes; }

}  // namespace tokenwerk::emulator::ptx
