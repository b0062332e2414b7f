#define PY_SSIZE_T_CLEAN
#include "sandboxd/zygote/interpreter.h"

#include <Python.h>

#include <array>
#include <memory>

namespace mcpgate::sandboxd {
namespace {

/// Where Debian keeps the standard library and its packaged modules.
constexpr auto kModulePaths = std::to_array<const wchar_t*>({
    L"/usr/lib/python3.11",
    L"/usr/lib/python3.11/lib-dynload",
    L"/usr/lib/python3/dist-packages",
});

struct Release {
  void operator()(PyObject* object) const { Py_XDECREF(object); }
};
/// An owned reference.
using Reference = std::unique_ptr<PyObject, Release>;

/// `mcpgate._child.serve`, found before the first fork. Lives as long as the process.
PyObject* serve_function = nullptr;
/// `mcpgate._child.prepare`; likewise.
PyObject* prepare_function = nullptr;
/// `mcpgate._zygote.preload`, `.warm_up` and `.serve_rehearsal`; likewise.
PyObject* preload_function = nullptr;
PyObject* warm_up_function = nullptr;
PyObject* rehearsal_function = nullptr;

/// Stands before an allocator of the interpreter's, with a layout.
struct Arranged {
  HeapLayout* layout;
  Allocator base;

