#include "sandboxd/set_copy.h"

#include <fcntl.h>

#include "base/fd.h"
#include "base/file.h"

namespace mcpgate::sandboxd {

Expected<ScratchDirectory> copy_set(const std::filesystem::path& scratch, Random& random,
                                    const std::map<std::string, std::string>& files) {
  constexpr mode_t kFileMode = 0500;
  ScratchDirectory copy = TRY(ScratchDirectory::create(scratch, random));
  std::filesystem::path made;
  for (const auto& [name, bytes] : files) {
    const std::filesystem::path path = copy.path() / name;
    if (path.parent_path() != made) {
      made = path.parent_path();
      TRY_VOID(make_directories(made, 0700));
    }
    const UniqueFd file(
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kFileMode));
    if (!file) {
      return fail_errno("copy " + name);
    }
    TRY_VOID(write_all(file.get(), bytes));
  }
  return copy;
}

}  // namespace mcpgate::sandboxd
