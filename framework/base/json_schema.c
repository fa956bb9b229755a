/* SPDX-License-Identifier: MIT */
/* JSON Schema 2020-12 (json-schema.org/draft/2020-12), the keywords listed in the header. Keywords
 * are a table; each checks one thing and applies to the types the standard says. */
#include "base/json_schema.h"

#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"
#include "base/json.h"

enum { MAX_NESTING = 256, MAX_FIELDS = 128 };

/* Where in the document a check stands: a chain of frames on the stack. */
typedef struct frame {
    const struct frame *parent;
    const char *key; /* NULL: array element `index`, or the root */
    size_t index;
    unsigned nesting;
} frame;

typedef struct checker {
    const json_t *root; /* schema, for $ref */
    const char *name;   /* of the document */
    assay_error *error;
} checker;

static assay_status check(const checker *c, const json_t *schema, const json_t *value,
                          const frame *at);

/* Writes /a/0/b with ~ and / escaped (RFC 6901); returns the end. */
static size_t put_pointer(char *out, size_t size, size_t used, const frame *at) {
    if (!at || !at->parent)
        return used;
    used = put_pointer(out, size, used, at->parent);
    if (!at->key) {
        int n = snprintf(out + used, size - used, "/%zu", at->index);
        return n < 0 || (size_t)n >= size - used ? size - 1 : used + (size_t)n;
    }
    if (used + 1 < size)
        out[used++] = '/';
    for (const char *p = at->key; *p; p++) {
        const char plain[2] = {*p, '\0'};
        const char *escaped = *p == '~' ? "~0" : *p == '/' ? "~1" : plain;
        for (; *escaped && used + 1 < size; escaped++)
            out[used++] = *escaped;
    }
    out[used] = '\0';
    return used;
}

static assay_status fail_at(const checker *c, const frame *at, const char *text) {
    char where[sizeof c->error->where];
    int n = snprintf(where, sizeof where, "%s%s", c->name, at->parent ? "#" : "");
    if (n > 0 && (size_t)n < sizeof where)
        put_pointer(where, sizeof where, (size_t)n, at);
    return assay_fail(c->error, ASSAY_BAD_DATA, where, text);
}

/* "found X (type); expected Y" */
static assay_status fail_expected(const checker *c, const frame *at, const json_t *value,
                                  const char *expected) {
    char found[96], text[sizeof c->error->text];
    as_json_describe(value, found, sizeof found);
    snprintf(text, sizeof text, "found %s (%s); expected %s", found, as_json_type_name(value),
             expected);
    return fail_at(c, at, text);
}

static assay_status bad_schema(const checker *c, const char *what, const char *detail) {
    return as_fail(c->error, ASSAY_INTERNAL, c->name, "its schema is wrong: %s \"%s\"", what,
                   detail ? detail : "");
}

/* ---- keywords: (checker, the keyword's value, the schema it stands in, document, place)
 * --------*/

static bool has_type(const json_t *value, const char *type) {
    if (strcmp(type, "number") == 0)
        return json_is_number(value);
    return strcmp(type, as_json_type_name(value)) == 0;
}

static assay_status key_type(const checker *c, const json_t *keyword, const json_t *schema,
                             const json_t *value, const frame *at) {
    char expected[128] = "";
    size_t used = 0, n = json_is_array(keyword) ? json_array_size(keyword) : 1;
    (void)schema;
    for (size_t i = 0; i < n; i++) {
        const char *type =
            json_string_value(json_is_array(keyword) ? json_array_get(keyword, i) : keyword);
        if (!type)
            return bad_schema(c, "a type that is no string in", "type");
        if (has_type(value, type))
            return ASSAY_OK;
        int more = snprintf(expected + used, sizeof expected - used, "%s%s", i ? " or " : "", type);
        used += more > 0 && (size_t)more < sizeof expected - used ? (size_t)more : 0;
    }
    return fail_expected(c, at, value, expected);
}

