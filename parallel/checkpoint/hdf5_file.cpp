#include "parallel/checkpoint/hdf5_file.h"

#include <hdf5.h>

#include <algorithm>
#include <array>
#include <limits>

#include "core/log.h"
#include "core/unique_handle.h"
#include "parallel/checkpoint/box.h"
#include "parallel/checkpoint/deferred_file.h"

namespace tokenwerk {
namespace {

struct HidTraits {
  using Handle = hid_t;
  static Handle none() { return H5I_INVALID_HID; }
  static void release(Handle id) noexcept {
    if (H5Idec_ref(id) < 0) log_error("HDF5 cannot release a handle");
  }
};
using Hid = UniqueHandle<HidTraits>;

using Extents = std::array<hsize_t, Shape::max_ndim>;

herr_t collect(unsigned, const H5E_error2_t* entry, void* out) {
  if (entry->desc != nullptr && *entry->desc != '\0')
    static_cast<std::vector<std::string>*>(out)->emplace_back(entry->desc);
  return 0;
}

// The stack's innermost entry says most; the others repeat it.
std::string error_stack() {
  std::vector<std::string> words;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, collect, &words);
  H5Eclear2(H5E_DEFAULT);
  if (words.empty()) return "no reason given";
  std::ranges::replace(words.front(), '\n', ' ');
  return words.front();
}

template <typename Status, typename... Parts>
Status checked(Status status, const Parts&... parts) {
  if (status >= 0) return status;
  std::string what;
  ((what += fmt::format("{}", parts)), ...);
  TW_RAISE(CheckpointError, what, ": HDF5: ", error_stack());
}

// Owns what a call returned.
template <typename... Parts>
Hid owned(hid_t id, const Parts&... parts) {
  return Hid(checked(id, parts...));
}

Extents extents_of(const Shape& shape) {
  Extents out{};
  for (int dim = 0; dim < shape.ndim(); ++dim)
    out[static_cast<std::size_t>(dim)] = static_cast<hsize_t>(shape[dim]);
  return out;
}

// The file's type, and the memory's too: both are little-endian, so that HDF5 has nothing to
// convert.
Hid type_of(DType dtype) {
  Hid type = owned(H5Tcopy(dtype == DType::f64   ? H5T_IEEE_F64LE
                           : dtype == DType::i32 ? H5T_STD_I32LE
                                                 : H5T_IEEE_F32LE),
                   "a type");
  if (dtype == DType::bf16) {
    checked(H5Tset_fields(type.get(), 15, 7, 8, 0, 7), "the fields of bf16");
    checked(H5Tset_precision(type.get(), 16), "the precision of bf16");
    checked(H5Tset_size(type.get(), 2), "the size of bf16");
    checked(H5Tset_ebias(type.get(), 127), "the bias of bf16");
  }
  return type;
}

Hid space_of(const Shape& shape) {
  return owned(H5Screate_simple(shape.ndim(), extents_of(shape).data(), nullptr), "a dataspace");
}

void select(const Hid& space, const Box& box) {
  checked(H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, extents_of(box.offset).data(), nullptr,
                              extents_of(box.extent).data(), nullptr),
          "a selection");
}

// Times of creation would make equal checkpoints differ; fill values would be written for nothing.
Hid creation_properties(hid_t kind) {
  Hid properties = owned(H5Pcreate(kind), "a property list");
  checked(H5Pset_obj_track_times(properties.get(), false), "times off");
  return properties;
}

Hid access_properties() {
  Hid properties = owned(H5Pcreate(H5P_FILE_ACCESS), "a property list");
  // Shared file systems often have no locks, and nobody writes a file that others can see.
  checked(H5Pset_file_locking(properties.get(), false, true), "locks off");
  checked(H5Pset_fclose_degree(properties.get(), H5F_CLOSE_STRONG), "how to close");
  return properties;
}

Hid link_properties() {
  Hid properties = owned(H5Pcreate(H5P_LINK_CREATE), "a property list");
  checked(H5Pset_create_intermediate_group(properties.get(), 1), "intermediate groups");
  return properties;
}

// -- HDF5's way to our files: a driver of its own kind, which never fails (see DeferredFile)

struct Driver {
  H5FD_t base{};  // first: HDF5 sees only this
  DeferredFile* file = nullptr;
  haddr_t end = 0;  // of what HDF5 has allocated
};

Driver* driver_of(H5FD_t* file) { return reinterpret_cast<Driver*>(file); }
const Driver* driver_of(const H5FD_t* file) { return reinterpret_cast<const Driver*>(file); }

