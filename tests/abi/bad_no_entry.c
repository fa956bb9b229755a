/* SPDX-License-Identifier: MIT */
/* A shared object without assay_plugin_query. */
#include "assay/plugin.h"

ASSAY_EXPORT const assay_plugin *another_query(const assay_host *host);

const assay_plugin *another_query(const assay_host *host) {
    (void)host;
    return NULL;
}
