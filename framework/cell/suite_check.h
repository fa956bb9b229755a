/* SPDX-License-Identifier: MIT */
/* cell/suite_check.h: what an entry's weights say of its options, and what can be told of a suite
 * without its data. */
#ifndef AS_CELL_SUITE_CHECK_H
#define AS_CELL_SUITE_CHECK_H

#include "cell/suite.h"

/* [any] Where an entry's weights lie (entry->weights not NULL): a path as it is (a folder may hold
 * shards), a resource's name by its manifest. data_dir as in as_prepare. */
ASSAY_MUST_USE assay_status as_entry_weights_path(as_arena *arena, const as_entry *entry,
                                                  const char *data_dir, const char **ret_path,
                                                  assay_error *error);

/* [any] The entry's options; those that it leaves out and the config.json beside its weights has
 * are the latter's. A new object. Errors of the weights' files, or at "CONFIG.OPTION" for a value
 * that the model can't have. */
ASSAY_MUST_USE assay_status as_entry_options(as_arena *arena, const as_entry *entry,
                                             const assay_plugin *descriptor, const char *data_dir,
                                             json_t **ret_options, assay_error *error);

/* [any] Token weights that the suite gives and the model doesn't read would be a setting without
 * effect, and the other way round there is nothing to read: INVALID_ARGUMENT. */
ASSAY_MUST_USE assay_status as_entry_check_token_weights(const as_entry *entry,
                                                         const assay_graph_view *view,
                                                         assay_error *error);

/* [main] Builds every graph model as far as it can be told without data (the classes and words of
 * its weights, else 2 and 5,000), so that options which don't go together, more tokens than
 * positions, layers that a strategy wants and weights that don't fit are refused before anything
 * runs. Resources that are not on this machine are left to their cells. Runs plugin code: in a
 * process of its own. */
ASSAY_MUST_USE assay_status as_suite_check(const as_suite *suite, const char *data_dir,
                                           assay_error *error);

#endif
