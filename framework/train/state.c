/* SPDX-License-Identifier: MIT */
/* The file of a training state; its form stands in state.h. In reading order: collecting parts,
 * writing them, judging a file, reading it. */
#include "train/state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/sha256.h"

#define FORMAT "assay training state"
#define CHECKSUM "sha256"
enum { BLOCK = 4096 };

/* A tensor whose values lie in memory, or come from a source. */
typedef struct part {
    as_tensor_out tensor;
    const void *data; /* NULL: from the source, or there is nothing */
    bool is_map;      /* of a file */
    as_state_source source;
    void *context;
    int32_t state;
    uint32_t index;
} part;

struct as_state_parts {
    as_arena *arena; /* names and numbers */
    part *list;
    size_t n, room;
};

struct as_state {
    as_safetensors *file;
    const as_tensor *tensors; /* [n], the checksum's the last */
    size_t n;
    bool *was_read; /* [n] */
};

static assay_status no_memory(const char *where, assay_error *error) {
    return as_fail(error, ASSAY_OUT_OF_MEMORY, where, "no memory for a training state");
}

/* ---- parts ----------------------------------------------------------------------------------- */

assay_status as_state_parts_new(as_state_parts **ret_parts, assay_error *error) {
    as_state_parts *parts = calloc(1, sizeof *parts);
    if (!parts || !(parts->arena = as_arena_new())) {
        free(parts);
        return no_memory("training state", error);
    }
    *ret_parts = parts;
    return ASSAY_OK;
}

void as_state_parts_free(as_state_parts *parts) {
    if (!parts)
        return;
    for (size_t i = 0; i < parts->n; i++)
        if (parts->list[i].is_map && parts->list[i].data)
            munmap((void *)(uintptr_t)parts->list[i].data, (size_t)parts->list[i].tensor.dims[0]);
    as_arena_free(parts->arena);
    free(parts->list);
    free(parts);
}

static assay_status add(as_state_parts *parts, const part *one, assay_error *error) {
    if (parts->n == parts->room) {
        size_t room = parts->room ? 2 * parts->room : 64;
        part *list = realloc(parts->list, room * sizeof *list);
        if (!list)
            return no_memory(one->tensor.name, error);
        parts->list = list;
        parts->room = room;
    }
    char *name = as_arena_strdup(parts->arena, one->tensor.name);
    if (!name)
        return no_memory(one->tensor.name, error);
    parts->list[parts->n] = *one;
    parts->list[parts->n++].tensor.name = name;
    return ASSAY_OK;
}

static assay_status add_copy(as_state_parts *parts, const char *name, as_tensor_type type,
                             const void *values, size_t n, assay_error *error) {
    void *copy = as_arena_alloc_array(parts->arena, n, 8);
    if (!copy)
        return no_memory(name, error);
    memcpy(copy, values, n * 8);
    part one = {.tensor = {.name = name, .type = type, .rank = 1, .dims = {(int64_t)n}},
                .data = copy};
    return add(parts, &one, error);
}

assay_status as_state_add_f64(as_state_parts *parts, const char *name, const double *values,
                              size_t n, assay_error *error) {
    return add_copy(parts, name, AS_TENSOR_F64, values, n, error);
}

assay_status as_state_add_i64(as_state_parts *parts, const char *name, const int64_t *values,
                              size_t n, assay_error *error) {
    return add_copy(parts, name, AS_TENSOR_I64, values, n, error);
}

assay_status as_state_add_file(as_state_parts *parts, const char *name, const char *path,
                               assay_error *error) {
    struct stat info;
    void *map = NULL;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    bool there = descriptor >= 0 && fstat(descriptor, &info) == 0;
    size_t n = there ? (size_t)info.st_size : 0;
    if (n)
        map = mmap(NULL, n, PROT_READ, MAP_SHARED, descriptor, 0);
    if (!there || map == MAP_FAILED) {
        int code = errno;
        if (descriptor >= 0)
            close(descriptor);
        return as_fail(error, ASSAY_IO, path, "cannot be read: %s", strerror(code));
    }
    close(descriptor); /* the map stays */
    part one = {.tensor = {.name = name, .type = AS_TENSOR_U8, .rank = 1, .dims = {(int64_t)n}},
                .data = map,
                .is_map = true};
    assay_status status = add(parts, &one, error);
    if (status != ASSAY_OK && map)
        munmap(map, n);
    return status;
}

assay_status as_state_add_source(as_state_parts *parts, const as_tensor_out *tensor,
                                 as_state_source source, void *context, int32_t state,
                                 uint32_t index, assay_error *error) {
    part one = {
        .tensor = *tensor, .source = source, .context = context, .state = state, .index = index};
    return add(parts, &one, error);
}

