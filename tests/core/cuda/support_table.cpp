#include "tests/core/cuda/support_table.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace tokenwerk {
namespace {

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  TW_CHECK(file.good(), path.string(), ": cannot be read");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// What stands in a cell; a reason becomes a note.
std::string cell(const cuda::CudnnTarget& target, const cuda::FusedAttention& attention,
                 std::vector<std::string>& notes) {
  const cuda::FusedPlan plan = cuda::plan_attention(target, attention);
  if (!plan.support.fast) {
    auto found = std::find(notes.begin(), notes.end(), plan.support.why_not);
    if (found == notes.end()) found = notes.insert(found, plan.support.why_not);
    return fmt::format("own kernel ({})", found - notes.begin() + 1);
  }
  const Index runs =
      (attention.batch / plan.slice.batch) * (attention.kv_heads / plan.slice.kv_heads);
  const double mebibytes = static_cast<double>(plan.choice.workspace_bytes) / (1 << 20);
  std::string text = fmt::format("engine {}", plan.choice.engine);
  if (mebibytes >= 1.0) text += fmt::format(", {:.0f} MiB", mebibytes);
  if (runs > 1) text += fmt::format(", {} slices", runs);
  return text;
}

}  // namespace

std::vector<DescribedGpu> described_gpus() {
  const std::filesystem::path folder = std::filesystem::path(TW_TEST_DATA) / "devices";
  std::vector<DescribedGpu> gpus;
  for (const auto& [name, title] : {std::pair{"a100", "A100"},
                                    {"h100", "H100"},
                                    {"b200", "B200"},
                                    {"rtx_pro_6000", "RTX PRO 6000 Blackwell"}}) {
    gpus.push_back({title, cuda::CudnnTarget(text_of(folder / (std::string(name) + ".json")))});
  }
  return gpus;
}

std::vector<AttentionCase> recipe_cases() {
  return {{"gpt2-124m", 8, 12, 12, 64, 1024},
          {"gpt2-1.5b", 4, 25, 25, 64, 1024},
          {"llama3-8b", 1, 32, 8, 128, 8192},
          {"llama3-8b, tensor 8", 1, 4, 1, 128, 8192}};
}

std::vector<AttentionCase> edge_cases() {
  return {{"length 1000", 8, 12, 12, 64, 1000},  {"length 77", 2, 12, 4, 64, 77},
          {"heads of 80", 4, 16, 16, 80, 2048},  {"heads of 96", 4, 16, 16, 96, 2048},
          {"heads of 256", 1, 16, 8, 256, 4096}, {"heads of 36", 4, 16, 16, 36, 1024},
          {"length 32768", 1, 32, 8, 128, 32768}};
}

cuda::FusedAttention side_by_side(const AttentionCase& c, cuda::Pass pass) {
  const Index all = (c.heads + 2 * c.kv_heads) * c.head_size, out = c.heads * c.head_size;
  cuda::FusedAttention a;
  a.pass = pass;
  a.batch = c.batch, a.heads = c.heads, a.kv_heads = c.kv_heads;
  a.head_size = c.head_size, a.length = c.length;
  a.q_stride = a.k_stride = a.v_stride = all;
  a.o_stride = out;
  if (pass == cuda::Pass::forward) return a;
  a.dq_stride = a.dk_stride = a.dv_stride = all;
  a.dout_stride = out;
  return a;
}

std::string support_table() {
  const std::vector<DescribedGpu> gpus = described_gpus();
  std::string head = "| attention | pass |", rule = "| --- | --- |", body;
  for (const DescribedGpu& gpu : gpus) {
    head += fmt::format(" {} |", gpu.title);
    rule += " --- |";
  }
  std::vector<AttentionCase> cases = recipe_cases();
  for (const AttentionCase& edge : edge_cases()) cases.push_back(edge);
  std::vector<std::string> notes;
  for (const AttentionCase& c : cases) {
    for (const cuda::Pass pass : {cuda::Pass::forward, cuda::Pass::backward}) {
      const bool forward = pass == cuda::Pass::forward;
      body += fmt::format("| {} | {} |",
                          forward ? fmt::format("{}: B {} H {}/{} D {} T {}", c.title, c.batch,
                                                c.heads, c.kv_heads, c.head_size, c.length)
                                  : "",
                          forward ? "forward" : "backward");
      for (const DescribedGpu& gpu : gpus)
        body += fmt::format(" {} |", cell(gpu.target, side_by_side(c, pass), notes));
      body += "\n";
    }
  }
  std::string table = head + "\n" + rule + "\n" + body + "\n";
  for (std::size_t i = 0; i < notes.size(); ++i) table += fmt::format("({}) {}\n", i + 1, notes[i]);
  return table;
}

}  // namespace tokenwerk
