/* SPDX-License-Identifier: MIT */
/* plugin/plugin.h: finding, loading and checking plugins, and filling their option structs.
 *
 * Search order for a plugin id: static twins linked into this program; the folders of
 * ASSAY_PLUGIN_PATH (colon-separated), each itself and then its models/ or backends/; beside the
 * program (EXE/plugins/models/gru.so, the build folder); the installed ones (EXE/../LIBDIR/assay/
 * models/gru.so). The first file found decides. A name with a slash is a path.
 */
#ifndef AS_PLUGIN_PLUGIN_H
#define AS_PLUGIN_PLUGIN_H

#include <stdbool.h>

#include "assay/backend.h"
#include "assay/model.h"
#include "base/arena.h"

typedef struct as_plugin {
    const assay_plugin *descriptor;
    const char *path; /* "" for a static twin */
} as_plugin;

/* [main] Loads and checks one plugin: shared object, entry point, major version, kind, descriptor
 * sizes, option table, interface. Errors say what differed and what to do; unknown ids suggest the
 * nearest name. Loading the same plugin twice gives the same descriptor. `path` lives in `arena`.
 * ASSAY_NOT_FOUND, ASSAY_BAD_DATA (no shared object, bad descriptor or option table),
 * ASSAY_ABI_MISMATCH (entry point, version, size, kind or interface), ASSAY_INVALID_ARGUMENT (a
 * path that is no ID.so). */
ASSAY_MUST_USE assay_status as_plugin_load(as_arena *arena, int32_t kind, const char *id_or_path,
                                           as_plugin *ret_plugin, assay_error *error);

/* [any] [a-z][a-z0-9_]*, at most AS_MAX_PLUGIN_ID characters. */
enum { AS_MAX_PLUGIN_ID = 64 };
bool as_plugin_id_valid(const char *id);

/* [main] Every id that can be found for a kind, sorted, without loading anything (file names and
 * static twins). A file in a folder of ASSAY_PLUGIN_PATH itself is listed for both kinds: only
 * loading tells its kind. */
ASSAY_MUST_USE assay_status as_plugin_list(as_arena *arena, int32_t kind,
                                           const char *const **ret_ids, size_t *ret_n,
                                           assay_error *error);

/* [main] Its graph or opaque interface; exactly one of the two is non-NULL on success. */
ASSAY_MUST_USE assay_status as_plugin_model(const as_plugin *plugin,
                                            const assay_model_graph **ret_graph,
                                            const assay_model_opaque **ret_opaque,
                                            assay_error *error);
ASSAY_MUST_USE assay_status as_plugin_backend(const as_plugin *plugin,
                                              const assay_backend **ret_backend,
                                              assay_error *error);

/* One option as a suite or command line gives it, already a JSON scalar. */
typedef struct as_option_value {
    const char *name;
    enum { AS_OPTION_NUMBER, AS_OPTION_BOOL, AS_OPTION_TEXT } kind;
    double number;    /* NUMBER, BOOL */
    const char *text; /* TEXT */
} as_option_value;

/* [main] Fills a zeroed struct of descriptor->options_size bytes with the defaults, then the
 * values, the last one of a name; type, range and choice are checked (ASSAY_INVALID_ARGUMENT).
 * Texts are copied into `arena`, like the struct.
 * `where` prefixes errors ("entries[1] (gru).options"). */
ASSAY_MUST_USE assay_status as_options_fill(as_arena *arena, const assay_plugin *descriptor,
                                            const as_option_value *values, size_t n_values,
                                            const char *where, void **ret_options,
                                            assay_error *error);

/* [any] An option's value in a filled struct, as text ("64", "0.1", "true", "mean"). */
void as_option_text(const assay_option *option, const void *options, char *text, size_t size);

#endif
