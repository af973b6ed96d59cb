#include "launch/injection.h"

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <limits>
#include <set>
#include <sstream>
#include <string_view>
#include <thread>

#include "core/error.h"
#include "core/log.h"
#include "launch/counted.h"
#include "launch/faults.h"
#include "launch/heartbeat.h"
#include "launch/nearest.h"

namespace tokenwerk {
namespace {

constexpr const char* where = "--inject";
constexpr Index last_bit = 31;

const std::vector<std::string_view>& kinds() {
  static const std::vector<std::string_view> names{"kill", "stop",    "exit", "slow",
                                                   "flip", "corrupt", "nan",  "spike"};
  return names;  // in the order of Injection::Kind
}

void read_kind(const std::string& text, Injection& injection, Faults& faults) {
  for (std::size_t i = 0; i < kinds().size(); ++i) {
    if (text != kinds()[i]) continue;
    injection.kind = static_cast<Injection::Kind>(i);
    return;
  }
  faults.add(where, "",
             fmt::format("no fault is called {}; the nearest known one is {}", text,
                         nearest(text, kinds())));
}

/// "step=17"
void read_setting(const std::string& text, Injection& injection, Faults& faults) {
  const std::size_t equals = text.find('=');
  const std::string name = text.substr(0, equals);
  const std::string value = equals == std::string::npos ? "" : text.substr(equals + 1);
  if (name == "seconds" || name == "factor") {
    double& real = name == "seconds" ? injection.seconds : injection.factor;
    if (const auto number = number_of<double>(value); number && *number >= 0)
      real = *number;
    else
      faults.add(where, "", fmt::format("{}: {} wants a number, 0 or more", text, name));
    return;
  }
  Index* member = name == "rank"      ? &injection.rank
                  : name == "step"    ? &injection.step
                  : name == "attempt" ? &injection.attempt
                  : name == "bit"     ? &injection.bit
                                      : nullptr;
  const auto number = number_of<Index>(value);
  if (member == nullptr || !number || *number < 0)
    faults.add(
        where, "",
        fmt::format("{}: rank=N, step=N, attempt=N, bit=N, seconds=X, factor=X are known", text));
  else if (member == &injection.bit && *number > last_bit)
    faults.add(where, "", fmt::format("{}: bits are 0 to {}", text, last_bit));
  else
    *member = *number;
}

/// The settings of a text that its kind does not take, and those that it wants.
void check_settings(const std::string& text, const Injection& injection,
                    const std::set<std::string>& given, Faults& faults) {
  using Kind = Injection::Kind;
  const auto only_of = [&](Kind kind, const char* name) {
    if (given.contains(name) && injection.kind != kind)
      faults.add(
          where, "",
          fmt::format("{}: {} is of {} only", text, name, kinds()[static_cast<std::size_t>(kind)]));
  };
  only_of(Kind::slow, "seconds");
  only_of(Kind::spike, "factor");
  only_of(Kind::flip, "bit");
  if (!given.contains("rank")) faults.add(where, "", fmt::format("{}: wants rank=N", text));
  if (injection.kind == Kind::slow && !given.contains("seconds"))
    faults.add(where, "", fmt::format("{}: wants seconds=X", text));
  if (injection.step < 1 || injection.attempt < 1)
    faults.add(where, "", fmt::format("{}: steps and attempts count from 1", text));
}

Injection injection_of(const std::string& text, Faults& faults) {
  Injection out;
  const std::size_t colon = text.find(':');
  read_kind(text.substr(0, colon), out, faults);
  std::istringstream settings(colon == std::string::npos ? "" : text.substr(colon + 1));
  std::set<std::string> given;
  for (std::string setting; std::getline(settings, setting, ',');) {
    read_setting(setting, out, faults);
    given.insert(setting.substr(0, setting.find('=')));
  }
  check_settings(text, out, given, faults);
  return out;
}

void strike(const Injection& injection) {
  flush_log();
  switch (injection.kind) {
    case Injection::Kind::kill: ::raise(SIGKILL); break;
    case Injection::Kind::stop: ::raise(SIGSTOP); break;
    case Injection::Kind::exit: ::_exit(1);
    case Injection::Kind::slow:
      std::this_thread::sleep_for(std::chrono::duration<double>(injection.seconds));
      break;
    case Injection::Kind::flip:  // these four are not done here
    case Injection::Kind::corrupt:
    case Injection::Kind::nan:
    case Injection::Kind::spike: break;
  }
}

bool of_this_attempt(const Injection& injection) {
  return injection.attempt == own_attempt().value_or(1);
}

bool is_due(const Injection& injection, Index rank, Index step) {
  const bool lasts = injection.kind == Injection::Kind::slow;
  const bool reached = lasts ? step >= injection.step : step == injection.step;
  return reached && injection.rank == rank && of_this_attempt(injection);
}

}  // namespace

std::vector<Injection> read_injections(const std::vector<std::string>& texts) {
  if (texts.empty()) return {};
  const char* allowed = std::getenv(injection_variable);
  TW_CHECK_AS(ConfigError, allowed != nullptr && std::string_view(allowed) == "1",
              "--inject breaks a run on purpose, for tests: it wants ", injection_variable,
              "=1 in the environment");
  Faults faults;
  std::vector<Injection> out;
  for (const std::string& text : texts) out.push_back(injection_of(text, faults));
  faults.raise("--inject");
  return out;
}

void check_injected_ranks(const std::vector<Injection>& injections, Index ranks) {
  Faults faults;
  for (const Injection& injection : injections)
    if (injection.rank >= ranks)
      faults.add(where, "", fmt::format("rank {} of ranks 0 to {}", injection.rank, ranks - 1));
  faults.raise(where);
}

void check_injected_steps(const std::vector<Injection>& injections, Index steps) {
  Faults faults;
  for (const Injection& injection : injections)
    if (injection.step > steps)
      faults.add(where, "", fmt::format("step {} of steps 1 to {}", injection.step, steps));
  faults.raise("--inject");
}

void inject(const std::vector<Injection>& injections, Index rank, Index step) {
  for (const Injection& injection : injections)
    if (is_due(injection, rank, step)) strike(injection);
}

std::vector<Injection> due(const std::vector<Injection>& injections, Injection::Kind kind,
                           Index rank, Index step) {
  std::vector<Injection> out;
  for (const Injection& injection : injections)
    if (injection.kind == kind && is_due(injection, rank, step)) out.push_back(injection);
  return out;
}

double injected_factor(const std::vector<Injection>& injections, Index batch, const Mesh& mesh,
                       Index rank) {
  const auto shares = [&](Index other) {
    return other < mesh.ranks() &&
           mesh.position(Axis::data, other) == mesh.position(Axis::data, rank);
  };
  double factor = 1.0;
  for (const Injection& injection : injections) {
    if (injection.step != batch || !of_this_attempt(injection) || !shares(injection.rank)) continue;
    if (injection.kind == Injection::Kind::nan) factor = std::numeric_limits<double>::quiet_NaN();
    if (injection.kind == Injection::Kind::spike) factor *= injection.factor;
  }
  return factor;
}

}  // namespace tokenwerk
