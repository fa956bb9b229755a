/* SPDX-License-Identifier: MIT */
/* Loading a plugin: static twin, path or search; file; dlopen; entry point. What the descriptor
 * says is checked by check.c. Nothing is ever unloaded: OpenMP and thread-local storage don't
 * survive dlclose. */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/internal.h"

/* dlsym gives an object pointer; POSIX promises that the copy is a function pointer. */
static assay_plugin_query_fn entry_point(void *handle) {
    assay_plugin_query_fn query = NULL;
    void *symbol = dlsym(handle, "assay_plugin_query");
    _Static_assert(sizeof symbol == sizeof query, "POSIX: object and function pointers convert");
    memcpy(&query, &symbol, sizeof query);
    return query;
}

static assay_status cut_off(const char *path, assay_error *error) {
    return as_fail(error, ASSAY_BAD_DATA, path,
                   "the file ends before its contents do; copy or build it again");
}

/* dlopen trusts the sizes in an ELF file and dies of a file that was cut off (SIGBUS), so its
 * segments are held against its length first (System V ABI, chapters 4 and 5). */
static assay_status check_segments(int file, const char *path, size_t size, assay_error *error) {
    ElfW(Ehdr) header;
    ssize_t n = pread(file, &header, sizeof header, 0);
    if (n < SELFMAG || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
        return as_fail(error, ASSAY_BAD_DATA, path,
                       "not a shared object; build the plugin with -shared -fPIC");
    if (n < (ssize_t)sizeof header)
        return cut_off(path, error);
    if (header.e_type != ET_DYN || header.e_phentsize != sizeof(ElfW(Phdr)) ||
        header.e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32))
        return as_fail(error, ASSAY_BAD_DATA, path,
                       "an ELF file, but no shared object of this machine; build the plugin with "
                       "-shared -fPIC");
    for (size_t i = 0; i < header.e_phnum; i++) {
        ElfW(Phdr) segment;
        size_t at, end;
        if (!as_add_size(header.e_phoff, i * sizeof segment, &at) || at > size ||
            pread(file, &segment, sizeof segment, (off_t)at) != (ssize_t)sizeof segment ||
            !as_add_size(segment.p_offset, segment.p_filesz, &end) || end > size)
            return cut_off(path, error);
    }
    return ASSAY_OK;
}

static assay_status check_file(const char *path, assay_error *error) {
    struct stat info;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return as_fail(error, errno == ENOENT ? ASSAY_NOT_FOUND : ASSAY_IO, path,
                       "can't be opened: %s", strerror(errno));
    assay_status status = ASSAY_OK;
    if (fstat(file, &info) != 0 || !S_ISREG(info.st_mode))
        status =
            as_fail(error, ASSAY_BAD_DATA, path, "not a regular file; expected a shared object");
    else
        status = check_segments(file, path, (size_t)info.st_size, error);
    close(file);
    return status;
}

static assay_status load_file(as_arena *arena, int32_t kind, const char *path,
                              as_plugin *ret_plugin, assay_error *error) {
    char id[AS_MAX_PLUGIN_ID + 1];
    const assay_plugin *descriptor;
    if (!as_plugin_file_id(path, id))
        return as_fail(error, ASSAY_INVALID_ARGUMENT, path,
                       "the file name is no plugin's; expected ID.so with an ID of [a-z0-9_] that "
                       "starts with a letter");
    assay_status status = check_file(path, error);
    if (status != ASSAY_OK)
        return status;
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        const char *reason = dlerror();
        return as_fail(error, ASSAY_BAD_DATA, path, "the system can't load it: %s",
                       reason ? reason : "no reason given");
    }
    assay_plugin_query_fn query = entry_point(handle);
    if (!query)
        return as_fail(error, ASSAY_ABI_MISMATCH, path,
                       "no entry point assay_plugin_query; define it with ASSAY_DEFINE_PLUGIN "
                       "(assay/plugin.h) and compile without ASSAY_STATIC_ID");
    const char *own_path = as_arena_strdup(arena, path);
    if (!own_path)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, path, "out of memory");
    status = as_plugin_check(query, kind, path, id, &descriptor, error);
    if (status == ASSAY_OK)
        *ret_plugin = (as_plugin){.descriptor = descriptor, .path = own_path};
    return status;
}

/* Appends to a bounded text. */
static void append(char *text, size_t size, const char *more) {
    size_t used = strlen(text);
    snprintf(text + used, size - used, "%s", more);
}

