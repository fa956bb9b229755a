/* SPDX-License-Identifier: MIT */
/* Where plugins lie and what they are called.
 *
 * A model NAME is models/NAME.so, a backend backends/NAME.so, below each of
 *     every folder of ASSAY_PLUGIN_PATH, which are also searched themselves (both kinds),
 *     EXE/plugins                the build folder, when the program runs from it,
 *     EXE/../LIBDIR/assay        the installed ones,
 * EXE being the folder of the running program. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugin/internal.h"

#ifdef AS_STATIC_PLUGINS
#define AS_STATIC_PLUGIN(id)                                                                       \
    ASSAY_EXPORT const assay_plugin *assay_plugin_query_##id(const assay_host *);
#include "static_plugins.def"
#undef AS_STATIC_PLUGIN

static const as_static_plugin static_plugins[] = {
#define AS_STATIC_PLUGIN(id) {#id, assay_plugin_query_##id},
#include "static_plugins.def"
#undef AS_STATIC_PLUGIN
};

size_t as_static_plugins(const as_static_plugin **ret_plugins) {
    *ret_plugins = static_plugins;
    return sizeof static_plugins / sizeof *static_plugins;
}
#else
size_t as_static_plugins(const as_static_plugin **ret_plugins) {
    *ret_plugins = NULL;
    return 0;
}
#endif

const char *as_plugin_kind_name(int32_t kind) {
    return kind == ASSAY_PLUGIN_KIND_MODEL     ? "model"
           : kind == ASSAY_PLUGIN_KIND_BACKEND ? "backend"
                                               : "unknown kind";
}

bool as_plugin_id_valid(const char *id) {
    size_t n = 0;
    if (id[0] < 'a' || id[0] > 'z')
        return false;
    while (n <= AS_MAX_PLUGIN_ID &&
           ((id[n] >= 'a' && id[n] <= 'z') || (id[n] >= '0' && id[n] <= '9') || id[n] == '_'))
        n++;
    return n <= AS_MAX_PLUGIN_ID && id[n] == '\0';
}

bool as_plugin_file_id(const char *path, char ret_id[AS_MAX_PLUGIN_ID + 1]) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t n = strlen(name);
    char id[AS_MAX_PLUGIN_ID + 1];
    if (n < 4 || n - 3 > AS_MAX_PLUGIN_ID || strcmp(name + n - 3, ".so") != 0)
        return false;
    memcpy(id, name, n - 3);
    id[n - 3] = '\0';
    if (!as_plugin_id_valid(id))
        return false;
    memcpy(ret_id, id, n - 2);
    return true;
}

/* ---- folders --------------------------------------------------------------------------------- */

typedef struct folder_list {
    as_arena *arena;
    const char **items;
    size_t n, room;
    bool out_of_memory;
} folder_list;

/* Adds "root/tail", or just the root (n bytes of it) without a tail. */
static void add_folder(folder_list *list, const char *root, size_t n, const char *tail) {
    size_t size = n + (tail ? strlen(tail) + 1 : 0) + 1;
    char *path = as_arena_alloc(list->arena, size);
    if (list->n == list->room || !path) {
        list->out_of_memory = true;
        return;
    }
    snprintf(path, size, "%.*s%s%s", (int)n, root, tail ? "/" : "", tail ? tail : "");
    list->items[list->n++] = path;
}

static void add_path_variable(folder_list *list, const char *path, const char *sub_folder) {
    while (path && *path) {
        size_t n = strcspn(path, ":");
        if (n) {
            add_folder(list, path, n, NULL);
            add_folder(list, path, n, sub_folder);
        }
        path += n + (path[n] == ':');
    }
}

/* The running program's folder into `folder`; false where /proc can't tell. */
static bool program_folder(char *folder, size_t size) {
    ssize_t n = readlink("/proc/self/exe", folder, size);
    if (n <= 0 || (size_t)n >= size)
        return false;
    folder[n] = '\0';
    char *slash = strrchr(folder, '/');
    if (!slash)
        return false;
    *slash = '\0';
    return true;
}

static void add_program_folders(folder_list *list, const char *sub_folder) {
    char program[4096], tail[1024];
    bool known = program_folder(program, sizeof program);
    snprintf(tail, sizeof tail, "plugins/%s", sub_folder);
    if (known)
        add_folder(list, program, strlen(program), tail);
    snprintf(tail, sizeof tail, "%s%s/assay/%s", AS_LIBDIR[0] == '/' ? "" : "../", AS_LIBDIR,
             sub_folder);
    if (AS_LIBDIR[0] == '/')
        add_folder(list, tail, strlen(tail), NULL);
    else if (known)
        add_folder(list, program, strlen(program), tail);
}