/* ---- writing --------------------------------------------------------------------------------- */

struct as_state_sink {
    const as_state_parts *parts;
    as_tensor_type type; /* of the tensor at work */
    bool inexact;        /* a value of it was no F32 */
    FILE *stream;
    as_sha256 sum; /* of the data so far */
};

/* A tensor's name, type and shape are summed up before its data. */
static void sum_head(as_sha256 *sum, const char *name, as_tensor_type type, uint32_t rank,
                     const int64_t *dims) {
    const char *type_name = as_tensor_type_name(type);
    as_sha256_update(sum, name, strlen(name) + 1);
    as_sha256_update(sum, type_name, strlen(type_name) + 1);
    as_sha256_update(sum, &rank, sizeof rank);
    as_sha256_update(sum, dims, rank * sizeof *dims);
}

static void put_bytes(as_state_sink *sink, const void *bytes, size_t n) {
    if (n == 0)
        return;
    as_sha256_update(&sink->sum, bytes, n);
    fwrite(bytes, 1, n, sink->stream); /* errors surface in commit */
}

void as_state_put(as_state_sink *sink, const double *values, uint64_t n) {
    float block[BLOCK];
    if (sink->type == AS_TENSOR_F64) {
        put_bytes(sink, values, (size_t)n * sizeof *values);
        return;
    }
    for (uint64_t done = 0; done < n; done += BLOCK) {
        size_t size = n - done < BLOCK ? (size_t)(n - done) : BLOCK;
        bool inexact = false;
        for (size_t i = 0; i < size; i++) {
            block[i] = (float)values[done + i];
            inexact |= (double)block[i] != values[done + i] && !isnan(values[done + i]);
        }
        sink->inexact |= inexact;
        put_bytes(sink, block, size * sizeof *block);
    }
}

/* Part `index`, or, after the last of them, the checksum, which the file's order puts last too: U8
 * comes after F64, F32 and I64, and no name of a U8 part comes after it. */
static assay_status write_part(void *context, size_t index, uint64_t n_bytes, FILE *stream,
                               assay_error *error) {
    as_state_sink *sink = context;
    unsigned char digest[AS_SHA256_BYTES];
    sink->stream = stream;
    if (index == sink->parts->n) {
        as_sha256_final(&sink->sum, digest);
        fwrite(digest, 1, sizeof digest, stream);
        sink->sum = as_sha256_init(); /* for as_state_write to release */
        return ASSAY_OK;
    }
    const part *one = &sink->parts->list[index];
    sink->type = one->tensor.type;
    sum_head(&sink->sum, one->tensor.name, one->tensor.type, one->tensor.rank, one->tensor.dims);
    if (!one->source) {
        put_bytes(sink, one->data, (size_t)n_bytes);
        return ASSAY_OK;
    }
    assay_status status = one->source(one->context, one->state, one->index, sink, error);
    if (status == ASSAY_OK && sink->inexact)
        return as_fail(error, ASSAY_INTERNAL, one->tensor.name,
                       "has a value that F32 cannot hold: going on from it would not be exact");
    return status;
}

static json_t *metadata_of(const as_state_fact *facts, size_t n_facts) {
    char version[16];
    snprintf(version, sizeof version, "%d", AS_STATE_VERSION);
    json_t *metadata = json_pack("{s:s, s:s}", "format", FORMAT, "version", version);
    for (size_t i = 0; metadata && i < n_facts; i++)
        if (json_object_set_new(metadata, facts[i].name, json_string(facts[i].value)) != 0) {
            json_decref(metadata);
            return NULL;
        }
    return metadata;
}

assay_status as_state_write(const as_state_parts *parts, const char *path,
                            const as_state_fact *facts, size_t n_facts, assay_error *error) {
    as_tensor_out *tensors = calloc(parts->n + 1, sizeof *tensors);
    json_t *metadata = metadata_of(facts, n_facts);
    as_state_sink sink = {.parts = parts, .sum = as_sha256_init()};
    unsigned char unused[AS_SHA256_BYTES];
    assay_status status = tensors && metadata ? ASSAY_OK : no_memory(path, error);
    for (size_t i = 0; status == ASSAY_OK && i < parts->n; i++) {
        tensors[i] = parts->list[i].tensor;
        if (tensors[i].type == AS_TENSOR_U8 && strcmp(tensors[i].name, CHECKSUM) >= 0)
            status =
                as_fail(error, ASSAY_INVALID_ARGUMENT, tensors[i].name,
                        "would come after the checksum; its name must be before \"%s\"", CHECKSUM);
    }
    if (status == ASSAY_OK) {
        tensors[parts->n] = (as_tensor_out){
            .name = CHECKSUM, .type = AS_TENSOR_U8, .rank = 1, .dims = {AS_SHA256_BYTES}};
        status = as_safetensors_write_bytes(path, tensors, parts->n + 1, metadata, write_part,
                                            &sink, error);
    }
    as_sha256_final(&sink.sum, unused);
    json_decref(metadata);
    free(tensors);
    return status;
}

