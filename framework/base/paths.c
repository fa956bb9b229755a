/* SPDX-License-Identifier: MIT */
/* Search for suites and their companions. The build defines AS_SOURCE_SUITES and
 * AS_INSTALL_SUITES. */
#include "base/paths.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"

enum { MAX_FOLDERS = 32, MAX_NAMES = 4096 };

static assay_status no_memory(assay_error *error) {
    return assay_fail(error, ASSAY_OUT_OF_MEMORY, "paths", "no memory for a path");
}

static char *join(as_arena *arena, const char *a, const char *b) {
    size_t n = strlen(a) + strlen(b) + 2;
    char *path = as_arena_alloc(arena, n);
    if (path)
        snprintf(path, n, "%s%s%s", a, *b ? "/" : "", b);
    return path;
}

/* The folders to search, first to last. */
static assay_status search_folders(as_arena *arena, const char **folders, size_t *ret_n,
                                   assay_error *error) {
    const char *listed = getenv("ASSAY_SUITE_PATH");
    size_t n = 0;
    if (listed && *listed) {
        char *save = NULL, *copy = as_arena_strdup(arena, listed);
        if (!copy)
            return no_memory(error);
        for (char *one = strtok_r(copy, ":", &save); one; one = strtok_r(NULL, ":", &save)) {
            if (n == MAX_FOLDERS - 2)
                return as_fail(error, ASSAY_LIMIT, "ASSAY_SUITE_PATH", "names over %d folders",
                               MAX_FOLDERS - 2);
            folders[n++] = one;
        }
    }
    folders[n++] = AS_SOURCE_SUITES;
    folders[n++] = AS_INSTALL_SUITES;
    *ret_n = n;
    return ASSAY_OK;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Adds the regular files in `path` that end in suffix; a folder that is not there adds none. */
static assay_status add_names(as_arena *arena, const char *path, const char *suffix,
                              const char **names, size_t *n, assay_error *error) {
    assay_status status = ASSAY_OK;
    size_t n_suffix = strlen(suffix);
    DIR *folder = opendir(path);
    if (!folder)
        return ASSAY_OK;
    for (struct dirent *entry; status == ASSAY_OK && (entry = readdir(folder));) {
        size_t length = strlen(entry->d_name);
        struct stat info;
        if (entry->d_name[0] == '.' || length <= n_suffix ||
            strcmp(entry->d_name + length - n_suffix, suffix) != 0 ||
            fstatat(dirfd(folder), entry->d_name, &info, 0) != 0 || !S_ISREG(info.st_mode))
            continue;
        if (*n == MAX_NAMES)
            status = as_fail(error, ASSAY_LIMIT, path, "over %d files are listed", MAX_NAMES);
        else if (!(names[*n] = as_arena_strndup(arena, entry->d_name, length - n_suffix)))
            status = no_memory(error);
        else
            ++*n;
    }
    closedir(folder);
    return status;
}

assay_status as_list_suite_files(as_arena *arena, const char *folder, const char *suffix,
                                 const char *const **ret_names, size_t *ret_n, assay_error *error) {
    const char *folders[MAX_FOLDERS];
    size_t n_folders, n = 0, n_unique = 0;
    const char **names = as_arena_alloc_array(arena, MAX_NAMES, sizeof *names);
    if (!names)
        return no_memory(error);
    assay_status status = search_folders(arena, folders, &n_folders, error);
    for (size_t i = 0; status == ASSAY_OK && i < n_folders; i++) {
        const char *path = join(arena, folders[i], folder);
        status = path ? add_names(arena, path, suffix, names, &n, error) : no_memory(error);
    }
    if (status != ASSAY_OK)
        return status;
    qsort(names, n, sizeof *names, compare_names);
    for (size_t i = 0; i < n; i++)
        if (!n_unique || strcmp(names[n_unique - 1], names[i]) != 0)
            names[n_unique++] = names[i];
    *ret_names = names;
    *ret_n = n_unique;
    return ASSAY_OK;
}

/* NOT_FOUND with the folders and the nearest name beside the one asked for. */
static assay_status fail_not_found(as_arena *arena, const char *relative,
                                   const char *const *folders, size_t n_folders,
                                   assay_error *error) {
    const char *slash = strrchr(relative, '/'), *base = slash ? slash + 1 : relative;
    const char *dot = strchr(base, '.'), *suffix = dot ? dot : "";
    const char *const *names = NULL;
    char searched[512] = "", text[sizeof error->text];
    assay_error ignored = ASSAY_ERROR_INIT;
    size_t n_names = 0, used = 0;
    char *beside = as_arena_strndup(arena, relative, slash ? (size_t)(slash - relative) : 0);
    char *name = as_arena_strndup(arena, base, dot ? (size_t)(dot - base) : strlen(base));
    if (!beside || !name)
        return no_memory(error);
    for (size_t i = 0; i < n_folders; i++) {
        int more = snprintf(searched + used, sizeof searched - used, "%s%s%s%s", i ? ", " : "",
                            folders[i], *beside ? "/" : "", beside);
        used += more > 0 && (size_t)more < sizeof searched - used ? (size_t)more : 0;
    }
    int n = snprintf(text, sizeof text, "no file %s in %s", base, searched);
    /* Without a listing there is merely no suggestion. */
    if (n > 0 &&
        as_list_suite_files(arena, beside, suffix, &names, &n_names, &ignored) == ASSAY_OK) {
        const char *near = as_nearest_name(name, names, n_names);
        if (near && (size_t)n < sizeof text)
            snprintf(text + n, sizeof text - (size_t)n, "; did you mean \"%s\"?", near);
    }
    return assay_fail(error, ASSAY_NOT_FOUND, name, text);
}

assay_status as_find_suite_file(as_arena *arena, const char *relative, const char **ret_path,
                                assay_error *error) {
    const char *folders[MAX_FOLDERS];
    size_t n_folders;
    assay_status status = search_folders(arena, folders, &n_folders, error);
    if (status != ASSAY_OK)
        return status;
    for (size_t i = 0; i < n_folders; i++) {
        struct stat info;
        const char *path = join(arena, folders[i], relative);
        if (!path)
            return no_memory(error);
        if (stat(path, &info) == 0 && S_ISREG(info.st_mode)) {
            *ret_path = path;
            return ASSAY_OK;
        }
    }
    return fail_not_found(arena, relative, folders, n_folders, error);
}

/* `override`, $OWN, $XDG/assay, $HOME/BELOW: the first that is there. */
static assay_status user_folder(as_arena *arena, const char *override, const char *own_name,
                                const char *xdg_name, const char *below, const char **ret_path,
                                assay_error *error) {
    const char *own = getenv(own_name), *xdg = getenv(xdg_name), *home = getenv("HOME");
    char *path;
    if (override && *override)
        path = as_arena_strdup(arena, override);
    else if (own && *own)
        path = as_arena_strdup(arena, own);
    else if (xdg && xdg[0] == '/') /* the XDG specification ignores relative ones */
        path = join(arena, xdg, "assay");
    else if (home && *home)
        path = join(arena, home, below);
    else
        return as_fail(error, ASSAY_NOT_FOUND, own_name,
                       "is not set, nor %s, nor HOME; set one or give a path", xdg_name);
    if (!path)
        return no_memory(error);
    *ret_path = path;
    return ASSAY_OK;
}

assay_status as_data_folder(as_arena *arena, const char *override, const char **ret_path,
                            assay_error *error) {
    return user_folder(arena, override, "ASSAY_DATA_DIR", "XDG_DATA_HOME", ".local/share/assay",
                       ret_path, error);
}

assay_status as_cache_folder(as_arena *arena, const char *override, const char **ret_path,
                             assay_error *error) {
    return user_folder(arena, override, "ASSAY_CACHE_DIR", "XDG_CACHE_HOME", ".cache/assay",
                       ret_path, error);
}
