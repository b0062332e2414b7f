#pragma once

// What a child does to become the program of a stdio server: it is locked down as every child is,
// but for one execve(2), from two addresses that only it knows.

#include <string>
#include <vector>

namespace mcpgate::sandboxd {

/// The strings of one execve(2). Path and list of arguments are each at a random place of the
/// address space: a filter that compares the addresses allows this call and no other, since the
/// program that it starts finds neither of them in its memory. Lives until the process ends.
class ServerProgram {
 public:
  /// `arguments` with the program's own name first; `environment` as `NAME=value`. They outlive it.
  /// Ends the process where it gets no memory.
  ServerProgram(const std::string& path, const std::vector<std::string>& arguments,
                const std::vector<std::string>& environment);

  [[nodiscard]] const char* path() const { return path_; }
  [[nodiscard]] const char* const* arguments() const { return arguments_; }

  /// From `folder` on. Returns only by ending the process; stderr says why.
  [[noreturn]] void become(const std::string& folder) const;

 private:
  const char* path_;
  const char* const* arguments_;
  std::vector<const char*> environment_;
};

}  // namespace mcpgate::sandboxd