/* ---- judging a file -------------------------------------------------------------------------- */

static assay_status check_version(const as_safetensors *file, assay_error *error) {
    const char *format = as_safetensors_metadata(file, "format");
    const char *version = as_safetensors_metadata(file, "version");
    char expected[16], found[80];
    snprintf(expected, sizeof expected, "%d", AS_STATE_VERSION);
    if (!format || strcmp(format, FORMAT) != 0 || !version || strcmp(version, expected) == 0)
        return ASSAY_OK;
    as_where where = as_where_join(as_safetensors_path(file), ": ", "version");
    as_tensor_name_text(version, found, sizeof found);
    return as_fail(error, ASSAY_BAD_DATA, where.text,
                   "found %s; this assay reads \"%s\": go on with the assay that wrote it, or "
                   "remove the file to train anew",
                   found, expected);
}

assay_status as_state_check_version(const char *path, assay_error *error) {
    as_safetensors *file = NULL;
    assay_error ignored = ASSAY_ERROR_INIT;
    if (as_safetensors_open(path, &file, &ignored) != ASSAY_OK)
        return ASSAY_OK;
    assay_status status = check_version(file, error);
    as_safetensors_close(file);
    return status;
}

static bool is_intact(const as_state *state) {
    const as_tensor *last = state->n ? &state->tensors[state->n - 1] : NULL;
    unsigned char digest[AS_SHA256_BYTES];
    if (!last || strcmp(last->name, CHECKSUM) != 0 || last->type != AS_TENSOR_U8 ||
        last->n_bytes != sizeof digest)
        return false;
    as_sha256 sum = as_sha256_init();
    for (const as_tensor *tensor = state->tensors; tensor < last; tensor++) {
        sum_head(&sum, tensor->name, tensor->type, tensor->rank, tensor->dims);
        as_sha256_update(&sum, tensor->data, (size_t)tensor->n_bytes);
        as_tensor_release(state->file, tensor);
    }
    as_sha256_final(&sum, digest);
    return memcmp(digest, last->data, sizeof digest) == 0;
}

/* Says in ret_why what a state doesn't agree in; false: it does. */
static bool differs(const as_state *state, const as_state_fact *facts, size_t n_facts,
                    as_state_why *ret_why) {
    const char *format = as_safetensors_metadata(state->file, "format");
    if (!format || strcmp(format, FORMAT) != 0 ||
        !as_safetensors_metadata(state->file, "version")) {
        snprintf(ret_why->text, sizeof ret_why->text, "the file is no training state");
        return true;
    }
    for (size_t i = 0; i < n_facts; i++) {
        const char *found = as_safetensors_metadata(state->file, facts[i].name);
        char quoted[160];
        if (found && strcmp(found, facts[i].value) == 0)
            continue;
        as_tensor_name_text(found ? found : "", quoted, sizeof quoted);
        snprintf(ret_why->text, sizeof ret_why->text, "it is of another %s: found %s; now %.160s",
                 facts[i].name, quoted, facts[i].value);
        return true;
    }
    if (is_intact(state))
        return false;
    snprintf(ret_why->text, sizeof ret_why->text, "it is damaged: its checksum is wrong");
    return true;
}

assay_status as_state_open(const char *path, const as_state_fact *facts, size_t n_facts,
                           as_state **ret_state, as_state_why *ret_why, assay_error *error) {
    assay_error found = ASSAY_ERROR_INIT;
    as_safetensors *file = NULL;
    *ret_state = NULL;
    ret_why->text[0] = '\0';
    assay_status status = as_safetensors_open(path, &file, &found);
    if (status == ASSAY_OUT_OF_MEMORY)
        return assay_fail(error, status, found.where, found.text);
    if (status != ASSAY_OK) {
        if (status != ASSAY_NOT_FOUND)
            snprintf(ret_why->text, sizeof ret_why->text, "it is damaged: %.400s", found.text);
        return ASSAY_OK;
    }
    as_state *state = calloc(1, sizeof *state);
    if (!state) {
        as_safetensors_close(file);
        return no_memory(path, error);
    }
    state->file = file;
    state->tensors = as_safetensors_tensors(file, &state->n);
    state->was_read = calloc(state->n + 1, sizeof *state->was_read);
    status = state->was_read ? check_version(file, error) : no_memory(path, error);
    if (status != ASSAY_OK || differs(state, facts, n_facts, ret_why)) {
        as_state_close(state);
        return status;
    }
    state->was_read[state->n - 1] = true;
    *ret_state = state;
    return ASSAY_OK;
}

