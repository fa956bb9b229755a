/* SPDX-License-Identifier: MIT */
/* Built against another major version, so that its query returns NULL. */
#include "assay/plugin.h"

ASSAY_EXPORT const assay_plugin *assay_plugin_query(const assay_host *host);

const assay_plugin *assay_plugin_query(const assay_host *host) {
    (void)host;
    return NULL;
}
