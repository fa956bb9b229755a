/* SPDX-License-Identifier: MIT */
/* base/json_schema.h: checks a document against the part of JSON Schema 2020-12 that assay's own
 * schemas use: type (also lists), enum, const, required, properties, additionalProperties, items,
 * minItems, maxItems, minLength, maxLength, minimum, maximum, exclusiveMinimum, exclusiveMaximum,
 * anyOf, oneOf, $ref to "#/$defs/NAME". Annotations ($schema, $id, $defs, $comment, title,
 * description, default, examples) pass; any other keyword in a schema is ASSAY_INTERNAL, never
 * ignored. One difference: "integer" wants an integer as written (1000, not 1e3), since Jansson
 * keeps that distinction. */
#ifndef AS_BASE_JSON_SCHEMA_H
#define AS_BASE_JSON_SCHEMA_H

#include <jansson.h>

#include "assay/status.h"

/* [any] ASSAY_OK, or ASSAY_BAD_DATA with `where` = document_name#JSON-POINTER (RFC 6901), as
 * "quick.json#/entries/1/training", and a text that says what was found, what is expected and, for
 * an unknown field, the nearest known one. */
ASSAY_MUST_USE assay_status as_json_schema_check(const json_t *schema, const json_t *document,
                                                 const char *document_name, assay_error *error);

#endif