H5FD_class_t driver_class() {
  H5FD_class_t c{};
  c.name = "tokenwerk";
  c.maxaddr = static_cast<haddr_t>(std::numeric_limits<std::int64_t>::max());
  c.fc_degree = H5F_CLOSE_WEAK;
  c.fapl_size = sizeof(Driver*);
  c.open = [](const char*, unsigned, hid_t access, haddr_t) -> H5FD_t* {
    return &(*static_cast<Driver* const*>(H5Pget_driver_info(access)))->base;
  };
  c.close = [](H5FD_t*) -> herr_t { return 0; };
  c.query = [](const H5FD_t*, unsigned long* flags) -> herr_t {
    *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
             H5FD_FEAT_AGGREGATE_SMALLDATA | H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
    return 0;
  };
  c.get_eoa = [](const H5FD_t* file, H5FD_mem_t) { return driver_of(file)->end; };
  c.set_eoa = [](H5FD_t* file, H5FD_mem_t, haddr_t end) -> herr_t {
    driver_of(file)->end = end;
    return 0;
  };
  c.get_eof = [](const H5FD_t* file, H5FD_mem_t) -> haddr_t {
    return driver_of(file)->file->size();
  };
  c.read = [](H5FD_t* file, H5FD_mem_t, hid_t, haddr_t at, size_t bytes, void* data) -> herr_t {
    driver_of(file)->file->read(at, data, bytes);
    return 0;
  };
  c.write = [](H5FD_t* file, H5FD_mem_t, hid_t, haddr_t at, size_t bytes,
               const void* data) -> herr_t {
    driver_of(file)->file->write(at, data, bytes);
    return 0;
  };
  c.truncate = [](H5FD_t* file, hid_t, hbool_t) -> herr_t {
    if (driver_of(file)->end != driver_of(file)->file->size())
      driver_of(file)->file->resize(driver_of(file)->end);
    return 0;
  };
  const H5FD_mem_t kinds[] = H5FD_FLMAP_DICHOTOMY;
  std::ranges::copy(kinds, c.fl_map);
  return c;
}

// HDF5 keeps the pointer to the class for as long as a file of it is open.
const H5FD_class_t our_driver = driver_class();

}  // namespace

struct Hdf5File::Handles {
  std::filesystem::path path;
  std::unique_ptr<DeferredFile> written;  // none when the file is only read
  Driver driver;
  Hid file;  // last, so that it closes first

  // Names where a fault happened.
  [[nodiscard]] std::string at(const std::string& dataset) const {
    return fmt::format("{}: /{}", path.string(), dataset);
  }
  [[nodiscard]] Hid make_dataset(const std::string& name, DType dtype, const Hid& space,
                                 const Hid& properties) const {
    Hid set = owned(H5Dcreate2(file.get(), name.c_str(), type_of(dtype).get(), space.get(),
                               link_properties().get(), properties.get(), H5P_DEFAULT),
                    at(name), ": cannot create");
    written->check();
    return set;
  }
};

Hdf5File::Hdf5File(std::unique_ptr<Handles> handles) : handles_(std::move(handles)) {}
Hdf5File::Hdf5File(Hdf5File&&) noexcept = default;
Hdf5File& Hdf5File::operator=(Hdf5File&&) noexcept = default;
Hdf5File::~Hdf5File() = default;

Hdf5File Hdf5File::create(const std::filesystem::path& path) {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // faults become messages, not prints
  auto handles = std::make_unique<Handles>();
  handles->path = path;
  handles->written = std::make_unique<DeferredFile>(path);
  handles->driver.file = handles->written.get();
  Driver* driver = &handles->driver;
  const Hid access = access_properties();
  const Hid kind = owned(H5FDregister(&our_driver), "a file driver");
  checked(H5Pset_driver(access.get(), kind.get(), &driver), "a file driver");
  handles->file = owned(H5Fcreate(path.c_str(), H5F_ACC_TRUNC,
                                  creation_properties(H5P_FILE_CREATE).get(), access.get()),
                        path.string(), ": cannot create");
  return Hdf5File(std::move(handles));
}

Hdf5File Hdf5File::open(const std::filesystem::path& path) {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  auto handles = std::make_unique<Handles>();
  handles->path = path;
  handles->file = owned(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access_properties().get()),
                        path.string(), ": cannot open");
  return Hdf5File(std::move(handles));
}

void Hdf5File::write(const std::string& dataset, DType dtype, const Shape& shape,
                     const void* data) {
  const Hid properties = creation_properties(H5P_DATASET_CREATE);
  checked(H5Pset_fill_time(properties.get(), H5D_FILL_TIME_NEVER), "fill time");
  const Hid set = handles_->make_dataset(dataset, dtype, space_of(shape), properties);
  checked(H5Dwrite(set.get(), type_of(dtype).get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, data),
          handles_->at(dataset), ": cannot write");
  handles_->written->check();
}

void Hdf5File::write_virtual(const std::string& dataset, DType dtype, const Shape& shape,
                             std::span<const VirtualSource> sources) {
  const Hid space = space_of(shape);
  const Hid properties = creation_properties(H5P_DATASET_CREATE);
  for (const VirtualSource& source : sources) {
    select(space, source.box);
    checked(H5Pset_virtual(properties.get(), space.get(), source.file.c_str(),
                           source.dataset.c_str(), space_of(source.box.extent).get()),
            handles_->at(dataset), ": cannot map ", source.file);
  }
  checked(H5Sselect_all(space.get()), "a selection");
  const Hid set = handles_->make_dataset(dataset, dtype, space, properties);
}

