/* SPDX-License-Identifier: MIT */
/* Needs a function that nobody provides: fails at load, not in the middle of a run. */
#include "assay/plugin.h"

ASSAY_EXPORT const assay_plugin *assay_plugin_query(const assay_host *host);
extern const assay_plugin *a_function_of_no_library(const assay_host *host);

const assay_plugin *assay_plugin_query(const assay_host *host) {
    return a_function_of_no_library(host);
}