void as_state_close(as_state *state) {
    if (!state)
        return;
    as_safetensors_close(state->file);
    free(state->was_read);
    free(state);
}

/* ---- reading --------------------------------------------------------------------------------- */

static as_where where_tensor(const as_state *state, const char *name) {
    return as_where_join(as_safetensors_path(state->file), ": ", name);
}

static assay_status find(as_state *state, const char *name, as_tensor_type type,
                         const as_tensor **ret_tensor, assay_error *error) {
    const as_tensor *tensor = as_safetensors_find(state->file, name);
    as_where where = where_tensor(state, name);
    if (!tensor || tensor->type != type)
        return as_fail(error, ASSAY_BAD_DATA, where.text,
                       "found %s; expected a tensor of %s: remove the file to train anew",
                       tensor ? as_tensor_type_name(tensor->type) : "nothing",
                       as_tensor_type_name(type));
    state->was_read[tensor - state->tensors] = true;
    *ret_tensor = tensor;
    return ASSAY_OK;
}

static assay_status find_list(as_state *state, const char *name, as_tensor_type type, uint64_t n,
                              const as_tensor **ret_tensor, assay_error *error) {
    const as_tensor *tensor = NULL;
    assay_status status = find(state, name, type, &tensor, error);
    as_where where = where_tensor(state, name);
    if (status == ASSAY_OK && tensor->n_elements != n)
        return as_fail(error, ASSAY_BAD_DATA, where.text,
                       "found %" PRIu64 " values; expected %" PRIu64
                       ": remove the file to train anew",
                       tensor->n_elements, n);
    if (status == ASSAY_OK)
        *ret_tensor = tensor;
    return status;
}

assay_status as_state_read_f64(as_state *state, const char *name, double *values, uint64_t n,
                               assay_error *error) {
    const as_tensor *tensor = NULL;
    assay_status status = find_list(state, name, AS_TENSOR_F64, n, &tensor, error);
    if (status == ASSAY_OK)
        memcpy(values, tensor->data, (size_t)tensor->n_bytes);
    return status;
}

assay_status as_state_read_i64(as_state *state, const char *name, int64_t *values, uint64_t n,
                               assay_error *error) {
    const as_tensor *tensor = NULL;
    assay_status status = find_list(state, name, AS_TENSOR_I64, n, &tensor, error);
    if (status == ASSAY_OK)
        memcpy(values, tensor->data, (size_t)tensor->n_bytes);
    return status;
}

assay_status as_state_read_bytes(as_state *state, const char *name, const void **ret_bytes,
                                 size_t *ret_n, assay_error *error) {
    const as_tensor *tensor = NULL;
    assay_status status = find(state, name, AS_TENSOR_U8, &tensor, error);
    if (status != ASSAY_OK)
        return status;
    *ret_bytes = tensor->data;
    *ret_n = (size_t)tensor->n_bytes;
    return ASSAY_OK;
}

assay_status as_state_read_tensor(as_state *state, const as_tensor_out *expected, double *values,
                                  uint64_t n, assay_error *error) {
    const as_tensor *tensor = NULL;
    char found[128], wanted[128];
    assay_status status = find_list(state, expected->name, expected->type, n, &tensor, error);
    if (status != ASSAY_OK)
        return status;
    as_tensor_shape_text(tensor->dims, tensor->rank, found, sizeof found);
    as_tensor_shape_text(expected->dims, expected->rank, wanted, sizeof wanted);
    as_where where = where_tensor(state, expected->name);
    if (strcmp(found, wanted) != 0)
        return as_fail(error, ASSAY_BAD_DATA, where.text,
                       "found the shape %s; expected %s: remove the file to train anew", found,
                       wanted);
    status = as_tensor_read_f64(state->file, tensor, values, n, error);
    as_tensor_release(state->file, tensor);
    return status;
}

assay_status as_state_check_all_read(const as_state *state, assay_error *error) {
    for (size_t i = 0; i < state->n; i++) {
        as_where where = where_tensor(state, state->tensors[i].name);
        if (!state->was_read[i])
            return as_fail(error, ASSAY_BAD_DATA, where.text,
                           "is a tensor that this run has no use for: remove the file to train "
                           "anew");
    }
    return ASSAY_OK;
}

assay_status as_state_fail_value(const as_state *state, const char *name, int64_t value,
                                 int64_t low, int64_t high, assay_error *error) {
    as_where where = where_tensor(state, name);
    return as_fail(error, ASSAY_BAD_DATA, where.text,
                   "found %" PRId64 "; expected %" PRId64 " to %" PRId64
                   ": remove the file to train anew",
                   value, low, high);
}
