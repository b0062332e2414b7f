// elf(5): the header, the table of segments behind it, and PT_INTERP, which names the loader. The
// file is a reviewed one or the system's, and read as anybody's.

#include "sandboxd/program.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <optional>

#include "base/fd.h"

namespace mcpgate::sandboxd {

namespace {

constexpr auto kFolders = std::to_array<const char*>({"/usr/local/bin", "/usr/bin", "/bin"});
constexpr std::size_t kSegmentsMax = 128;

bool read_at(int file, void* out, std::size_t bytes, std::uint64_t offset) {
  return ::pread(file, out, bytes, static_cast<off_t>(offset)) == static_cast<ssize_t>(bytes);
}

std::optional<std::filesystem::path> look_up(std::string_view command,
                                             const std::filesystem::path& folder) {
  std::error_code error;
  if (command.find('/') != std::string_view::npos) {
    const std::filesystem::path path = (folder / command).lexically_normal();
    return std::filesystem::is_regular_file(path, error) ? std::optional(path) : std::nullopt;
  }
  for (const char* place : kFolders) {
    std::filesystem::path path = std::filesystem::path(place) / command;
    if (std::filesystem::is_regular_file(path, error)) {
      return path;
    }
  }
  return std::nullopt;
}

/// The loader of a program; empty for one that is linked statically.
Expected<std::string> loader_of(int file, std::string_view shown) {
  std::array<char, 2> start{};
  if (read_at(file, start.data(), start.size(), 0) && start[0] == '#' && start[1] == '!') {
    return fail(ErrorCode::kInvalidArgument,
                "{} is a script; name its interpreter first, and then the script", shown);
  }
  Elf64_Ehdr header{};
  if (!read_at(file, &header, sizeof header, 0) ||
      std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum > kSegmentsMax) {
    return fail(ErrorCode::kInvalidArgument, "{} is not a program of this machine", shown);
  }
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment{};
    if (!read_at(file, &segment, sizeof segment, header.e_phoff + i * sizeof segment)) {
      return fail(ErrorCode::kInvalidArgument, "{} is cut short", shown);
    }
    if (segment.p_type != PT_INTERP) {
      continue;
    }
    std::string loader(std::min<std::uint64_t>(segment.p_filesz, PATH_MAX), '\0');
    if (!read_at(file, loader.data(), loader.size(), segment.p_offset)) {
      return fail(ErrorCode::kInvalidArgument, "{} is cut short", shown);
    }
    loader.resize(std::strlen(loader.c_str()));
    return loader;
  }
  return std::string();
}

}  // namespace

Expected<Program> find_program(std::string_view command, const std::filesystem::path& folder) {
  const auto path = look_up(command, folder);
  if (!path) {
    return fail(
        ErrorCode::kNotFound, "{}: no such program{}", command,
        command.find('/') != std::string_view::npos ? "" : " in /usr/local/bin, /usr/bin or /bin");
  }
  const UniqueFd file(::open(path->c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) {
    return fail_errno("open " + path->string());
  }
  Program program{.path = path->string(), .executable = {path->string()}};
  std::string loader = TRY(loader_of(file.get(), command));
  if (!loader.empty()) {
    program.executable.push_back(std::move(loader));
  }
  return program;
}

}  // namespace mcpgate::sandboxd
