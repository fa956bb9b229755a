/* SPDX-License-Identifier: MIT */
/* plugin/internal.h: what the files of plugin/ share. Nothing outside this folder includes it. */
#ifndef AS_PLUGIN_INTERNAL_H
#define AS_PLUGIN_INTERNAL_H

#include <stdbool.h>

#include "base/error.h"
#include "plugin/plugin.h"

enum {
    AS_MAX_PLUGIN_TEXT = 1024, /* version, license, summary, build, meaning */
    AS_MAX_OPTIONS = 256,
    AS_MAX_CHOICES = 64,
    AS_MAX_OPTIONS_BYTES = 64 * 1024,
};

/* ---- search.c ---- */

/* [any] "model" or "backend". */
const char *as_plugin_kind_name(int32_t kind);

/* [any] The id that a file name stands for ("dir/gru.so" gives "gru"); false when it stands for
 * none. */
bool as_plugin_file_id(const char *path, char ret_id[AS_MAX_PLUGIN_ID + 1]);

/* [main] Folders to look in for a kind, in order, not all of which need exist. */
ASSAY_MUST_USE assay_status as_plugin_folders(as_arena *arena, int32_t kind,
                                              const char *const **ret_folders, size_t *ret_n,
                                              assay_error *error);

/* A plugin linked into the program. */
typedef struct as_static_plugin {
    const char *id;
    assay_plugin_query_fn query;
} as_static_plugin;

/* [any] The static twins; may be none. */
size_t as_static_plugins(const as_static_plugin **ret_plugins);

/* ---- check.c ---- */

/* [main] Asks a plugin for its descriptor and checks all of it. `where` is the file or "built-in
 * ID", `id` what the descriptor must call itself. */
ASSAY_MUST_USE assay_status as_plugin_check(assay_plugin_query_fn query, int32_t kind,
                                            const char *where, const char *id,
                                            const assay_plugin **ret_descriptor,
                                            assay_error *error);

#endif
