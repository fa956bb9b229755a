/* SPDX-License-Identifier: MIT */
/* Where a resource's content lies on this machine: a path that was given; DATA_DIR/NAME, as a
 * folder or with an ending; DATA_DIR/FILE, as a source is called where it comes from; the sources'
 * own paths, whose SHA-256 is verified where stated. A folder that holds no more than the
 * resource's one file, as it was fetched, stands for that file. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/paths.h"
#include "data/resources/manifest.h"
#include "data/resources/resources.h"

static assay_status no_memory(const char *where, assay_error *error) {
    return assay_fail(error, ASSAY_OUT_OF_MEMORY, where, "no memory to find the resource");
}

static char *join(as_arena *arena, const char *folder, const char *name, const char *ending) {
    size_t n = strlen(folder) + strlen(name) + strlen(ending) + 2;
    char *path = as_arena_alloc(arena, n);
    if (path)
        snprintf(path, n, "%s/%s%s", folder, name, ending);
    return path;
}

static bool is_folder(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static bool is_file(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

static bool ends_in(const char *name, const char *ending) {
    size_t n = strlen(name), n_ending = strlen(ending);
    return n > n_ending && strcmp(name + n - n_ending, ending) == 0;
}

bool as_is_archive_name(const char *path) {
    static const char *const endings[] = {".zip",     ".tar",     ".tgz", ".tar.gz", ".tar.xz",
                                          ".tar.bz2", ".tar.zst", ".txz", ".tbz2"};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
        if (ends_in(path, endings[i]))
            return true;
    return false;
}

/* ---- the data folder --------------------------------------------------------------------------*/

/* The one source that has a file name, or NULL when there are none or several. */
static const as_source *only_file(const as_manifest *manifest) {
    const as_source *only = NULL;
    for (size_t i = 0; i < manifest->n_sources; i++) {
        if (!manifest->sources[i].file)
            continue;
        if (only)
            return NULL;
        only = &manifest->sources[i];
    }
    return only;
}

/* How many things a folder holds (2: or more), and the first one's name; hidden ones and what
 * fetching leaves on its way (data/fetch/fetch.h) do not count. */
static int count_content(const char *path, char first[NAME_MAX + 1]) {
    int n = 0;
    DIR *folder = opendir(path);
    if (!folder)
        return 0;
    for (struct dirent *entry; n < 2 && (entry = readdir(folder));) {
        const char *name = entry->d_name;
        if (name[0] == '.' || ends_in(name, ".part") || ends_in(name, ".validator") ||
            ends_in(name, ".rejected"))
            continue;
        if (++n == 1)
            snprintf(first, NAME_MAX + 1, "%s", name);
    }
    closedir(folder);
    return n;
}

/* What a folder of the resource stands for: its one file, or itself; *ret_path stays NULL when
 * there is nothing in it. */
static assay_status enter(as_arena *arena, const as_manifest *manifest, const char *folder,
                          const char **ret_path, assay_error *error) {
    const as_source *source = only_file(manifest);
    char first[NAME_MAX + 1] = "";
    int n = count_content(folder, first);
    const char *file = source ? join(arena, folder, source->file, "") : NULL;
    const char *archive = n == 1 && as_is_archive_name(first) ? join(arena, folder, first, "") : "";
    if ((source && !file) || !archive)
        return no_memory(folder, error);
    if (file && is_file(file))
        *ret_path = file;
    else if (is_file(archive))
        *ret_path = archive;
    else if (n || !manifest->n_sources)
        *ret_path = folder;
    return ASSAY_OK;
}

/* Looks for FOLDER/NAME with every ending; *ret_path stays NULL without any. */
static assay_status find_named(as_arena *arena, const as_manifest *manifest, const char *folder,
                               const char **ret_path, assay_error *error) {
    static const char *const endings[] = {".tar", ".tgz", ".zip",   ".txt",
                                          ".tsv", ".csv", ".jsonl", ""};
    static const char *const compressions[] = {"", ".gz", ".xz", ".bz2", ".zst"};
    char ending[16];
    const char *path = join(arena, folder, manifest->name, "");
    if (!path)
        return no_memory(folder, error);
    if (is_folder(path))
        return enter(arena, manifest, path, ret_path, error);
    if (is_file(path)) {
        *ret_path = path;
        return ASSAY_OK;
    }
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
        for (size_t k = 0; k < sizeof compressions / sizeof compressions[0]; k++) {
            snprintf(ending, sizeof ending, "%s%s", endings[i], compressions[k]);
            if (!(path = join(arena, folder, manifest->name, ending)))
                return no_memory(folder, error);
            if (!is_file(path))
                continue;
            *ret_path = path;
            return ASSAY_OK;
        }
    return ASSAY_OK;
}

static assay_status find_in_data_folder(as_arena *arena, const as_manifest *manifest,
                                        const char *folder, const char **ret_path,
                                        assay_error *error) {
    const as_source *source = only_file(manifest);
    assay_status status = find_named(arena, manifest, folder, ret_path, error);
    if (status != ASSAY_OK || *ret_path || !source)
        return status;
    const char *path = join(arena, folder, source->file, "");
    if (!path)
        return no_memory(folder, error);
    if (is_file(path))
        *ret_path = path;
    return ASSAY_OK;
}

/* ---- the sources' own paths -------------------------------------------------------------------*/

