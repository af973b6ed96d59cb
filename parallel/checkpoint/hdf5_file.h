#pragma once
/// The part of HDF5 that checkpoints use. HDF5 itself stays in hdf5_file.cpp, and its calls
/// come from one thread of a rank at a time.

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/shape.h"

namespace tokenwerk {

/// One box of a virtual array: all of a dataset in another file of the same folder.
struct VirtualSource {
  std::string file;
  std::string dataset;
  Box box;
};

/// A file of arrays in groups. bf16 is HDF5's custom float of sign 15, exponent 7+8 bits, mantissa
/// 7 bits and bias 127, which h5py shows as float32; HDF5 never converts numbers here. The same
/// calls give the same bytes. All faults are CheckpointErrors that carry the file and HDF5's own
/// words.
class Hdf5File {
 public:
  /// Makes the file anew.
  [[nodiscard]] static Hdf5File create(const std::filesystem::path& path);
  /// Opens for reading. Bytes that HDF5 did not write may crash it: check the file's sum first.
  [[nodiscard]] static Hdf5File open(const std::filesystem::path& path);

  Hdf5File(Hdf5File&&) noexcept;
  Hdf5File& operator=(Hdf5File&&) noexcept;
  ~Hdf5File();

  /// Adds a dataset (1 to 4 dims) and writes all of it from dense memory.
  void write(const std::string& dataset, DType dtype, const Shape& shape, const void* data);
  /// Adds a dataset that shows these boxes as one array, with zeros where there are none.
  void write_virtual(const std::string& dataset, DType dtype, const Shape& shape,
                     std::span<const VirtualSource> sources);
  /// Reads a box of a dataset into dense memory. The dataset must have this dtype and shape.
  void read(const std::string& dataset, DType dtype, const Shape& shape, const Box& box,
            void* data) const;
  /// Writes out what is still in memory and closes. The destructor does the same but can only log
  /// what goes wrong.
  void close();

 private:
  struct Handles;
  explicit Hdf5File(std::unique_ptr<Handles> handles);
  std::unique_ptr<Handles> handles_;
};

/// A whole dataset in memory.
struct Hdf5Array {
  Shape shape;
  DType dtype = DType::f32;
  std::vector<std::byte> bytes;

  /// The elements, row-major. The caller knows the type: dtype_of<T> == dtype.
  template <typename T>
  [[nodiscard]] std::span<const T> as() const {
    TW_CHECK_AS(CheckpointError, dtype_of<T> == dtype, "an array of ", name_of(dtype), " read as ",
                name_of(dtype_of<T>));
    return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
};

/// Reads a dataset of any HDF5 file: f64, f32, bf16, or an integer type, whose values must fit i32.
[[nodiscard]] Hdf5Array read_hdf5_array(const std::filesystem::path& path,
                                        const std::string& dataset);

/// Reads a numeric scalar attribute of a group or dataset ("/" is the file's root).
[[nodiscard]] double read_hdf5_attribute(const std::filesystem::path& path,
                                         const std::string& object, const std::string& name);

/// "1.10.8": of the library that runs, not of the header it was built with.
[[nodiscard]] std::string hdf5_version();

}  // namespace tokenwerk
