/* SPDX-License-Identifier: MIT */
/* assay/plugin.h: the one entry point of every plugin and the descriptor it returns.
 *
 * A plugin is a shared object that exports exactly one function, `assay_plugin_query`, without
 * side effects. The plugin never links to the host: what it needs is passed to it as tables.
 * Linked into a program (the static twin, for sanitizers and fuzzers) the same source exports
 * `assay_plugin_query_ID` instead; compile it with -DASSAY_STATIC_ID=ID.
 *
 * The host loads a plugin once (RTLD_NOW | RTLD_LOCAL) and never unloads it. */
#ifndef ASSAY_PLUGIN_H
#define ASSAY_PLUGIN_H

#include "assay/options.h"
#include "assay/status.h"
#include "assay/version.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    ASSAY_PLUGIN_KIND_MODEL = 1,
    ASSAY_PLUGIN_KIND_BACKEND = 2,
};

/* What the host tells a plugin at query time. */
typedef struct assay_host {
    uint32_t struct_size;
    uint32_t abi_major;
    uint32_t abi_minor;
    uint32_t reserved;
    const char *version; /* of the host program */
} assay_host;

ASSAY_STATIC_ASSERT(sizeof(assay_host) == 24, "assay_host layout is frozen");

/* The descriptor. Static storage; valid for the life of the process. */
typedef struct assay_plugin {
    uint32_t struct_size; /* sizeof(assay_plugin) */
    uint32_t abi_major;   /* ASSAY_ABI_MAJOR the plugin was built against */
    uint32_t abi_minor;   /* lowest minor it needs */
    int32_t kind;         /* ASSAY_PLUGIN_KIND_* */
    const char *id;       /* [a-z][a-z0-9_]*, at most 64 characters */
    const char *version;
    const char *license; /* SPDX expression */
    const char *summary; /* a few words for `assay list` */
    const char *build;   /* compiler and date-free build facts, may be "" */
    const assay_option *options;
    uint64_t n_options;
    uint64_t options_size; /* bytes of the struct the option offsets refer to */

    /* [any] Returns the interface of that name (ASSAY_MODEL_GRAPH, ASSAY_BACKEND, ...) or NULL. */
    const void *(*get_interface)(const char *name);

    /* [main of a child process] Can the plugin work on this machine? ASSAY_OK, or
     * ASSAY_UNAVAILABLE with the reason in `error` ("libcudnn.so.9 not found"). NULL: always. */
    assay_status (*probe)(assay_error *error);
} assay_plugin;

ASSAY_STATIC_ASSERT(offsetof(assay_plugin, id) == 16, "assay_plugin layout is frozen");
ASSAY_STATIC_ASSERT(offsetof(assay_plugin, get_interface) == 80, "assay_plugin layout is frozen");
ASSAY_STATIC_ASSERT(sizeof(assay_plugin) == 96, "assay_plugin layout is frozen");

/* [any] The entry point. Returns the descriptor, or NULL when the host's major is not its own. */
typedef const assay_plugin *(*assay_plugin_query_fn)(const assay_host *host);

#define ASSAY_CONCAT_(a, b) a##b
#define ASSAY_CONCAT(a, b) ASSAY_CONCAT_(a, b)
#ifdef ASSAY_STATIC_ID
#define ASSAY_PLUGIN_QUERY ASSAY_CONCAT(assay_plugin_query_, ASSAY_STATIC_ID)
#else
#define ASSAY_PLUGIN_QUERY assay_plugin_query
#endif

/* Defines the entry point of a plugin whose descriptor is `descriptor`. */
#define ASSAY_DEFINE_PLUGIN(descriptor)                                                            \
    ASSAY_EXPORT const assay_plugin *ASSAY_PLUGIN_QUERY(const assay_host *host);                   \
    const assay_plugin *ASSAY_PLUGIN_QUERY(const assay_host *host) {                               \
        return host->abi_major == ASSAY_ABI_MAJOR ? &(descriptor) : NULL;                          \
    }

#ifdef __cplusplus
}
#endif
#endif