static assay_status key_enum(const checker *c, const json_t *keyword, const json_t *schema,
                             const json_t *value, const frame *at) {
    const char *names[MAX_FIELDS];
    char expected[640] = "one of ", item[64];
    size_t used = strlen(expected), n_names = 0, i;
    json_t *allowed;
    (void)schema;
    json_array_foreach(keyword, i, allowed) {
        if (json_equal(allowed, value))
            return ASSAY_OK;
        if (json_is_string(allowed) && n_names < MAX_FIELDS)
            names[n_names++] = json_string_value(allowed);
        as_json_describe(allowed, item, sizeof item);
        int more = snprintf(expected + used, sizeof expected - used, "%s%s", i ? ", " : "", item);
        used += more > 0 && (size_t)more < sizeof expected - used ? (size_t)more : 0;
    }
    const char *near =
        json_is_string(value) ? as_nearest_name(json_string_value(value), names, n_names) : NULL;
    if (near && used < sizeof expected)
        snprintf(expected + used, sizeof expected - used, "; did you mean \"%s\"?", near);
    return fail_expected(c, at, value, expected);
}

static assay_status key_const(const checker *c, const json_t *keyword, const json_t *schema,
                              const json_t *value, const frame *at) {
    char expected[96];
    (void)schema;
    if (json_equal(keyword, value))
        return ASSAY_OK;
    as_json_describe(keyword, expected, sizeof expected);
    return fail_expected(c, at, value, expected);
}

static assay_status bound(const checker *c, const json_t *value, const frame *at, bool holds,
                          const char *relation, double limit) {
    char expected[64];
    if (!json_is_number(value) || holds)
        return ASSAY_OK;
    snprintf(expected, sizeof expected, "a number %s %.15g", relation, limit);
    return fail_expected(c, at, value, expected);
}

static assay_status key_minimum(const checker *c, const json_t *keyword, const json_t *schema,
                                const json_t *value, const frame *at) {
    double limit = json_number_value(keyword);
    (void)schema;
    return bound(c, value, at, json_number_value(value) >= limit, "of at least", limit);
}

static assay_status key_maximum(const checker *c, const json_t *keyword, const json_t *schema,
                                const json_t *value, const frame *at) {
    double limit = json_number_value(keyword);
    (void)schema;
    return bound(c, value, at, json_number_value(value) <= limit, "of at most", limit);
}

static assay_status key_exclusive_minimum(const checker *c, const json_t *keyword,
                                          const json_t *schema, const json_t *value,
                                          const frame *at) {
    double limit = json_number_value(keyword);
    (void)schema;
    return bound(c, value, at, json_number_value(value) > limit, "greater than", limit);
}

static assay_status key_exclusive_maximum(const checker *c, const json_t *keyword,
                                          const json_t *schema, const json_t *value,
                                          const frame *at) {
    double limit = json_number_value(keyword);
    (void)schema;
    return bound(c, value, at, json_number_value(value) < limit, "less than", limit);
}

static json_int_t characters(const json_t *string) {
    json_int_t n = 0;
    for (const char *p = json_string_value(string); *p; p++)
        n += ((unsigned char)*p & 0xC0) != 0x80; /* characters, not bytes */
    return n;
}

static assay_status key_min_length(const checker *c, const json_t *keyword, const json_t *schema,
                                   const json_t *value, const frame *at) {
    char expected[64];
    json_int_t least = json_integer_value(keyword);
    (void)schema;
    if (!json_is_string(value) || characters(value) >= least)
        return ASSAY_OK;
    snprintf(expected, sizeof expected, "a string of at least %lld characters", (long long)least);
    return fail_expected(c, at, value, expected);
}

static assay_status key_max_length(const checker *c, const json_t *keyword, const json_t *schema,
                                   const json_t *value, const frame *at) {
    char expected[64];
    json_int_t most = json_integer_value(keyword);
    (void)schema;
    if (!json_is_string(value) || characters(value) <= most)
        return ASSAY_OK;
    snprintf(expected, sizeof expected, "a string of at most %lld characters", (long long)most);
    return fail_expected(c, at, value, expected);
}

static assay_status array_bound(const checker *c, const json_t *value, const frame *at, bool holds,
                                const char *relation, json_int_t limit) {
    char text[96];
    if (!json_is_array(value) || holds)
        return ASSAY_OK;
    snprintf(text, sizeof text, "found %zu items; expected %s %lld", json_array_size(value),
             relation, (long long)limit);
    return fail_at(c, at, text);
}