static assay_status not_found(as_arena *arena, int32_t kind, const char *id,
                              const char *const *folders, size_t n_folders, assay_error *error) {
    char where[128], searched[640] = "";
    const char *const *ids;
    size_t n_ids;
    assay_status status = as_plugin_list(arena, kind, &ids, &n_ids, error);
    if (status != ASSAY_OK)
        return status;
    const char *nearest = as_nearest_name(id, ids, n_ids);
    snprintf(where, sizeof where, "%s '%.80s'", as_plugin_kind_name(kind), id);
    for (size_t i = 0; i < n_folders; i++) {
        append(searched, sizeof searched, i ? ", " : "");
        append(searched, sizeof searched, folders[i]);
    }
    if (nearest)
        return as_fail(error, ASSAY_NOT_FOUND, where, "no such %s; did you mean '%s'? Searched: %s",
                       as_plugin_kind_name(kind), nearest, searched);
    return as_fail(error, ASSAY_NOT_FOUND, where,
                   "no such %s; `assay list %ss` names all. Searched: %s",
                   as_plugin_kind_name(kind), as_plugin_kind_name(kind), searched);
}

/* The first folder that has the file decides; a bad file there is an error, not a reason to go on
 * to another one of the same name. */
static assay_status load_by_id(as_arena *arena, int32_t kind, const char *id, as_plugin *ret_plugin,
                               assay_error *error) {
    const char *const *folders;
    size_t n_folders;
    struct stat info;
    assay_status status = as_plugin_folders(arena, kind, &folders, &n_folders, error);
    if (status != ASSAY_OK)
        return status;
    for (size_t i = 0; as_plugin_id_valid(id) && i < n_folders; i++) {
        size_t size = strlen(folders[i]) + strlen(id) + sizeof "/.so";
        char *path = as_arena_alloc(arena, size);
        if (!path)
            return as_fail(error, ASSAY_OUT_OF_MEMORY, id, "out of memory");
        snprintf(path, size, "%s/%s.so", folders[i], id);
        if (stat(path, &info) == 0)
            return load_file(arena, kind, path, ret_plugin, error);
    }
    return not_found(arena, kind, id, folders, n_folders, error);
}

assay_status as_plugin_load(as_arena *arena, int32_t kind, const char *id_or_path,
                            as_plugin *ret_plugin, assay_error *error) {
    const as_static_plugin *plugins;
    const assay_plugin *descriptor;
    size_t n = as_static_plugins(&plugins);
    char where[AS_MAX_PLUGIN_ID + 16];
    if (strchr(id_or_path, '/'))
        return load_file(arena, kind, id_or_path, ret_plugin, error);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(plugins[i].id, id_or_path) != 0)
            continue;
        snprintf(where, sizeof where, "built-in %s", plugins[i].id);
        assay_status status =
            as_plugin_check(plugins[i].query, kind, where, plugins[i].id, &descriptor, error);
        if (status == ASSAY_OK)
            *ret_plugin = (as_plugin){.descriptor = descriptor, .path = ""};
        return status;
    }
    return load_by_id(arena, kind, id_or_path, ret_plugin, error);
}

/* as_plugin_load has checked what get_interface returns; these only refuse the wrong kind. */
static assay_status check_kind(const as_plugin *plugin, int32_t kind, assay_error *error) {
    if (plugin->descriptor->kind == kind)
        return ASSAY_OK;
    return as_fail(error, ASSAY_INVALID_ARGUMENT, plugin->descriptor->id, "is a %s; expected a %s",
                   as_plugin_kind_name(plugin->descriptor->kind), as_plugin_kind_name(kind));
}

assay_status as_plugin_model(const as_plugin *plugin, const assay_model_graph **ret_graph,
                             const assay_model_opaque **ret_opaque, assay_error *error) {
    assay_status status = check_kind(plugin, ASSAY_PLUGIN_KIND_MODEL, error);
    if (status != ASSAY_OK)
        return status;
    *ret_graph = plugin->descriptor->get_interface(ASSAY_MODEL_GRAPH);
    *ret_opaque = plugin->descriptor->get_interface(ASSAY_MODEL_OPAQUE);
    return ASSAY_OK;
}

assay_status as_plugin_backend(const as_plugin *plugin, const assay_backend **ret_backend,
                               assay_error *error) {
    assay_status status = check_kind(plugin, ASSAY_PLUGIN_KIND_BACKEND, error);
    if (status != ASSAY_OK)
        return status;
    *ret_backend = plugin->descriptor->get_interface(ASSAY_BACKEND);
    return ASSAY_OK;
}
