/* SPDX-License-Identifier: MIT */
/* Checks of what a plugin says about itself: versions first, then texts, option table and
 * interfaces. A descriptor is read no further than its struct_size allows, and no text or list of
 * it beyond a bound. Differences of the interface's version are ASSAY_ABI_MISMATCH, a descriptor
 * that contradicts assay/plugin.h or assay/options.h is ASSAY_BAD_DATA. */
#include <math.h>
#include <string.h>

#include "plugin/internal.h"

typedef struct check {
    const char *where;
    const assay_plugin *plugin;
    assay_error *error;
} check;

/* Bytes that every major version has: struct_size, abi_major, abi_minor. */
enum { VERSION_BYTES = 12 };

/* Integers of an option are doubles in the table: exact up to here. */
static const double largest_integer = 9007199254740992.0;

/* ---- texts ----------------------------------------------------------------------------------- */

/* Within the bound and without control characters, which would spoil tables and terminals. */
static bool text_ok(const char *text, size_t most) {
    size_t n = text ? strnlen(text, most + 1) : most + 1;
    for (size_t i = 0; i < n && n <= most; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return false;
    return n <= most;
}

static assay_status check_text(const check *c, const char *field, const char *text,
                               bool may_be_empty) {
    if (!text)
        return as_fail(c->error, ASSAY_BAD_DATA, c->where,
                       "%s of the descriptor is NULL; expected a text", field);
    if (!text_ok(text, AS_MAX_PLUGIN_TEXT))
        return as_fail(c->error, ASSAY_BAD_DATA, c->where,
                       "%s of the descriptor is over %d bytes long or has control characters",
                       field, AS_MAX_PLUGIN_TEXT);
    if (!may_be_empty && !*text)
        return as_fail(c->error, ASSAY_BAD_DATA, c->where,
                       "%s of the descriptor is empty; expected a text", field);
    return ASSAY_OK;
}

static assay_status check_texts(const check *c, const char *id) {
    const assay_plugin *p = c->plugin;
    assay_status status = check_text(c, "id", p->id, false);
    if (status == ASSAY_OK && !as_plugin_id_valid(p->id))
        status = as_fail(c->error, ASSAY_BAD_DATA, c->where,
                         "id '%.80s'; expected a lower-case letter, then [a-z0-9_], at most %d",
                         p->id, AS_MAX_PLUGIN_ID);
    if (status == ASSAY_OK && strcmp(p->id, id) != 0)
        status = as_fail(c->error, ASSAY_BAD_DATA, c->where,
                         "the plugin calls itself '%s'; rename the file to %s.so or change its id",
                         p->id, p->id);
    if (status == ASSAY_OK)
        status = check_text(c, "version", p->version, false);
    if (status == ASSAY_OK)
        status = check_text(c, "license", p->license, false);
    if (status == ASSAY_OK)
        status = check_text(c, "summary", p->summary, true);
    if (status == ASSAY_OK)
        status = check_text(c, "build", p->build, true);
    return status;
}

/* ---- versions -------------------------------------------------------------------------------- */

static assay_status check_versions(const check *c, int32_t kind) {
    const assay_plugin *p = c->plugin;
    if (p->struct_size < VERSION_BYTES)
        return as_fail(c->error, ASSAY_ABI_MISMATCH, c->where,
                       "descriptor of %u bytes; expected %zu: set struct_size to "
                       "sizeof(assay_plugin)",
                       p->struct_size, sizeof *p);
    if (p->abi_major != ASSAY_ABI_MAJOR)
        return as_fail(c->error, ASSAY_ABI_MISMATCH, c->where,
                       "built for interface version %u.x; this host has %d.%d: rebuild the plugin "
                       "with this host's headers",
                       p->abi_major, ASSAY_ABI_MAJOR, ASSAY_ABI_MINOR);
    if (p->abi_minor > ASSAY_ABI_MINOR)
        return as_fail(c->error, ASSAY_ABI_MISMATCH, c->where,
                       "needs interface version %u.%u; this host has %d.%d: use a newer host",
                       p->abi_major, p->abi_minor, ASSAY_ABI_MAJOR, ASSAY_ABI_MINOR);
    if (p->struct_size < sizeof *p)
        return as_fail(c->error, ASSAY_ABI_MISMATCH, c->where,
                       "descriptor of %u bytes; expected at least %zu: set struct_size to "
                       "sizeof(assay_plugin)",
                       p->struct_size, sizeof *p);
    if (p->kind != kind)
        return as_fail(c->error, ASSAY_ABI_MISMATCH, c->where,
                       "its kind is %d (%s); expected %d (%s)", (int)p->kind,
                       as_plugin_kind_name(p->kind), (int)kind, as_plugin_kind_name(kind));
    return ASSAY_OK;
}

/* ---- option table ---------------------------------------------------------------------------- */

static bool option_name_valid(const char *name) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
    static const char all[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
    size_t n = name ? strnlen(name, AS_MAX_PLUGIN_ID + 1) : 0;
    return n >= 1 && n <= AS_MAX_PLUGIN_ID && strchr(letters, name[0]) && strspn(name, all) == n;
}

static bool is_integer(double x) {
    return fabs(x) <= largest_integer && x == nearbyint(x);
}

/* Number of choices, or 0 where the list is bad. */
static size_t count_choices(const char *const *choices) {
    size_t n = 0;
    while (choices && n <= AS_MAX_CHOICES && choices[n]) {
        if (!choices[n][0] || !text_ok(choices[n], AS_MAX_PLUGIN_ID))
            return 0;
        n++;
    }
    return n <= AS_MAX_CHOICES ? n : 0;
}

/* NULL, or what is wrong with kind, default and range of an option. */
static const char *option_values_fault(const assay_option *o) {
    double value = o->default_value;
    if (o->kind != ASSAY_OPTION_KIND_CHOICE && o->choices)
        return "choices are for choice options only; expected NULL";
    switch (o->kind) {
    case ASSAY_OPTION_KIND_INT:
        if (!is_integer(value) || !is_integer(o->minimum) || !is_integer(o->maximum))
            return "default, minimum and maximum of an integer must be integers up to 2^53";
        return value >= o->minimum && value <= o->maximum ? NULL
                                                          : "the default is outside the range";
    case ASSAY_OPTION_KIND_REAL:
        if (!isfinite(value) || isnan(o->minimum) || isnan(o->maximum))
            return "the default must be finite, minimum and maximum must be numbers";
        return value >= o->minimum && value <= o->maximum ? NULL
                                                          : "the default is outside the range";
    case ASSAY_OPTION_KIND_TEXT:
        if (!is_integer(o->minimum) || !is_integer(o->maximum) || o->minimum < 0 ||
            o->maximum < 1 || o->maximum > ASSAY_OPTION_TEXT_MOST || o->minimum > o->maximum)
            return "minimum and maximum of a text are lengths from 0 to 4096 bytes";
        return value == 0 ? NULL : "the default of a text is the empty one; expected 0";
    case ASSAY_OPTION_KIND_BOOL:
        return value == 0 || value == 1 ? NULL : "the default of a boolean must be 0 or 1";
    case ASSAY_OPTION_KIND_CHOICE: {
        size_t n = count_choices(o->choices);
        if (n == 0)
            return "choices must be 1 to 64 non-empty names of at most 64 bytes, then NULL";
        return is_integer(value) && value >= 0 && value < (double)n
                   ? NULL
                   : "the default of a choice must be an index into choices";
    }
    default:
        return "unknown kind; expected an ASSAY_OPTION_KIND_* constant";
    }
}

/* NULL, or what is wrong with where option i lies, alone and against the rows before it. */
static const char *option_place_fault(const assay_plugin *p, uint64_t i) {
    const assay_option *o = &p->options[i];
    if (o->offset % 8 != 0)
        return "the offset is no multiple of 8; every field has eight bytes";
    if (p->options_size < 8 || o->offset > p->options_size - 8)
        return "the offset lies outside options_size";
    for (uint64_t k = 0; k < i; k++) {
        if (strcmp(p->options[k].name, o->name) == 0)
            return "the name is taken by an earlier option";
        if (p->options[k].offset == o->offset)
            return "the offset is taken by an earlier option";
    }
    return NULL;
}

static assay_status check_option(const check *c, uint64_t i) {
    const assay_option *o = &c->plugin->options[i];
    const char *fault = NULL;
    bool named = false;
    if (o->struct_size != sizeof *o)
        fault = "struct_size is not sizeof(assay_option); rebuild with this host's headers";
    else if (!option_name_valid(o->name))
        fault = "the name must be an identifier of at most 64 characters";
    else if (!text_ok(o->meaning, AS_MAX_PLUGIN_TEXT))
        fault = "the meaning is NULL, over 1024 bytes long or has control characters";
    else {
        named = true;
        fault = option_place_fault(c->plugin, i);
        if (!fault)
            fault = option_values_fault(o);
    }
    if (!fault)
        return ASSAY_OK;
    return as_fail(c->error, ASSAY_BAD_DATA, c->where, "option %llu (%s): %s",
                   (unsigned long long)i, named ? o->name : "?", fault);
}

static assay_status check_options(const check *c) {
    const assay_plugin *p = c->plugin;
    assay_status status = ASSAY_OK;
    if (p->n_options > AS_MAX_OPTIONS || (p->n_options && !p->options))
        return as_fail(
            c->error, ASSAY_BAD_DATA, c->where, "%llu options%s; expected a table of at most %d",
            (unsigned long long)p->n_options, p->options ? "" : " at NULL", AS_MAX_OPTIONS);
    if (p->options_size > AS_MAX_OPTIONS_BYTES)
        return as_fail(c->error, ASSAY_BAD_DATA, c->where,
                       "options_size %llu; expected at most %d bytes",
                       (unsigned long long)p->options_size, AS_MAX_OPTIONS_BYTES);
    for (uint64_t i = 0; status == ASSAY_OK && i < p->n_options; i++)
        status = check_option(c, i);
    return status;
}

/* ---- interfaces ------------------------------------------------------------------------------ */

static assay_status bad_interface(const check *c, const char *name, const char *fault) {
    return as_fail(c->error, ASSAY_ABI_MISMATCH, c->where, "interface %s: %s", name, fault);
}

static assay_status check_graph_model(const check *c, const assay_model_graph *model) {
    if (model->struct_size < sizeof *model)
        return bad_interface(c, ASSAY_MODEL_GRAPH, "struct_size is too small");
    if (!model->build)
        return bad_interface(c, ASSAY_MODEL_GRAPH, "build is NULL");
    return ASSAY_OK;
}

static assay_status check_opaque_model(const check *c, const assay_model_opaque *model) {
    if (model->struct_size < sizeof *model)
        return bad_interface(c, ASSAY_MODEL_OPAQUE, "struct_size is too small");
    if (!model->create || !model->train_step || !model->predict || !model->n_parameters ||
        !model->destroy)
        return bad_interface(c, ASSAY_MODEL_OPAQUE,
                             "a function other than keep and restore is "
                             "NULL");
    if (!model->keep != !model->restore)
        return bad_interface(c, ASSAY_MODEL_OPAQUE, "keep and restore come together or not at all");
    return ASSAY_OK;
}

static assay_status check_model(const check *c) {
    const void *graph = c->plugin->get_interface(ASSAY_MODEL_GRAPH);
    const void *opaque = c->plugin->get_interface(ASSAY_MODEL_OPAQUE);
    if (!graph == !opaque)
        return as_fail(c->error, ASSAY_ABI_MISMATCH, c->where,
                       "get_interface offers %s; expected exactly one of %s and %s",
                       graph ? "both" : "none", ASSAY_MODEL_GRAPH, ASSAY_MODEL_OPAQUE);
    return graph ? check_graph_model(c, graph) : check_opaque_model(c, opaque);
}

/* Backends must match the host's build exactly until assay/backend.h is stable. */
static assay_status check_backend(const check *c) {
    const assay_backend *b = c->plugin->get_interface(ASSAY_BACKEND);
    if (!b)
        return bad_interface(c, ASSAY_BACKEND, "get_interface returns NULL");
    if (b->struct_size != sizeof *b)
        return bad_interface(c, ASSAY_BACKEND,
                             "struct_size is not sizeof(assay_backend); rebuild the backend with "
                             "this host's headers");
    if (!b->libraries || !b->open || !b->close || !b->supports || !b->session_create ||
        !b->session_free || !b->upload || !b->download || !b->compile || !b->compile_update ||
        !b->plan_free || !b->run || !b->sync || !b->read || !b->read_grad_norm || !b->memory)
        return bad_interface(c, ASSAY_BACKEND, "a function is NULL; all are needed");
    return ASSAY_OK;
}

assay_status as_plugin_check(assay_plugin_query_fn query, int32_t kind, const char *where,
                             const char *id, const assay_plugin **ret_descriptor,
                             assay_error *error) {
    const assay_host host = {.struct_size = sizeof host,
                             .abi_major = ASSAY_ABI_MAJOR,
                             .abi_minor = ASSAY_ABI_MINOR,
                             .version = AS_VERSION};
    check c = {.where = where, .plugin = query(&host), .error = error};
    if (!c.plugin)
        return as_fail(error, ASSAY_ABI_MISMATCH, where,
                       "refuses this host's interface version %d.%d; rebuild the plugin with this "
                       "host's headers",
                       ASSAY_ABI_MAJOR, ASSAY_ABI_MINOR);
    assay_status status = check_versions(&c, kind);
    if (status == ASSAY_OK)
        status = check_texts(&c, id);
    if (status == ASSAY_OK)
        status = check_options(&c);
    if (status == ASSAY_OK && !c.plugin->get_interface)
        status = as_fail(error, ASSAY_BAD_DATA, where, "get_interface is NULL");
    if (status == ASSAY_OK)
        status = kind == ASSAY_PLUGIN_KIND_MODEL ? check_model(&c) : check_backend(&c);
    if (status == ASSAY_OK)
        *ret_descriptor = c.plugin;
    return status;
}
