#include "parallel/comm/library_collectives.h"

#include "parallel/comm/mpi_communicator.h"

namespace tokenwerk {
namespace {

/// Calls body(communicator, type of x's elements) while nothing else calls MPI.
template <typename Body>
void with_library(Communicator& comm, const ConstTensorView& x, const Body& body) {
  auto* const mpi = dynamic_cast<MpiCommunicator*>(&comm);
  if (mpi == nullptr) return;
  TW_CHECK_AS(ShapeError, x.dense() && (x.dtype == DType::f32 || x.dtype == DType::f64),
              "the library sums dense f32 or f64 arrays");
  mpi->engine().drain();
  mpi->engine().serialized(
      [&] { body(mpi->handle(), x.dtype == DType::f64 ? MPI_DOUBLE : MPI_FLOAT); });
}

}  // namespace

void library_all_reduce(Communicator& comm, TensorView x) {
  with_library(comm, x, [&](MPI_Comm handle, MPI_Datatype type) {
    TW_MPI(MPI_Allreduce(MPI_IN_PLACE, x.data, static_cast<int>(x.count()), type, MPI_SUM, handle),
           "MPI_Allreduce over ", name_of(comm.axis()), ", ", x.count(), " elements");
  });
}

void library_reduce_scatter(Communicator& comm, TensorView y, ConstTensorView x) {
  with_library(comm, x, [&](MPI_Comm handle, MPI_Datatype type) {
    TW_MPI(MPI_Reduce_scatter_block(x.data, y.data, static_cast<int>(y.count()), type, MPI_SUM,
                                    handle),
           "MPI_Reduce_scatter_block over ", name_of(comm.axis()), ", ", x.count(), " elements");
  });
}

}  // namespace tokenwerk
