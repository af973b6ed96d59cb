#include "parallel/comm/library_all_reduce.h"

#include "parallel/comm/mpi_communicator.h"

namespace tokenwerk {

void library_all_reduce(Communicator& comm, TensorView x) {
  auto* const mpi = dynamic_cast<MpiCommunicator*>(&comm);
  if (mpi == nullptr) return;
  TW_CHECK_AS(ShapeError, x.dense() && (x.dtype == DType::f32 || x.dtype == DType::f64),
              "library_all_reduce wants a dense f32 or f64 array");
  mpi->engine().drain();
  mpi->engine().serialized([&] {
    TW_MPI(MPI_Allreduce(MPI_IN_PLACE, x.data, static_cast<int>(x.count()),
                         x.dtype == DType::f64 ? MPI_DOUBLE : MPI_FLOAT, MPI_SUM, mpi->handle()),
           "MPI_Allreduce over ", name_of(comm.axis()), ", ", x.count(), " elements");
  });
}

}  // namespace tokenwerk