static assay_status verify(const as_source *source, assay_error *error) {
    as_sha256_hex found;
    if (!source->sha256 || is_folder(source->path))
        return ASSAY_OK;
    assay_status status = as_sha256_file(source->path, &found, error);
    if (status == ASSAY_OK && strcmp(found.text, source->sha256) != 0)
        status = as_fail(error, ASSAY_BAD_DATA, source->path,
                         "its SHA-256 is %s; the manifest wants %s: another version, or damaged",
                         found.text, source->sha256);
    return status;
}

static size_t folder_bytes(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) : 0;
}

/* One path is the source; several are files of the folder they lie in. All must be there, else
 * *ret_path stays NULL. */
static assay_status find_own(as_arena *arena, const as_manifest *manifest, const char **ret_path,
                             assay_error *error) {
    const char *first = NULL;
    size_t n = 0, n_folder = 0;
    for (size_t i = 0; i < manifest->n_sources; i++) {
        const as_source *source = &manifest->sources[i];
        if (!source->path)
            continue;
        if (!as_path_exists(source->path))
            return ASSAY_OK;
        if (++n == 1) {
            first = source->path;
            n_folder = folder_bytes(first);
        } else if (folder_bytes(source->path) != n_folder ||
                   memcmp(source->path, first, n_folder) != 0) {
            return as_fail(error, ASSAY_BAD_DATA, manifest->file,
                           "its sources lie in several folders (%.200s, %.200s); expected one",
                           first, source->path);
        }
    }
    for (size_t i = 0; i < manifest->n_sources; i++) {
        assay_status status =
            manifest->sources[i].path ? verify(&manifest->sources[i], error) : ASSAY_OK;
        if (status != ASSAY_OK)
            return status;
    }
    if (n > 1)
        first = n_folder ? as_arena_strndup(arena, first, n_folder) : ".";
    if (n && !first)
        return no_memory(manifest->file, error);
    *ret_path = first;
    return ASSAY_OK;
}

/* ---- all --------------------------------------------------------------------------------------*/

/* Adds to a text as much as fits. */
static void append(char *text, size_t size, const char *format, const char *a, const char *b) {
    size_t used = strlen(text);
    char piece[512];
    snprintf(piece, sizeof piece, format, a, b);
    snprintf(text + used, size - used, "%s", piece);
}

/* NOT_FOUND for a resource that `folder` (the data folder) does not have, with every way to get it.
 */
static assay_status fail_missing(as_arena *arena, const as_manifest *manifest, const char *folder,
                                 assay_error *error) {
    char text[sizeof error->text];
    const char *shipped = NULL, *url = NULL;
    char *relative = join(arena, "resources", manifest->name, ".json");
    assay_error ignored = ASSAY_ERROR_INIT;
    /* A manifest of one's own is fetched by its path. */
    bool by_name = relative &&
                   as_find_suite_file(arena, relative, &shipped, &ignored) == ASSAY_OK &&
                   strcmp(shipped, manifest->file) == 0;
    snprintf(text, sizeof text,
             "%s is not on this machine: looked for %.300s/%.100s (folder, archive or file)",
             strcmp(manifest->kind, "dataset") == 0 ? "the data set" : "the resource", folder,
             manifest->name);
    for (size_t i = 0; i < manifest->n_sources; i++)
        if (manifest->sources[i].path)
            append(text, sizeof text, ", %s%s", manifest->sources[i].path, "");
    for (size_t i = 0; i < manifest->n_sources; i++) {
        if (manifest->sources[i].package)
            append(text, sizeof text, "; apt-get install %s brings it%s",
                   manifest->sources[i].package, "");
        url = url ? url : manifest->sources[i].url;
    }
    if (url)
        append(text, sizeof text, "; `assay data fetch %s` gets it from %s",
               by_name ? manifest->name : manifest->file, url);
    append(text, sizeof text, "; or give its place%s%s",
           strcmp(manifest->kind, "dataset") == 0 ? " as data.path" : "", "");
    return assay_fail(error, ASSAY_NOT_FOUND, manifest->name, text);
}

assay_status as_manifest_locate(as_arena *arena, const as_manifest *manifest, const char *path,
                                const char *data_dir, const char **ret_path, assay_error *error) {
    assay_error homeless = ASSAY_ERROR_INIT;
    const char *folder = NULL, *found = NULL;
    assay_status status;
    if (path) {
        struct stat info;
        if (stat(path, &info) != 0)
            return as_fail(error, ASSAY_NOT_FOUND, path, "cannot read data.path: %s",
                           strerror(errno));
        *ret_path = path;
        return ASSAY_OK;
    }
    /* Without any home there is no such folder, but the source may still have a place of its own.
     */
    status = as_data_folder(arena, data_dir, &folder, &homeless);
    if (status != ASSAY_OK && status != ASSAY_NOT_FOUND)
        return assay_fail(error, status, homeless.where, homeless.text);
    status = folder ? find_in_data_folder(arena, manifest, folder, &found, error) : ASSAY_OK;
    if (status == ASSAY_OK && !found)
        status = find_own(arena, manifest, &found, error);
    if (status != ASSAY_OK)
        return status;
    if (!found)
        return fail_missing(arena, manifest, folder ? folder : "$ASSAY_DATA_DIR", error);
    *ret_path = found;
    return ASSAY_OK;
}