static assay_status key_min_items(const checker *c, const json_t *keyword, const json_t *schema,
                                  const json_t *value, const frame *at) {
    json_int_t limit = json_integer_value(keyword);
    (void)schema;
    return array_bound(c, value, at, (json_int_t)json_array_size(value) >= limit, "at least",
                       limit);
}

static assay_status key_max_items(const checker *c, const json_t *keyword, const json_t *schema,
                                  const json_t *value, const frame *at) {
    json_int_t limit = json_integer_value(keyword);
    (void)schema;
    return array_bound(c, value, at, (json_int_t)json_array_size(value) <= limit, "at most", limit);
}

static assay_status key_items(const checker *c, const json_t *keyword, const json_t *schema,
                              const json_t *value, const frame *at) {
    assay_status status = ASSAY_OK;
    json_t *item;
    size_t i;
    (void)schema;
    if (!json_is_array(value))
        return ASSAY_OK;
    json_array_foreach(value, i, item) {
        frame child = {at, NULL, i, at->nesting + 1};
        if ((status = check(c, keyword, item, &child)) != ASSAY_OK)
            break;
    }
    return status;
}

static assay_status key_required(const checker *c, const json_t *keyword, const json_t *schema,
                                 const json_t *value, const frame *at) {
    char text[160];
    json_t *name;
    size_t i;
    (void)schema;
    if (!json_is_object(value))
        return ASSAY_OK;
    json_array_foreach(keyword, i, name) {
        if (json_object_get(value, json_string_value(name)))
            continue;
        snprintf(text, sizeof text, "the field \"%s\" is missing; add it", json_string_value(name));
        return fail_at(c, at, text);
    }
    return ASSAY_OK;
}

static assay_status key_properties(const checker *c, const json_t *keyword, const json_t *schema,
                                   const json_t *value, const frame *at) {
    assay_status status = ASSAY_OK;
    const char *key;
    json_t *item;
    (void)schema;
    if (!json_is_object(value))
        return ASSAY_OK;
    json_object_foreach((json_t *)(uintptr_t)value, key, item) {
        const json_t *rule = json_object_get(keyword, key);
        frame child = {at, key, 0, at->nesting + 1};
        if (rule && (status = check(c, rule, item, &child)) != ASSAY_OK)
            break;
    }
    return status;
}

static assay_status unknown_field(const checker *c, const json_t *properties, const char *key,
                                  const frame *at) {
    const char *names[MAX_FIELDS], *name;
    char text[sizeof c->error->text];
    size_t n = 0;
    json_t *rule;
    json_object_foreach((json_t *)(uintptr_t)properties, name, rule) {
        if (n < MAX_FIELDS)
            names[n++] = name;
    }
    as_json_describe_unknown(key, names, n, text, sizeof text);
    return fail_at(c, at, text);
}

static assay_status key_additional(const checker *c, const json_t *keyword, const json_t *schema,
                                   const json_t *value, const frame *at) {
    const json_t *properties = json_object_get(schema, "properties");
    assay_status status = ASSAY_OK;
    const char *key;
    json_t *item;
    if (!json_is_object(value) || json_is_true(keyword))
        return ASSAY_OK;
    json_object_foreach((json_t *)(uintptr_t)value, key, item) {
        if (json_object_get(properties, key))
            continue;
        if (json_is_false(keyword))
            return unknown_field(c, properties, key, at);
        frame child = {at, key, 0, at->nesting + 1};
        if ((status = check(c, keyword, item, &child)) != ASSAY_OK)
            break;
    }
    return status;
}

static assay_status key_ref(const checker *c, const json_t *keyword, const json_t *schema,
                            const json_t *value, const frame *at) {
    static const char prefix[] = "#/$defs/";
    const char *target = json_string_value(keyword);
    frame deeper = *at;
    (void)schema;
    if (!target || strncmp(target, prefix, sizeof prefix - 1) != 0)
        return bad_schema(c, "a $ref that is not #/$defs/NAME:", target);
    const json_t *rule =
        json_object_get(json_object_get(c->root, "$defs"), target + sizeof prefix - 1);
    if (!rule)
        return bad_schema(c, "a $ref to nothing:", target);
    deeper.nesting++;
    return check(c, rule, value, &deeper);
}

