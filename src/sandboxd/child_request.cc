#include "sandboxd/child_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <system_error>

#include "json/write.h"

namespace mcpgate::sandboxd {
namespace {

std::uint32_t whole_seconds(std::chrono::milliseconds time) {
  return static_cast<std::uint32_t>(
      std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::seconds>(time).count()));
}

}  // namespace

ChildSetup setup_of(SpawnTask task, const Limits& limits,
                    const std::map<std::string, std::filesystem::path>& mounts) {
  ChildSetup setup{.task = task,
                   .address_space_bytes = limits.address_space_bytes,
                   .file_bytes = limits.tmp_bytes,
                   .cpu_s = whole_seconds(limits.cpu),
                   .open_files = static_cast<std::uint32_t>(limits.open_files),
                   .tmp_bytes = limits.tmp_bytes,
                   .tmp_entries = static_cast<std::uint32_t>(limits.files)};
  for (const auto& [name, path] : mounts) {
    setup.read_only.push_back(path);
  }
  return setup;
}

std::string call_request(const CallSpec& spec) {
  std::string json = R"("op":"call",)";
  if (spec.kind != sandbox::ItemKind::kTool) {
    json += R"("kind":)";
    json::append_string(json, to_string(spec.kind));
    json += ',';
  }
  json += R"("tool":)";
  json::append_string(json, spec.tool);
  json += R"(,"file":)";
  json::append_string(json, spec.file);
  json += R"(,"callId":)";
  json::append_string(json, spec.call_id);
  json += R"(,"user":)";
  json::append_string(json, spec.user);
  json += R"(,"traceparent":)";
  json::append_string(json, spec.traceparent);
  json += fmt::format(R"(,"progress":{},"mounts":{{)", spec.progress_wanted);
  const char* comma = "";
  for (const auto& [name, path] : spec.mounts) {
    std::error_code error;
    if (std::filesystem::exists(path, error)) {
      json += comma;
      json::append_string(json, name);
      json += ':';
      json::append_string(json, path.native());
      comma = ",";
    }
  }
  json += R"(},"importable":[)";
  for (const std::string& module : spec.importable) {
    json::append_string(json, module);
    json += &module == &spec.importable.back() ? "" : ",";
  }
  json += R"(],"arguments":)";
  json += spec.arguments;
  return json;
}

}  // namespace mcpgate::sandboxd
