#pragma once
/// Faults that ranks share: they end together, and the first of them says why.

#include <functional>

#include "parallel/comm/communicator.h"

namespace tokenwerk {

/// Runs `work` on every rank. When it throws on one, every rank throws the same SharedError, which
/// holds each different message once and the lowest of their exit codes. What cannot be read is
/// told with rank and host. `work` must not communicate.
void agree(Communicator& ranks, const std::function<void()>& work,
           CallSite site = CallSite::current());

/// The same for work in which the ranks speak to each other, and whose errors they share: what they
/// all throw becomes one SharedError. A device's error is one rank's own; it goes through, for the
/// others are in the midst of the work and cannot be asked.
void agree_on_common(Communicator& ranks, const std::function<void()>& work,
                     CallSite site = CallSite::current());

/// Runs `work` on the first rank alone, which acts for all: when it throws, every rank throws the
/// same SharedError.
void agree_with_first(Communicator& ranks, const std::function<void()>& work,
                      CallSite site = CallSite::current());

}  // namespace tokenwerk
