/// Communicators over NCCL: work of a GPU's streams, beside compute. The one file that knows
/// nccl.h.

#include <nccl.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <map>
#include <mutex>
#include <thread>

#include "core/cuda/stream.h"
#include "core/log.h"
#include "parallel/comm/nccl_backend.h"
#include "parallel/comm/nccl_watchdog.h"

namespace tokenwerk {
namespace {

using nccl::Seconds, nccl::limit, nccl::setting;

/// How many ranks share an identifier: one root alone would have to answer every other.
int ranks_of_an_id() { return static_cast<int>(setting("TOKENWERK_NCCL_RANKS_OF_AN_ID", 256)); }

void check(ncclResult_t status, ncclComm_t comm, const std::string& what) {
  if (status == ncclSuccess || status == ncclInProgress) return;
  TW_RAISE(CommError, what, ": ", ncclGetErrorString(status), " (", ncclGetLastError(comm), ")");
}

/// Waits until what was started on a non-blocking communicator has been taken on. Asking for its
/// state works on it, so whoever else may ask holds the same mutex.
void settle(std::mutex& mutex, ncclComm_t comm, const std::string& what) {
  using std::chrono::steady_clock;
  const auto start = steady_clock::now();
  for (ncclResult_t status = ncclInProgress; status == ncclInProgress;) {
    {
      const std::scoped_lock lock(mutex);
      check(ncclCommGetAsyncError(comm, &status), comm, what);
    }
    check(status, comm, what);
    if (status == ncclSuccess) return;
    const Seconds waited = steady_clock::now() - start;
    TW_CHECK_AS(CommError, waited < limit(), what, ": not done after ", limit().count(),
                " s; has every rank come here?");
    if (waited < Seconds(1e-3)) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  }
}

/// Calls of NCCL that start together; ended even where one of them throws.
class Group {
 public:
  Group() { check(ncclGroupStart(), nullptr, "starting a group"); }
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;
  ~Group() {
    if (!ended_) static_cast<void>(ncclGroupEnd());
  }
  void end(ncclComm_t comm, const std::string& what) {
    ended_ = true;
    check(ncclGroupEnd(), comm, what);
  }

 private:
  bool ended_ = false;
};

struct NcclTraits {
  using Handle = ncclComm_t;
  static Handle none() { return nullptr; }
  /// On an ordinary end its work has passed. Where an error unwinds, some of it never will, and
  /// whoever waited for that could not say what went wrong.
  static void release(Handle comm) noexcept {
    const ncclResult_t status =
        std::uncaught_exceptions() > 0 ? ncclCommAbort(comm) : ncclCommDestroy(comm);
    if (status != ncclSuccess && status != ncclInProgress)
      log_error("ending a communicator of NCCL: {}", ncclGetErrorString(status));
  }
};
using UniqueNccl = UniqueHandle<NcclTraits>;

ncclConfig_t config(const char* name) {
  ncclConfig_t out = NCCL_CONFIG_INITIALIZER;
  out.blocking = 0;
  out.commName = name;
  return out;
}

ncclDataType_t type_of(DType dtype) { return dtype == DType::f64 ? ncclDouble : ncclFloat; }

Index bytes_of(const ConstTensorView& view) {
  return view.count() * static_cast<Index>(size_of(view.dtype));
}

/// A buffer that NCCL's transports have mapped (user buffer registration).
class NcclRegistration final : public Registration {
 public:
  NcclRegistration(ncclComm_t comm, TensorView buffer) : comm_(comm) {
    const std::string what = fmt::format("registering {} bytes with NCCL", bytes_of(buffer));
    check(ncclCommRegister(comm, buffer.data, static_cast<std::size_t>(bytes_of(buffer)), &handle_),
          comm, what);
  }
  ~NcclRegistration() override {
    if (const ncclResult_t status = ncclCommDeregister(comm_, handle_); status != ncclSuccess)
      log_error("ncclCommDeregister: {}", ncclGetErrorString(status));
  }

 private:
  ncclComm_t comm_;
  void* handle_ = nullptr;
};

class World;

class NcclCommunicator final : public Communicator {
 public:
  NcclCommunicator(World& world, Axis axis, Device& device, UniqueNccl comm, int rank, int size);
  ~NcclCommunicator() override;

