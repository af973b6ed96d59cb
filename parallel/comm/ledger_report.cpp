#include "parallel/comm/ledger_report.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace tokenwerk {
namespace {

using Json = nlohmann::ordered_json;

ReportedCall reported(const CollectiveCall& call, double seconds) {
  ReportedCall out{.communicator = call.communicator,
                   .axis = call.axis,
                   .group = call.group,
                   .number = call.number,
                   .what = call.text(),
                   .site = text_of(call.site),
                   .peers = {},
                   .seconds = seconds};
  for (const int peer : {call.to, call.from})
    if (peer >= 0) out.peers.push_back(peer);
  return out;
}

Json json_of(const ReportedCall& call) {
  return {call.communicator, static_cast<int>(call.axis),
          call.group.first,  call.group.stride,
          call.group.size,   call.number,
          call.what,         call.site,
          call.peers,        call.seconds};
}

ReportedCall call_of(const Json& json) {
  ReportedCall out;
  json.at(0).get_to(out.communicator);
  out.axis = static_cast<Axis>(std::clamp(json.at(1).get<int>(), 0, static_cast<int>(Axis::world)));
  json.at(2).get_to(out.group.first);
  json.at(3).get_to(out.group.stride);
  json.at(4).get_to(out.group.size);
  json.at(5).get_to(out.number);
  json.at(6).get_to(out.what);
  json.at(7).get_to(out.site);
  json.at(8).get_to(out.peers);
  json.at(9).get_to(out.seconds);
  return out;
}

}  // namespace

std::string ReportedCall::text() const {
  return fmt::format("{}, number {} over {} ({}) at {}", what, number, name_of(axis),
                     text_of(group), site);
}

LedgerReport report_of(const Ledger& ledger) {
  LedgerReport out;
  for (const auto& [call, seconds] : ledger.at_hand())
    out.at_hand.push_back(reported(call, seconds));
  for (const CollectiveCall& call : ledger.latest()) out.latest.push_back(reported(call, 0));
  return out;
}

std::string to_text(const LedgerReport& report) {
  Json at_hand = Json::array(), latest = Json::array();
  for (const ReportedCall& call : report.at_hand) at_hand.push_back(json_of(call));
  for (const ReportedCall& call : report.latest) latest.push_back(json_of(call));
  return Json{{"at_hand", at_hand}, {"latest", latest}}.dump();
}

std::optional<LedgerReport> read_ledger_report(const std::string& text) try {
  const Json json = Json::parse(text);
  LedgerReport out;
  for (const Json& call : json.at("at_hand")) out.at_hand.push_back(call_of(call));
  for (const Json& call : json.at("latest")) out.latest.push_back(call_of(call));
  return out;
} catch (const Json::exception&) {
  return std::nullopt;
}

bool any_waits(const std::vector<RankStanding>& ranks, double seconds) {
  return std::ranges::any_of(ranks, [&](const RankStanding& rank) {
    return rank.report && !rank.report->at_hand.empty() &&
           rank.report->at_hand.front().seconds >= seconds;
  });
}

}  // namespace tokenwerk