/* A branch that is a reference, resolved one step; NULL for a bad one, which check reports. */
static const json_t *branch_rule(const checker *c, const json_t *branch) {
    const char *target = json_string_value(json_object_get(branch, "$ref"));
    if (!target)
        return branch;
    const char *name = strrchr(target, '/');
    return name ? json_object_get(json_object_get(c->root, "$defs"), name + 1) : NULL;
}

/* Among alternatives, the error of the one that was meant says most: the branch whose constant
 * property the document has ("kind": "words"), else the first of the document's type. NULL: none.
 * Where branches have constants under one key and the document another value, they go to
 * *ret_constants (a new list) and the key to *ret_key. */
static const json_t *meant_branch(const checker *c, const json_t *branches, const json_t *value,
                                  json_t **ret_constants, const char **ret_key) {
    const json_t *by_type = NULL, *rule;
    json_t *branch, *property, *constants = NULL;
    const char *key;
    size_t i;
    json_array_foreach(branches, i, branch) {
        rule = branch_rule(c, branch);
        const char *type = json_string_value(json_object_get(rule, "type"));
        if (!by_type && type && has_type(value, type))
            by_type = rule;
        json_object_foreach(json_object_get(rule, "properties"), key, property) {
            json_t *constant = json_object_get(property, "const");
            const json_t *found = json_object_get(value, key);
            if (constant && found && json_equal(constant, found)) {
                json_decref(constants);
                return branch;
            }
            if (!constant || !found || (constants && strcmp(key, *ret_key) != 0))
                continue;
            constants = constants ? constants : json_array();
            json_array_append(constants, constant); /* only a text: lacking memory it is shorter */
            *ret_key = key;
        }
    }
    *ret_constants = constants;
    return by_type;
}

/* None of the branches fits: says what is wrong with the one that was meant. */
static assay_status fail_alternatives(const checker *c, const json_t *branches, const json_t *value,
                                      const frame *at) {
    json_t *constants = NULL;
    const char *key = NULL;
    assay_status status;
    const json_t *meant = meant_branch(c, branches, value, &constants, &key);
    if (constants) {
        frame child = {at, key, 0, at->nesting + 1};
        status = key_enum(c, constants, NULL, json_object_get(value, key), &child);
    } else {
        status = meant ? check(c, meant, value, at)
                       : fail_expected(c, at, value, "one of the forms its schema allows");
    }
    json_decref(constants);
    return status;
}

static assay_status some_of(const checker *c, const json_t *branches, const json_t *value,
                            const frame *at, bool exactly_one) {
    size_t i, n_match = 0;
    frame deeper = *at;
    json_t *branch;
    deeper.nesting++;
    json_array_foreach(branches, i, branch) {
        assay_error ignored = ASSAY_ERROR_INIT;
        checker quiet = {c->root, c->name, &ignored};
        assay_status status = check(&quiet, branch, value, &deeper);
        if (status == ASSAY_INTERNAL)
            return assay_fail(c->error, status, ignored.where, ignored.text);
        n_match += status == ASSAY_OK;
    }
    if (n_match == 1 || (n_match > 1 && !exactly_one))
        return ASSAY_OK;
    if (n_match > 1)
        return fail_expected(c, at, value, "something that fits exactly one of its forms");
    return fail_alternatives(c, branches, value, &deeper);
}

static assay_status key_any_of(const checker *c, const json_t *keyword, const json_t *schema,
                               const json_t *value, const frame *at) {
    (void)schema;
    return some_of(c, keyword, value, at, false);
}

static assay_status key_one_of(const checker *c, const json_t *keyword, const json_t *schema,
                               const json_t *value, const frame *at) {
    (void)schema;
    return some_of(c, keyword, value, at, true);
}

/* What a keyword's value holds besides plain data: for the walk over the whole schema. */
enum { DATA, SCHEMA, SCHEMA_LIST, SCHEMA_MAP };

