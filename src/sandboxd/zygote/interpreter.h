#pragma once

// The embedded CPython of the zygote: started once, forked many times.

#include <map>
#include <string>
#include <vector>

#include "sandboxd/heap_layout.h"
#include "sandboxd/huge_region.h"

namespace mcpgate::sandboxd {

/// Starts the interpreter, isolated (no environment, no site, no user's folders, no bytecode
/// written), and lets the harness load and compile the tool set, whose packages are in a
/// folder of their own (or in none: empty). Its objects lie as `layout` has them, and else in
/// `arenas`, until settle_heap(); both outlive it. Empty, or why it failed.
[[nodiscard]] std::string start_interpreter(const std::string& harness, const std::string& tool_set,
                                            const std::string& packages,
                                            const std::map<std::string, std::string>& sources,
                                            HeapLayout& layout, HugeRegion& arenas);
/// Imports modules of packages, which no child has to import then. Empty, or which of them cannot
/// be, and why: it raises, is a module of the set's own, leaves threads.
[[nodiscard]] std::string preload(const std::vector<std::string>& modules);
/// Everything is imported: HeapLayout::settle(), HugeRegion::settle().
void settle_heap(HeapLayout& layout, HugeRegion& arenas);

/// Around fork(): the interpreter's locks and thread state stay right in both processes.
void before_fork();
void after_fork_in_parent();
void after_fork_in_child();

/// Serves the call at descriptor 3; the exit status.
[[nodiscard]] int serve_call();
/// Warms the interpreter up with calls of our own, which leave nothing behind; 0.
int warm_up();
/// Loads the tool that the child waits for a call of, whose temporary folder is `tmp`. Where that
/// fails, the call says so.
void load_tool(const std::string& file, const std::string& name, const std::string& tmp);
/// The same as serve_call() for a call of a tool of our own, `typed` of `rehearsal.py`.
[[nodiscard]] int serve_rehearsal();

}  // namespace mcpgate::sandboxd
