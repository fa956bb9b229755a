/* SPDX-License-Identifier: MIT */
/* The JSON Lines reader. The first byte chooses the options: bit 0 two text fields, 1 invalid bytes
 * are replaced, 2 a bound of 40 bytes. */
#include "fuzz_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    if (!n_bytes)
        return 0;
    json_t *reader = json_pack("{s:s, s:[s]}", "label", "label", "text", "text");
    if (bytes[0] & 1)
        json_array_append_new(json_object_get(reader, "text"), json_string("title"));
    if (bytes[0] & 2)
        json_object_set_new(reader, "invalid", json_string("replace"));
    fuzz_table("jsonl", &as_jsonl_format, reader, bytes[0] & 4 ? 40 : 1 << 16, bytes + 1,
               n_bytes - 1);
    return 0;
}
