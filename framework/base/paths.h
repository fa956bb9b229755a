/* SPDX-License-Identifier: MIT */
/* base/paths.h: where suites, manifests and schemas lie: the folders of ASSAY_SUITE_PATH (separated
 * by ':'), then the source tree this was built from, then the installed share folder. */
#ifndef AS_BASE_PATHS_H
#define AS_BASE_PATHS_H

#include <stdbool.h>
#include <stddef.h>

#include "assay/status.h"
#include "base/arena.h"

/* [any] Finds "resources/imdb.json", "schema/suite.schema.json", "quick.json", ... NOT_FOUND names
 * the folders searched and the nearest name that exists beside it. */
ASSAY_MUST_USE assay_status as_find_suite_file(as_arena *arena, const char *relative,
                                               const char **ret_path, assay_error *error);

/* [any] Names, without folder and `suffix`, of the regular files in all those folders' `folder`
 * ("" for suites themselves), sorted, each once. */
ASSAY_MUST_USE assay_status as_list_suite_files(as_arena *arena, const char *folder,
                                                const char *suffix, const char *const **ret_names,
                                                size_t *ret_n, assay_error *error);

/* [any] Root of a user's data sets: `override`, else $ASSAY_DATA_DIR, else $XDG_DATA_HOME/assay,
 * else ~/.local/share/assay. NULL override allowed. */
ASSAY_MUST_USE assay_status as_data_folder(as_arena *arena, const char *override,
                                           const char **ret_path, assay_error *error);

/* [any] Where what can be made again is kept: `override`, else $ASSAY_CACHE_DIR, else
 * $XDG_CACHE_HOME/assay, else ~/.cache/assay. NULL override allowed. NOT_FOUND without any. */
ASSAY_MUST_USE assay_status as_cache_folder(as_arena *arena, const char *override,
                                            const char **ret_path, assay_error *error);

#endif