/* Type first, so that what follows reports on values of the right type; then the order in which
 * errors are most useful. A NULL check is an annotation. */
static const struct keyword {
    const char *name;
    assay_status (*check)(const checker *c, const json_t *keyword, const json_t *schema,
                          const json_t *value, const frame *at);
    int holds;
} keywords[] = {
    {"type", key_type, DATA},
    {"const", key_const, DATA},
    {"enum", key_enum, DATA},
    {"minimum", key_minimum, DATA},
    {"maximum", key_maximum, DATA},
    {"exclusiveMinimum", key_exclusive_minimum, DATA},
    {"exclusiveMaximum", key_exclusive_maximum, DATA},
    {"minLength", key_min_length, DATA},
    {"maxLength", key_max_length, DATA},
    {"minItems", key_min_items, DATA},
    {"maxItems", key_max_items, DATA},
    {"additionalProperties", key_additional, SCHEMA},
    {"required", key_required, DATA},
    {"properties", key_properties, SCHEMA_MAP},
    {"items", key_items, SCHEMA},
    {"$ref", key_ref, DATA},
    {"anyOf", key_any_of, SCHEMA_LIST},
    {"oneOf", key_one_of, SCHEMA_LIST},
    {"$defs", NULL, SCHEMA_MAP},
    {"$schema", NULL, DATA},
    {"$id", NULL, DATA},
    {"$comment", NULL, DATA},
    {"title", NULL, DATA},
    {"description", NULL, DATA},
    {"default", NULL, DATA},
    {"examples", NULL, DATA},
};
enum { N_KEYWORDS = sizeof keywords / sizeof keywords[0] };

static assay_status check(const checker *c, const json_t *schema, const json_t *value,
                          const frame *at) {
    assay_status status = ASSAY_OK;
    if (at->nesting > MAX_NESTING)
        return bad_schema(c, "it never ends at", "$ref");
    if (json_is_false(schema))
        return fail_at(c, at, "nothing is allowed here; remove it");
    for (size_t i = 0; i < N_KEYWORDS && status == ASSAY_OK; i++) {
        const json_t *keyword = json_object_get(schema, keywords[i].name);
        if (keyword && keywords[i].check)
            status = keywords[i].check(c, keyword, schema, value, at);
    }
    return status;
}

/* Every keyword anywhere in the schema must be known. The schema's depth is bounded by its reader.
 */
static assay_status check_keywords(const checker *c, const json_t *schema) {
    assay_status status = ASSAY_OK;
    const char *key, *inner;
    json_t *value, *item;
    size_t i, k;
    if (json_is_boolean(schema))
        return ASSAY_OK;
    if (!json_is_object(schema))
        return bad_schema(c, "a schema is an object, true or false, not",
                          as_json_type_name(schema));
    json_object_foreach((json_t *)(uintptr_t)schema, key, value) {
        for (k = 0; k < N_KEYWORDS && strcmp(keywords[k].name, key) != 0; k++)
            ;
        if (k == N_KEYWORDS)
            return bad_schema(c, "this validator does not know the keyword", key);
        if (keywords[k].holds == SCHEMA)
            status = check_keywords(c, value);
        else if (keywords[k].holds == SCHEMA_LIST)
            json_array_foreach(value, i, item) {
                if (status == ASSAY_OK)
                    status = check_keywords(c, item);
            }
        else if (keywords[k].holds == SCHEMA_MAP)
            json_object_foreach(value, inner, item) {
                if (status == ASSAY_OK)
                    status = check_keywords(c, item);
            }
        if (status != ASSAY_OK)
            return status;
    }
    return ASSAY_OK;
}

assay_status as_json_schema_check(const json_t *schema, const json_t *document,
                                  const char *document_name, assay_error *error) {
    assay_error scratch = ASSAY_ERROR_INIT;
    const checker c = {schema, document_name, error ? error : &scratch};
    const frame root = {NULL, NULL, 0, 0};
    assay_status status = check_keywords(&c, schema);
    return status == ASSAY_OK ? check(&c, schema, document, &root) : status;
}