  [[nodiscard]] std::unique_ptr<Stream> make_stream(std::string) override {
    return device().make_stream();
  }
  void connect(std::span<const Link> links) override;
  [[nodiscard]] std::unique_ptr<Registration> register_buffer(TensorView buffer) override {
    return std::make_unique<NcclRegistration>(comm_.get(), buffer);
  }

 private:
  void do_all_reduce(Stream&, TensorView x, Reduction reduction) override;
  void do_reduce_scatter(Stream&, TensorView y, TensorView x) override;
  void do_all_gather(Stream&, void* y, const void* x, std::size_t bytes) override;
  void do_broadcast(Stream&, void* x, std::size_t bytes, int root) override;
  void do_all_to_all(Stream&, void* y, const void* x, std::size_t bytes) override;
  void do_exchange(Stream&, const Exchange& exchange) override;
  void do_barrier(Stream&) override;

  /// Queues what `call` does with NCCL as one group.
  template <typename Call>
  void queue(Stream& stream, Collective collective, Index sent, ncclComm_t comm, const Call& start);
  [[nodiscard]] std::optional<std::string> fault();
  [[nodiscard]] ncclComm_t link(int from, int to) const;

  /// Sets a new link's transports up, which the first message would do only once both ranks have
  /// come to it, and until then hold up what either of them queues.
  void prepare(Stream& stream, const Link& link, ncclComm_t comm);

  World* world_;
  std::mutex mutex_;  ///< of all calls on comm_ and links_
  UniqueNccl comm_;
  std::map<Link, UniqueNccl> links_;  ///< of two ranks each; none where this one is neither
  nccl::Journal journal_;
  Tensor token_;  ///< what a barrier sums and a new link carries
};

/// The parent communicator.
class World final : public NcclBackend {
 public:
  World(Device& device, Communicator& control, Ledger& ledger, std::function<void()> abort);

  [[nodiscard]] std::unique_ptr<Communicator> split(Axis axis, int color, int place,
                                                    int size) override;
  [[nodiscard]] Traffic sent() const override { return sent_; }

 private:
  friend class NcclCommunicator;