assay_status as_plugin_folders(as_arena *arena, int32_t kind, const char *const **ret_folders,
                               size_t *ret_n, assay_error *error) {
    const char *sub_folder = kind == ASSAY_PLUGIN_KIND_MODEL ? "models" : "backends";
    const char *path = getenv("ASSAY_PLUGIN_PATH");
    folder_list list = {.arena = arena, .room = 4};
    for (const char *c = path; c && *c; c++)
        list.room += *c == ':' ? 2 : 0;
    list.items = as_arena_alloc_array(arena, list.room, sizeof *list.items);
    if (!list.items)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "ASSAY_PLUGIN_PATH", "out of memory");
    add_path_variable(&list, path, sub_folder);
    add_program_folders(&list, sub_folder);
    if (list.out_of_memory)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, "ASSAY_PLUGIN_PATH", "out of memory");
    *ret_folders = list.items;
    *ret_n = list.n;
    return ASSAY_OK;
}

/* ---- listing --------------------------------------------------------------------------------- */

typedef struct id_list {
    as_arena *arena;
    const char **items;
    size_t n, room;
} id_list;

static bool add_id(id_list *list, const char *id) {
    if (list->n == list->room) {
        size_t room = list->room ? 2 * list->room : 32;
        const char **wider = as_arena_alloc_array(list->arena, room, sizeof *wider);
        if (!wider)
            return false;
        if (list->n)
            memcpy(wider, list->items, list->n * sizeof *wider);
        list->items = wider;
        list->room = room;
    }
    const char *copy = as_arena_strdup(list->arena, id);
    if (!copy)
        return false;
    list->items[list->n++] = copy;
    return true;
}

/* A folder that isn't there holds no plugins; one that can't be read is an error. */
static assay_status add_ids_of_folder(id_list *list, const char *path, assay_error *error) {
    char id[AS_MAX_PLUGIN_ID + 1];
    assay_status status = ASSAY_OK;
    DIR *folder = opendir(path);
    if (!folder && (errno == ENOENT || errno == ENOTDIR))
        return ASSAY_OK;
    if (!folder)
        return as_fail(error, ASSAY_IO, path, "can't look for plugins here: %s", strerror(errno));
    for (struct dirent *entry; status == ASSAY_OK && (entry = readdir(folder));)
        if (as_plugin_file_id(entry->d_name, id) && !add_id(list, id))
            status = as_fail(error, ASSAY_OUT_OF_MEMORY, path, "out of memory");
    closedir(folder);
    return status;
}

static int compare_ids(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void sort_unique(id_list *list) {
    size_t n = 0;
    if (list->n)
        qsort(list->items, list->n, sizeof *list->items, compare_ids);
    for (size_t i = 0; i < list->n; i++)
        if (n == 0 || strcmp(list->items[n - 1], list->items[i]) != 0)
            list->items[n++] = list->items[i];
    list->n = n;
}

/* Query functions have no side effects, so asking a static twin for its kind is no loading. */
static bool add_static_ids(id_list *list, int32_t kind) {
    const assay_host host = {.struct_size = sizeof host,
                             .abi_major = ASSAY_ABI_MAJOR,
                             .abi_minor = ASSAY_ABI_MINOR,
                             .version = AS_VERSION};
    const as_static_plugin *plugins;
    size_t n = as_static_plugins(&plugins);
    for (size_t i = 0; i < n; i++) {
        const assay_plugin *descriptor = plugins[i].query(&host);
        if (descriptor && descriptor->kind == kind && !add_id(list, plugins[i].id))
            return false;
    }
    return true;
}

assay_status as_plugin_list(as_arena *arena, int32_t kind, const char *const **ret_ids,
                            size_t *ret_n, assay_error *error) {
    id_list list = {.arena = arena};
    const char *const *folders;
    size_t n_folders;
    assay_status status = as_plugin_folders(arena, kind, &folders, &n_folders, error);
    if (status == ASSAY_OK && !add_static_ids(&list, kind))
        status = as_fail(error, ASSAY_OUT_OF_MEMORY, "plugins", "out of memory");
    for (size_t i = 0; status == ASSAY_OK && i < n_folders; i++)
        status = add_ids_of_folder(&list, folders[i], error);
    if (status != ASSAY_OK)
        return status;
    sort_unique(&list);
    *ret_ids = list.items;
    *ret_n = list.n;
    return ASSAY_OK;
}