void Hdf5File::read(const std::string& dataset, DType dtype, const Shape& shape, const Box& box,
                    void* data) const {
  const std::string where = handles_->at(dataset);
  const Hid set = owned(H5Dopen2(handles_->file.get(), dataset.c_str(), H5P_DEFAULT), where);
  const Hid type = type_of(dtype);
  const Hid stored = owned(H5Dget_type(set.get()), where);
  TW_CHECK_AS(CheckpointError, checked(H5Tequal(stored.get(), type.get()), where) > 0, where,
              ": is not of dtype ", name_of(dtype));
  const Hid space = owned(H5Dget_space(set.get()), where);
  Extents extents{};
  const bool fits =
      checked(H5Sget_simple_extent_ndims(space.get()), where) == shape.ndim() &&
      checked(H5Sget_simple_extent_dims(space.get(), extents.data(), nullptr), where) >= 0;
  TW_CHECK_AS(CheckpointError, fits && extents == extents_of(shape), where, ": is not of shape ",
              shape.text());
  select(space, box);
  checked(
      H5Dread(set.get(), type.get(), space_of(box.extent).get(), space.get(), H5P_DEFAULT, data),
      where, ": cannot read");
}

void Hdf5File::close() {
  checked(H5Fclose(handles_->file.take()), handles_->path.string(), ": cannot close");
  if (handles_->written) handles_->written->check();
}

namespace {

// Integers of any width are read as i64 first, because HDF5 would clip them without a word.
std::vector<std::byte> read_integers(const Hid& set, std::size_t count, const std::string& where) {
  std::vector<std::int64_t> wide(count);
  checked(H5Dread(set.get(), H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, wide.data()), where);
  std::vector<std::byte> bytes(count * sizeof(std::int32_t));
  auto* narrow = reinterpret_cast<std::int32_t*>(bytes.data());
  for (std::size_t i = 0; i < count; ++i) {
    TW_CHECK_AS(CheckpointError, wide[i] == static_cast<std::int32_t>(wide[i]), where, ": ",
                wide[i], " does not fit i32");
    narrow[i] = static_cast<std::int32_t>(wide[i]);
  }
  return bytes;
}

DType dtype_of_stored(const Hid& set, const std::string& where) {
  const Hid stored = owned(H5Dget_type(set.get()), where);
  if (H5Tget_class(stored.get()) == H5T_INTEGER) return DType::i32;
  for (DType dtype : {DType::f64, DType::f32, DType::bf16})
    if (H5Tequal(stored.get(), type_of(dtype).get()) > 0) return dtype;
  TW_RAISE(CheckpointError, where, ": its type is none of f64, f32, bf16 and integers");
}

Shape shape_of_stored(const Hid& set, const std::string& where) {
  const Hid space = owned(H5Dget_space(set.get()), where);
  const int ndim = checked(H5Sget_simple_extent_ndims(space.get()), where);
  TW_CHECK_AS(CheckpointError, ndim <= Shape::max_ndim, where, ": has ", ndim, " dims");
  Extents extents{};
  checked(H5Sget_simple_extent_dims(space.get(), extents.data(), nullptr), where);
  std::vector<Index> indices(extents.begin(), extents.begin() + ndim);
  return shape_of(indices);
}

}  // namespace

Hdf5Array read_hdf5_array(const std::filesystem::path& path, const std::string& dataset) {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  const std::string where = fmt::format("{}: /{}", path.string(), dataset);
  const Hid file = owned(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access_properties().get()), where);
  const Hid set = owned(H5Dopen2(file.get(), dataset.c_str(), H5P_DEFAULT), where);
  Hdf5Array array{shape_of_stored(set, where), dtype_of_stored(set, where), {}};
  const auto count = static_cast<std::size_t>(array.shape.count());
  if (array.dtype == DType::i32) {
    array.bytes = read_integers(set, count, where);
  } else {
    array.bytes.resize(count * size_of(array.dtype));
    checked(H5Dread(set.get(), type_of(array.dtype).get(), H5S_ALL, H5S_ALL, H5P_DEFAULT,
                    array.bytes.data()),
            where);
  }
  return array;
}

double read_hdf5_attribute(const std::filesystem::path& path, const std::string& object,
                           const std::string& name) {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  const std::string where = fmt::format("{}: {} @{}", path.string(), object, name);
  const Hid file = owned(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access_properties().get()), where);
  const Hid holder = owned(H5Oopen(file.get(), object.c_str(), H5P_DEFAULT), where);
  const Hid attribute = owned(H5Aopen(holder.get(), name.c_str(), H5P_DEFAULT), where);
  double value = 0.0;
  checked(H5Aread(attribute.get(), H5T_NATIVE_DOUBLE, &value), where);
  return value;
}

std::string hdf5_version() {
  unsigned major = 0, minor = 0, release = 0;
  const bool known = H5get_libversion(&major, &minor, &release) >= 0;
  return known ? fmt::format("{}.{}.{}", major, minor, release) : "unknown";
}

}  // namespace tokenwerk
