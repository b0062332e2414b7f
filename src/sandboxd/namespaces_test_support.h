#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include "sandboxd/namespaces.h"

namespace mcpgate::sandboxd {

/// Whether profile strict can be had at all: not in a pod, nor where user namespaces are forbidden.
inline bool namespaces_are_allowed() {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::_exit(enter_namespaces(0).error.empty() ? 0 : 1);
  }
  int status = 1;
  return ::waitpid(pid, &status, 0) == pid && status == 0;
}

}  // namespace mcpgate::sandboxd
