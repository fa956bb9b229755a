/* SPDX-License-Identifier: MIT */
/* Files of resources, by role. */
#include "data/resources/resources.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/json.h"
#include "base/paths.h"

/* Names that files of a role usually have, best first. */
static const struct role {
    const char *name, *files[3];
} roles[] = {{"vocabulary", {"vocab.txt", "tokenizer.json", NULL}},
             {"tokenizer", {"tokenizer.json", NULL, NULL}},
             {"tokenizer_config", {"tokenizer_config.json", NULL, NULL}},
             {"weights", {"model.safetensors", NULL, NULL}},
             {"config", {"config.json", NULL, NULL}}};

static assay_status no_memory(const char *where, assay_error *error) {
    return assay_fail(error, ASSAY_OUT_OF_MEMORY, where, "no memory to find the resource");
}

/* FOLDER/FILE, itself or compressed; *ret_path stays NULL when it is not there. */
static assay_status find_in_folder(as_arena *arena, const char *folder, const char *file,
                                   const char **ret_path, assay_error *error) {
    static const char *const compressions[] = {"", ".gz", ".xz", ".bz2", ".zst"};
    size_t n = strlen(folder) + strlen(file) + 8;
    char *path = as_arena_alloc(arena, n);
    if (!path)
        return no_memory(folder, error);
    for (size_t i = 0; i < sizeof compressions / sizeof compressions[0]; i++) {
        struct stat info;
        snprintf(path, n, "%s/%s%s", folder, file, compressions[i]);
        if (stat(path, &info) != 0 || !S_ISREG(info.st_mode))
            continue;
        *ret_path = path;
        break;
    }
    return ASSAY_OK;
}

/* The file of a role in a folder that no manifest describes. */
static assay_status find_usual(as_arena *arena, const char *folder, const char *role,
                               const char **ret_path, assay_error *error) {
    const char *found = NULL, *const *files = NULL;
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++)
        if (strcmp(roles[i].name, role) == 0)
            files = roles[i].files;
    for (; files && *files && !found; files++) {
        assay_status status = find_in_folder(arena, folder, *files, &found, error);
        if (status != ASSAY_OK)
            return status;
    }
    if (!files)
        return as_fail(error, ASSAY_NOT_FOUND, folder,
                       "is a folder; give the path of the file of %s itself", role);
    if (!found)
        return as_fail(error, ASSAY_NOT_FOUND, folder,
                       "the folder has no %s (vocab.txt, tokenizer.json, model.safetensors, "
                       "config.json, as Hugging Face calls them); give the file itself",
                       role);
    *ret_path = found;
    return ASSAY_OK;
}

/* Is the file a manifest? Other JSON files (tokenizer.json) are no error. */
static bool is_manifest(const char *path) {
    size_t n = strlen(path);
    json_t *json = NULL;
    assay_error ignored = ASSAY_ERROR_INIT;
    if (n < 5 || strcmp(path + n - 5, ".json") != 0 ||
        as_json_load(path, &json, &ignored) != ASSAY_OK)
        return false;
    bool is = json_object_get(json, "schema_version") && json_object_get(json, "kind");
    json_decref(json);
    return is;
}

/* Is it a path, rather than a resource's name? */
static bool is_path(as_arena *arena, const char *name) {
    char relative[512];
    const char *found;
    assay_error ignored = ASSAY_ERROR_INIT;
    if (strchr(name, '/'))
        return true;
    snprintf(relative, sizeof relative, "resources/%.400s.json", name);
    return as_find_suite_file(arena, relative, &found, &ignored) != ASSAY_OK &&
           as_path_exists(name);
}

static assay_status file_at_path(as_arena *arena, const char *path, const char *role,
                                 const char **ret_path, const char **ret_member,
                                 assay_error *error) {
    struct stat info;
    const char *found = NULL;
    if (stat(path, &info) != 0)
        return as_fail(error, ASSAY_NOT_FOUND, path, "cannot read the %s: %s", role,
                       strerror(errno));
    if (S_ISDIR(info.st_mode)) {
        assay_status status = find_usual(arena, path, role, &found, error);
        if (status != ASSAY_OK)
            return status;
    } else if (!S_ISREG(info.st_mode)) {
        return assay_fail(error, ASSAY_BAD_DATA, path, "is neither a file nor a folder");
    } else if (!(found = as_arena_strdup(arena, path))) {
        return no_memory(path, error);
    }
    *ret_path = found;
    *ret_member = NULL;
    return ASSAY_OK;
}

/* The file of a role below the place where the resource was found. */
static assay_status file_of_manifest(as_arena *arena, const as_manifest *manifest, const char *role,
                                     const char *data_dir, const char **ret_path,
                                     const char **ret_member, assay_error *error) {
    struct stat info;
    const char *path = NULL, *found = NULL;
    const char *file =
        as_arena_strdup(arena, json_string_value(json_object_get(manifest->files, role)));
    assay_status status = file ? as_manifest_locate(arena, manifest, NULL, data_dir, &path, error)
                               : no_memory(manifest->file, error);
    if (status != ASSAY_OK)
        return status;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        status = find_in_folder(arena, path, file, &found, error);
        if (status == ASSAY_OK && !found)
            status = as_fail(error, ASSAY_NOT_FOUND, path,
                             "the folder of \"%.80s\" has no %.200s; `assay data fetch %.80s` "
                             "completes it",
                             manifest->name, file, manifest->name);
        file = NULL;
    } else if (as_is_archive_name(path)) {
        found = as_arena_strdup(arena, path);
    } else if (json_object_size(manifest->files) > 1) {
        status = as_fail(error, ASSAY_BAD_DATA, path,
                         "is one file, but \"%.80s\" has %zu; expected a folder or archive",
                         manifest->name, json_object_size(manifest->files));
    } else {
        found = as_arena_strdup(arena, path);
        file = NULL;
    }
    if (status == ASSAY_OK && !found)
        return no_memory(path, error);
    if (status == ASSAY_OK) {
        *ret_path = found;
        *ret_member = file;
    }
    return status;
}

assay_status as_resource_file(as_arena *arena, const char *name_or_path, const char *kind,
                              const char *role, const char *data_dir, const char **ret_path,
                              const char **ret_member, assay_error *error) {
    as_manifest manifest;
    if (is_path(arena, name_or_path) && !is_manifest(name_or_path))
        return file_at_path(arena, name_or_path, role, ret_path, ret_member, error);
    assay_status status = as_manifest_load(arena, name_or_path, &manifest, error);
    if (status != ASSAY_OK)
        return status;
    if (json_object_get(manifest.files, role))
        status = file_of_manifest(arena, &manifest, role, data_dir, ret_path, ret_member, error);
    else
        status = as_fail(error, ASSAY_INVALID_ARGUMENT, name_or_path,
                         "is a resource of kind %s and has no %s; give one of kind %s, or a path",
                         manifest.kind, role, kind);
    as_manifest_done(&manifest);
    return status;
}
