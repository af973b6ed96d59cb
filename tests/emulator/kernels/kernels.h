#pragma once
/// Launchers of the kernels by which the emulator is tested, compiled by nvcc. Pointers are device
/// pointers.

#include <cstdint>

namespace tokenwerk::emulator::kernels {

// reductions.cu
/// sums[b] = sum of x over the 256 elements of block b, by shuffles and shared memory.
void block_sums(float* sums, const float* x, int blocks);
/// The same over bf16 values, accumulated in f32 and rounded at the end.
void block_sums_bf16(std::uint16_t* sums, const std::uint16_t* x, int blocks);
/// bins[x % 16] += 1 by atomics in shared, then in global memory; total += x in f32, f64, u64.
void histogram(unsigned* bins, float* total, double* total64, unsigned long long* count,
               const unsigned* x, int n);
/// out: match, reduction, ballot, vote, prefix sum of each lane's value; 6 values a lane.
void warp_exchanges(int* out, const int* x, int warps);

// memory.cu
/// to(columns,rows) = from(rows,columns) in tiles of 32x32 with dynamic shared memory.
void transpose(float* to, const float* from, int rows, int columns);
/// The same without the barrier between writing and reading the tile: a race.
void transpose_with_race(float* to, const float* from, int rows, int columns);
/// 16 bytes a thread.
void copy_vectors(float* to, const float* from, int n);
/// to[stride * i] = from[i]
void scatter(float* to, const float* from, int n, int stride);
/// y[i] = table[i % 8] + counter, and counter of the device += 1.
void use_symbols(float* y, int n);
void set_table(const float* values);
int* counter_on_device();
/// y[i] = x[n - 1 - i] through asynchronous copies to shared memory, two groups.
void reverse_async(float* y, const float* x, int n);
/// Uses `bytes` of dynamic shared memory: y[i] = i.
void use_dynamic_shared(int* y, int n, int bytes);
int allow_dynamic_shared(int bytes);  ///< the cudaError_t of cudaFuncSetAttribute
int occupancy_of_transpose();

// control.cu
/// steps[i] = number of Collatz steps of i + 1, each lane looping for itself.
void collatz(int* steps, int n);
/// A switch of 12 cases.
void choose(int* y, const int* x, int n);
/// y[i] = polynomial of x[i] through a function that is not inlined, and writes by pointer.
void call_functions(float* y, const float* x, int n);
/// An array of each thread with computed indices.
void use_local_array(float* y, int n);
/// 64-bit and 128-bit integer arithmetic.
void wide_integers(long long* y, const long long* x, int n);
/// y[i] = value, beyond the array if n is too large.
void fill(float* y, int n, float value);
/// assert(x[i] > 0)
void assert_positive(const int* x, int n);

// numerics.cu
enum class Function { exp, log, tanh, rsqrt, sin, cos, erf, sqrt, divide, pow, count };
void apply(Function function, float* y, const float* x, int n);
void apply_double(Function function, double* y, const double* x, int n);
/// y = a * x + y in bf16, one by one and in pairs; and the same in f16.
void bf16_axpy(std::uint16_t* y, const std::uint16_t* x, float a, int n);
void bf16_axpy_pairs(std::uint16_t* y, const std::uint16_t* x, float a, int n);
void f16_axpy(std::uint16_t* y, const std::uint16_t* x, float a, int n);
/// y = f8 round trip of x.
void f8_round_trip(float* y, const float* x, int n);

// matrix.cu
/// c(16,16) = a(16,16) @ b(16,16) by wmma, bf16 to f32; b is given by columns.
void wmma_product(float* c, const std::uint16_t* a, const std::uint16_t* b);
/// c(16,8) = a(16,16) @ b(16,8) by ldmatrix and mma.
void mma_product(float* c, const std::uint16_t* a, const std::uint16_t* b);
/// Plain tiled product c(n,n) = a(n,n) @ b(n,n) in f32, for speed.
void tiled_product(float* c, const float* a, const float* b, int n);

}  // namespace tokenwerk::emulator::kernels
