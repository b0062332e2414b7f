// Runs the official JSON-Schema-Test-Suite: `schema_suite SUITE [TESTS]`.
//
// SUITE is the folder that tests/schema/fetch.sh fills; TESTS a folder of test files in it, by
// default the part of draft 2020-12 that every implementation must pass. Prints the cases that
// fail, then `N passed, N failed, N skipped`; exit 1 where any failed.

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "json/parse.h"
#include "json/schema.h"

namespace mcpgate::json {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kFileBytesMax = std::size_t{8} << 20;
// Where the suite's schemas believe its folder `remotes` to be served.
constexpr std::string_view kRemotes = "http://localhost:1234/";

struct Count {
  int passed = 0;
  int failed = 0;
};

std::optional<std::string> read_remote(const fs::path& suite, std::string_view uri) {
  if (!uri.starts_with(kRemotes)) {
    return std::nullopt;
  }
  auto text = read_file(suite / "remotes" / uri.substr(kRemotes.size()), kFileBytesMax);
  return text ? std::optional(*std::move(text)) : std::nullopt;
}

void run_group(Object group, const CompileOptions& options, const std::string& file, Count& count) {
  const auto name = string_at(group, "description").value_or("?");
  const auto schema = Schema::compile(*find(group, "schema"), options);
  const Array tests = *array_at(group, "tests");
  for (const Element entry : tests) {
    const Object test = *as_object(entry);
    const bool valid = *bool_at(test, "valid");
    std::string problem;
    if (!schema) {
      problem = schema.error().message;
    } else if (const auto violations = schema->validate(*find(test, "data")); !violations) {
      problem = violations.error().message;
    } else if (violations->empty() != valid) {
      problem = valid ? "refused: " + to_string(violations->front(), "") : "let through";
    }
    ++(problem.empty() ? count.passed : count.failed);
    if (!problem.empty()) {
      fmt::print("FAIL {}: {}: {}: {}\n", file, name, string_at(test, "description").value_or("?"),
                 problem);
    }
  }
}

Expected<Count> run_suite(const fs::path& suite, const fs::path& tests) {
  CompileOptions options;
  options.resolver = [&suite](std::string_view uri) { return read_remote(suite, uri); };
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(suite / tests)) {
    if (entry.path().extension() == ".json") {
      files.push_back(entry.path());
    }
  }
  std::ranges::sort(files);
  Count count;
  Parser parser(kFileBytesMax);
  for (const fs::path& file : files) {
    const std::string text = TRY(read_file(file, kFileBytesMax));
    const Array groups = *as_array(TRY(parser.parse(text)));
    for (const Element group : groups) {
      run_group(*as_object(group), options, file.filename().string(), count);
    }
  }
  return count;
}

int main_of(int argc, char** argv) {
  if (argc != 2 && argc != 3) {
    fmt::print(stderr, "usage: schema_suite SUITE [TESTS]\n");
    return 2;
  }
  const auto count = run_suite(argv[1], argc == 3 ? argv[2] : "tests/draft2020-12");
  if (!count) {
    fmt::print(stderr, "{}\n", count.error().message);
    return 2;
  }
  fmt::print("{} passed, {} failed, 0 skipped\n", count->passed, count->failed);
  return count->failed == 0 && count->passed > 0 ? 0 : 1;
}

}  // namespace
}  // namespace mcpgate::json

int main(int argc, char** argv) {
  try {
    return mcpgate::json::main_of(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 2;
  }
}
