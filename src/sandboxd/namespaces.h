#pragma once

// The namespaces of profile strict: the zygote enters most of them once and takes away the tree of
// files; each child gets process ids and mounts of its own. Plain system calls, single-threaded.

#include <sys/types.h>

#include <span>
#include <string>

#include "sandboxd/layer.h"

namespace mcpgate::sandboxd {

/// The child's writable folder in a private tree; nothing of a machine has this name.
inline constexpr const char* kPrivateTmpPath = "/mcpgate-tmp";
/// The workspace of its user, where the call has one.
inline constexpr const char* kPrivateWorkspacePath = "/mcpgate-workspace";
/// Where all workspaces of the set are until one of them is mounted: nobody without capabilities
/// gets into the folder around it.
inline constexpr const char* kHiddenWorkspacesPath = "/mcpgate-hidden/workspaces";
/// What a child is told when it asks for the machine's name.
inline constexpr const char* kHostName = "sandbox";

/// What kept a layer from being had; `error` is empty where nothing did.
struct NamespaceFailure {
  Layer layer = Layer::kUserNamespace;
  std::string error = {};
};

/// Enters the user, net, ipc, uts and mount namespaces, all but those of `without`. Before
/// PR_SET_DUMPABLE 0, which would take away the right to write the user map. After a failure the
/// process is half in: it can only end.
[[nodiscard]] NamespaceFailure enter_namespaces(LayerBits without);

/// What is left of the machine's files.
struct PrivateTree {
  /// Each at its own path. What does not exist, or what this process may not reach, is passed over.
  std::span<const std::string> read_only = {};
  /// Comes to kHiddenWorkspacesPath, writable; empty: there are none.
  std::string workspaces = {};
  /// An existing folder, on which the tree is put together.
  std::string workbench = {};
};

/// Leaves of all files only that and /dev/null, and an empty folder kPrivateTmpPath; afterwards
/// nothing else of the machine can be named, /proc included. Wants a mount namespace.
[[nodiscard]] NamespaceFailure enter_private_tree(const PrivateTree& tree);

/// fork(2), whose child is the first process of a pid namespace of its own and has mounts of its
/// own, each unless `without` names the layer (kPidNamespace, kPrivateTmp). libc's idea of the
/// child's thread id stays right; handlers of pthread_atfork do not run.
[[nodiscard]] pid_t fork_apart(LayerBits without);

}  // namespace mcpgate::sandboxd