  static Arranged& of(void* context) { return *static_cast<Arranged*>(context); }
  static void* allocate(void* context, std::size_t bytes) {
    return of(context).layout->allocate(of(context).base, bytes);
  }
  static void* allocate_zeroed(void* context, std::size_t count, std::size_t bytes) {
    return of(context).layout->allocate_zeroed(of(context).base, count, bytes);
  }
  static void* reallocate(void* context, void* block, std::size_t bytes) {
    return of(context).layout->reallocate(of(context).base, block, bytes);
  }
  static void release(void* context, void* block) {
    of(context).layout->release(of(context).base, block);
  }
};

/// Of objects, and of what is inside lists and tables: both are used under the interpreter's lock.
/// They live as long as the process.
Arranged objects;
Arranged buffers;

void arrange(PyMemAllocatorDomain domain, Arranged& arranged, HeapLayout& layout) {
  PyMemAllocatorEx base{};
  PyMem_GetAllocator(domain, &base);
  arranged = {.layout = &layout,
              .base = {.context = base.ctx,
                       .malloc = base.malloc,
                       .calloc = base.calloc,
                       .realloc = base.realloc,
                       .free = base.free}};
  PyMemAllocatorEx ours{.ctx = &arranged,
                        .malloc = &Arranged::allocate,
                        .calloc = &Arranged::allocate_zeroed,
                        .realloc = &Arranged::reallocate,
                        .free = &Arranged::release};
  PyMem_SetAllocator(domain, &ours);
}

/// The pending exception in one line; clears it.
std::string take_exception() {
  PyObject* type = nullptr;
  PyObject* value = nullptr;
  PyObject* traceback = nullptr;
  PyErr_Fetch(&type, &value, &traceback);
  const Reference owned_type(type);
  const Reference owned_value(value);
  const Reference owned_traceback(traceback);
  const Reference text(PyObject_Str(value != nullptr ? value : type));
  const char* utf8 = text ? PyUnicode_AsUTF8(text.get()) : nullptr;
  PyErr_Clear();
  return utf8 != nullptr ? utf8 : "an exception without a text";
}

PyStatus configure(PyConfig& config, const std::string& harness) {
  config.site_import = 0;
  config.write_bytecode = 0;
  config.install_signal_handlers = 0;
  config.pathconfig_warnings = 0;
  config.module_search_paths_set = 1;
  for (const wchar_t* path : kModulePaths) {
    const PyStatus status = PyWideStringList_Append(&config.module_search_paths, path);
    if (PyStatus_Exception(status) != 0) {
      return status;
    }
  }
  const std::unique_ptr<wchar_t, decltype(&PyMem_RawFree)> path(
      Py_DecodeLocale(harness.c_str(), nullptr), PyMem_RawFree);
  if (!path) {
    return PyStatus_Error("the harness's path cannot be decoded");
  }
  return PyWideStringList_Append(&config.module_search_paths, path.get());
}

void place_arenas(HugeRegion& region) {
  PyObjectArenaAllocator allocator{
      .ctx = &region,
      .alloc = [](void* in,
                  std::size_t bytes) { return static_cast<HugeRegion*>(in)->allocate(bytes); },
      .free = [](void* in, void* arena,
                 std::size_t bytes) { static_cast<HugeRegion*>(in)->release(arena, bytes); }};
  PyObject_SetArenaAllocator(&allocator);
}

std::string initialize(const std::string& harness, HeapLayout& layout, HugeRegion& arenas) {
  PyPreConfig preconfig;
  PyPreConfig_InitIsolatedConfig(&preconfig);
  preconfig.utf8_mode = 1;
  PyStatus status = Py_PreInitialize(&preconfig);
  if (PyStatus_Exception(status) != 0) {
    return status.err_msg;
  }
  place_arenas(arenas);
  arrange(PYMEM_DOMAIN_OBJ, objects, layout);
  arrange(PYMEM_DOMAIN_MEM, buffers, layout);
  PyConfig config;
  PyConfig_InitIsolatedConfig(&config);
  status = configure(config, harness);
  if (PyStatus_Exception(status) == 0) {
    status = Py_InitializeFromConfig(&config);
  }
  PyConfig_Clear(&config);
  return PyStatus_Exception(status) != 0 ? status.err_msg : "";
}

Reference to_dict(const std::map<std::string, std::string>& sources) {
  Reference dict(PyDict_New());
  for (const auto& [path, bytes] : sources) {
    const Reference key(
        PyUnicode_DecodeFSDefaultAndSize(path.data(), static_cast<Py_ssize_t>(path.size())));
    const Reference value(
        PyBytes_FromStringAndSize(bytes.data(), static_cast<Py_ssize_t>(bytes.size())));
    if (!dict || !key || !value || PyDict_SetItem(dict.get(), key.get(), value.get()) != 0) {
      return nullptr;
    }
  }
  return dict;
}

}  // namespace

std::string start_interpreter(const std::string& harness, const std::string& tool_set,
                              const std::string& packages,
                              const std::map<std::string, std::string>& sources, HeapLayout& layout,
                              HugeRegion& arenas) {
  if (std::string error = initialize(harness, layout, arenas); !error.empty()) {
    return error;
  }
  const Reference zygote(PyImport_ImportModule("mcpgate._zygote"));
  const Reference child(PyImport_ImportModule("mcpgate._child"));
  const Reference files = to_dict(sources);
  if (!zygote || !child || !files) {
    return take_exception();
  }
  const Reference loaded(PyObject_CallMethod(zygote.get(), "load", "ssO", tool_set.c_str(),
                                             packages.c_str(), files.get()));
  serve_function = PyObject_GetAttrString(child.get(), "serve");
  prepare_function = PyObject_GetAttrString(child.get(), "prepare");
  preload_function = PyObject_GetAttrString(zygote.get(), "preload");
  warm_up_function = PyObject_GetAttrString(zygote.get(), "warm_up");
  rehearsal_function = PyObject_GetAttrString(zygote.get(), "serve_rehearsal");
  const bool complete = loaded && serve_function != nullptr && prepare_function != nullptr &&
                        preload_function != nullptr && warm_up_function != nullptr &&
                        rehearsal_function != nullptr;
  return complete ? "" : take_exception();
}

std::string preload(const std::vector<std::string>& modules) {
  const Reference names(PyList_New(0));
  for (const std::string& module : modules) {
    const Reference name(
        PyUnicode_FromStringAndSize(module.data(), static_cast<Py_ssize_t>(module.size())));
    if (!names || !name || PyList_Append(names.get(), name.get()) != 0) {
      return take_exception();
    }
  }
  const Reference done(names ? PyObject_CallOneArg(preload_function, names.get()) : nullptr);
  return done ? "" : take_exception();
}

void settle_heap(HeapLayout& layout, HugeRegion& arenas) {
  layout.settle(objects.base);
  arenas.settle();
}

void before_fork() {
  PyOS_BeforeFork();
}
void after_fork_in_parent() {
  PyOS_AfterFork_Parent();
}
void after_fork_in_child() {
  PyOS_AfterFork_Child();
}

namespace {

/// The exit status that a function of the harness returns.
int call_for_status(PyObject* function) {
  const Reference status(PyObject_CallNoArgs(function));
  if (!status) {
    PyErr_Print();
    return 1;
  }
  return static_cast<int>(PyLong_AsLong(status.get()));
}

}  // namespace

int serve_call() {
  return call_for_status(serve_function);
}
int warm_up() {
  return call_for_status(warm_up_function);
}
void load_tool(const std::string& file, const std::string& name, const std::string& tmp) {
  const Reference done(
      PyObject_CallFunction(prepare_function, "sss", file.c_str(), name.c_str(), tmp.c_str()));
  if (!done) {
    PyErr_Print();
  }
}
int serve_rehearsal() {
  return call_for_status(rehearsal_function);
}

}  // namespace mcpgate::sandboxd