  Device* device_;
  Ledger* ledger_;
  std::mutex mutex_;
  UniqueNccl comm_;
  Traffic sent_;
  nccl::Watchdog watchdog_;
};

/// A communicator of the ranks of one color, out of its parent; none for those without a color.
/// `name` is a literal: NCCL reads it for as long as the communicator is.
UniqueNccl split_of(std::mutex& mutex, ncclComm_t parent, int color, int place,
                    std::string_view name) {
  ncclConfig_t options = config(name.data());
  UniqueNccl out;
  const std::string what = fmt::format("splitting NCCL's ranks along {}", name);
  check(ncclCommSplit(parent, color, place, out.receive(), &options), parent, what);
  settle(mutex, parent, what);
  if (out) settle(mutex, out.get(), what);
  return out;
}

/// The identifiers that some of the ranks made, on every rank.
std::vector<ncclUniqueId> identifiers(Communicator& control) {
  const int each = std::max(1, ranks_of_an_id()), count = (control.size() + each - 1) / each;
  const auto maker = [&](int i) {
    return static_cast<int>(static_cast<Index>(control.size()) * i / count);
  };
  std::vector<ncclUniqueId> ids(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    ncclUniqueId& id = ids[static_cast<std::size_t>(i)];
    if (control.rank() == maker(i))
      check(ncclGetUniqueId(&id), nullptr, "asking NCCL for an identifier");
    control.broadcast_bytes(std::as_writable_bytes(std::span(&id, 1)), maker(i));
  }
  return ids;
}

World::World(Device& device, Communicator& control, Ledger& ledger, std::function<void()> abort)
    : device_(&device), ledger_(&ledger), watchdog_(Seconds(1.0), std::move(abort)) {
  std::vector<ncclUniqueId> ids = identifiers(control);
  control.barrier();  // a root that is asked before it listens would have to be asked again
  ncclConfig_t options = config("world");
  const std::string what = "starting NCCL";
  check(ids.size() == 1
            ? ncclCommInitRankConfig(comm_.receive(), control.size(), ids[0], control.rank(),
                                     &options)
            : ncclCommInitRankScalable(comm_.receive(), control.size(), control.rank(),
                                       static_cast<int>(ids.size()), ids.data(), &options),
        nullptr, what);
  settle(mutex_, comm_.get(), what);
}

std::unique_ptr<Communicator> World::split(Axis axis, int color, int place, int size) {
  UniqueNccl comm = split_of(mutex_, comm_.get(), color, place, name_of(axis));
  return std::make_unique<NcclCommunicator>(*this, axis, *device_, std::move(comm), place, size);
}

NcclCommunicator::NcclCommunicator(World& world, Axis axis, Device& device, UniqueNccl comm,
                                   int rank, int size)
    : Communicator(axis, rank, size, device),
      world_(&world),
      comm_(std::move(comm)),
      journal_(*world.ledger_, axis, rank, size),
      token_(device, DType::f32, Shape{1}) {
  world_->watchdog_.watch(this, [this] { return fault(); });
}

NcclCommunicator::~NcclCommunicator() { world_->watchdog_.forget(this); }

std::optional<std::string> NcclCommunicator::fault() {
  const auto failed = [&](ncclComm_t comm) -> std::optional<std::string> {
    ncclResult_t status = ncclSuccess;
    if (ncclCommGetAsyncError(comm, &status) == ncclSuccess &&
        (status == ncclSuccess || status == ncclInProgress))
      return std::nullopt;
    return fmt::format("the communicator of {} (rank {} of {}) failed: {} ({})", name_of(axis()),
                       rank(), size(), ncclGetErrorString(status), ncclGetLastError(comm));
  };
  if (const std::unique_lock lock(mutex_, std::try_to_lock); lock) {  // or at the next look
    if (auto text = failed(comm_.get())) return text;
    for (const auto& [ends, comm] : links_)
      if (comm)
        if (auto text = failed(comm.get())) return text;
  }
  return journal_.look();
}

void NcclCommunicator::connect(std::span<const Link> links) {
  const auto stream = device().make_stream();
  for (const Link& link : links) {
    if (links_.contains(link)) continue;
    const bool here = rank() == link.from || rank() == link.to;
    UniqueNccl comm = split_of(mutex_, comm_.get(), here ? 0 : NCCL_SPLIT_NOCOLOR,
                               rank() == link.from ? 0 : 1, name_of(axis()));
    if (here) prepare(*stream, link, comm.get());
    const std::scoped_lock lock(mutex_);
    links_[link] = std::move(comm);
  }
  stream->synchronize();
}

void NcclCommunicator::prepare(Stream& stream, const Link& link, ncclComm_t comm) {
  const std::string what =
      fmt::format("connecting {} to {} along {}", link.from, link.to, name_of(axis()));
  const cudaStream_t on = cuda::handle_of(stream);
  {
    const std::scoped_lock lock(mutex_);
    check(rank() == link.from ? ncclSend(token_.view().data, 1, ncclFloat, 1, comm, on)
                              : ncclRecv(token_.view().data, 1, ncclFloat, 0, comm, on),
          comm, what);
  }
  settle(mutex_, comm, what);
}

ncclComm_t NcclCommunicator::link(int from, int to) const {
  const auto found = links_.find({from, to});
  TW_CHECK_AS(CommError, found != links_.end() && found->second, "exchange over ", name_of(axis()),
              ": rank ", from, " was not connected to ", to);
  return found->second.get();
}

template <typename Call>
void NcclCommunicator::queue(Stream& stream, Collective collective, Index sent, ncclComm_t comm,
                             const Call& start) {
  const std::string what =
      fmt::format("{} of {} bytes over {}", name_of(collective), sent, name_of(axis()));
  auto& on = static_cast<cuda::CudaStream&>(stream);
  on.begin_wait();
  {
    const std::scoped_lock lock(mutex_);
    Group group;
    start(on.handle());
    group.end(comm, what);
  }
  settle(mutex_, comm, what);
  on.end_wait();
  world_->sent_.at(axis(), collective) += {sent, 1};
  journal_.note(call(), sent, on.handle());
}

void NcclCommunicator::do_all_reduce(Stream& stream, TensorView x, Reduction reduction) {
  const auto count = static_cast<std::size_t>(x.count());
  queue(stream, Collective::all_reduce, 2 * bytes_of(x) * (size() - 1) / size(), comm_.get(),
        [&](cudaStream_t on) {
          check(ncclAllReduce(x.data, x.data, count, type_of(x.dtype),
                              reduction == Reduction::sum ? ncclSum : ncclMax, comm_.get(), on),
                comm_.get(), "all_reduce");
        });
}

void NcclCommunicator::do_reduce_scatter(Stream& stream, TensorView y, TensorView x) {
  queue(stream, Collective::reduce_scatter, bytes_of(y) * (size() - 1), comm_.get(),
        [&](cudaStream_t on) {
          check(ncclReduceScatter(x.data, y.data, static_cast<std::size_t>(y.count()),
                                  type_of(x.dtype), ncclSum, comm_.get(), on),
                comm_.get(), "reduce_scatter");
        });
}

void NcclCommunicator::do_all_gather(Stream& stream, void* y, const void* x, std::size_t bytes) {
  queue(stream, Collective::all_gather, static_cast<Index>(bytes) * (size() - 1), comm_.get(),
        [&](cudaStream_t on) {
          check(ncclAllGather(x, y, bytes, ncclUint8, comm_.get(), on), comm_.get(), "all_gather");
        });
}

void NcclCommunicator::do_broadcast(Stream& stream, void* x, std::size_t bytes, int root) {
  queue(stream, Collective::broadcast, static_cast<Index>(bytes) * (size() - 1) / size(),
        comm_.get(), [&](cudaStream_t on) {
          check(ncclBroadcast(x, x, bytes, ncclUint8, root, comm_.get(), on), comm_.get(),
                "broadcast");
        });
}

void NcclCommunicator::do_all_to_all(Stream& stream, void* y, const void* x, std::size_t bytes) {
  queue(stream, Collective::all_to_all, static_cast<Index>(bytes) * (size() - 1), comm_.get(),
        [&](cudaStream_t on) {
          for (int peer = 0; peer < size(); ++peer) {
            const std::size_t at = static_cast<std::size_t>(peer) * bytes;
            check(ncclSend(static_cast<const std::byte*>(x) + at, bytes, ncclUint8, peer,
                           comm_.get(), on),
                  comm_.get(), "all_to_all");
            check(
                ncclRecv(static_cast<std::byte*>(y) + at, bytes, ncclUint8, peer, comm_.get(), on),
                comm_.get(), "all_to_all");
          }
        });
}

/// NCCL runs a communicator's operations one after the other. A half exchange goes over a link of
/// its own, so that a receive that is posted early holds up nothing else.
void NcclCommunicator::do_exchange(Stream& stream, const Exchange& e) {
  const bool sends = e.to >= 0, receives = e.from >= 0;
  ncclComm_t comm = comm_.get();
  if (sends != receives) comm = sends ? link(rank(), e.to) : link(e.from, rank());
  const bool alone = comm != comm_.get();  // on a link 0 sends to 1
  const Index sent = sends ? bytes_of(e.send) : 0;
  queue(stream, Collective::exchange, sent, comm, [&](cudaStream_t on) {
    if (sends)
      check(ncclSend(e.send.data, static_cast<std::size_t>(sent), ncclUint8, alone ? 1 : e.to, comm,
                     on),
            comm, "exchange");
    if (receives)
      check(ncclRecv(e.receive.data, static_cast<std::size_t>(bytes_of(e.receive)), ncclUint8,
                     alone ? 0 : e.from, comm, on),
            comm, "exchange");
  });
}

void NcclCommunicator::do_barrier(Stream& stream) { do_all_reduce(stream, token_, Reduction::sum); }

}  // namespace
}  // namespace tokenwerk

/// The module's entry; the caller owns the back end.
extern "C" tokenwerk::NcclBackend* tokenwerk_make_nccl_backend(tokenwerk::Device& device,
                                                               tokenwerk::Communicator& control,
                                                               tokenwerk::Ledger& ledger,
                                                               std::function<void()> abort) {
  return std::make_unique<tokenwerk::World>(device, control, ledger, std::move(abort)).release();
}
