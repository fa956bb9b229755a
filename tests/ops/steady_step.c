/* SPDX-License-Identifier: MIT */
/* steady_step.c: a steady step (same plans, again) takes no memory and builds nothing. After some
 * warm-up, prediction, accumulation and update of a built-in model on shapes that repeat
 *
 *     - call no function that takes or gives back memory: malloc, calloc, realloc, free, the
 *       aligned forms, mmap, mremap, munmap, brk and sbrk;
 *     - create no oneDNN primitive, descriptor or memory object;
 *     - leave the memory in use the same to the byte, and the process as large as it was.
 *
 *     steady_step BACKEND [bf16] [--threads N]
 *
 * Libraries are held to the same, but for one thing: dnnl_primitive_execute keeps its arguments in
 * a map (std::unordered_map), whose nodes and table it takes and gives back within the call. These
 * must be the only calls: each from a library, below LARGEST_NODE bytes, freed in the same step,
 * at most NODES_PER_CALL of them for each primitive that is executed.
 *
 * This program's definitions stand before the C library's for every shared object it loads; they
 * count by caller and pass on to glibc's own names. Not built with sanitizers, which do the same.
 */
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "graph/graph.h"
#include "harness.h"

enum { LARGEST_NODE = 256, NODES_PER_CALL = 8 };

typedef struct counts {
    long own;         /* taken or given back by the plugin or this program */
    long library;     /* taken by lib*.so */
    long freed;       /* given back by lib*.so */
    long library_big; /* taken by lib*.so, LARGEST_NODE bytes or more */
    long pages;       /* mmap, mremap, munmap, brk, sbrk by anybody */
    long built, executed;
} counts;

static atomic_long n_own, n_library, n_freed, n_library_big, n_pages, n_built, n_executed;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *memory);
/* Declared by malloc.h and stdlib.h under other feature macros only. */
void *memalign(size_t alignment, size_t size);

static bool is_library(const void *caller) {
    Dl_info info;
    const char *slash = dladdr(caller, &info) ? strrchr(info.dli_fname, '/') : NULL;
    return slash && strncmp(slash, "/lib", 4) == 0;
}

static void count(const void *caller, size_t size) {
    if (!is_library(caller)) {
        n_own++;
        return;
    }
    n_library++;
    if (size >= LARGEST_NODE)
        n_library_big++;
}

#define CALLER __builtin_return_address(0)

ASSAY_EXPORT void *malloc(size_t size) {
    count(CALLER, size);
    return __libc_malloc(size);
}

ASSAY_EXPORT void *calloc(size_t n, size_t size) {
    count(CALLER, n * size);
    return __libc_calloc(n, size);
}

ASSAY_EXPORT void *realloc(void *memory, size_t size) {
    count(CALLER, size);
    return __libc_realloc(memory, size);
}

ASSAY_EXPORT void *aligned_alloc(size_t alignment, size_t size) {
    count(CALLER, size);
    return __libc_memalign(alignment, size);
}

ASSAY_EXPORT void *memalign(size_t alignment, size_t size) {
    count(CALLER, size);
    return __libc_memalign(alignment, size);
}

ASSAY_EXPORT int posix_memalign(void **ret_memory, size_t alignment, size_t size) {
    void *memory = __libc_memalign(alignment, size);
    count(CALLER, size);
    if (!memory)
        return ENOMEM;
    *ret_memory = memory;
    return 0;
}

ASSAY_EXPORT void free(void *memory) {
    if (memory && is_library(CALLER))
        n_freed++;
    else if (memory)
        n_own++;
    __libc_free(memory);
}

/* ---- pages; glibc's own calls for its heap don't come by here, mallinfo2 shows what they do ----
 */

/* Both names of 64-bit systems, whatever _FILE_OFFSET_BITS makes of the first. */
#define MAPPING(function, symbol)                                                                  \
    ASSAY_EXPORT void *function(void *address, size_t size, int protection, int flags, int file,   \
                                off64_t offset) __asm__(symbol);                                   \
    ASSAY_EXPORT void *function(void *address, size_t size, int protection, int flags, int file,   \
                                off64_t offset) {                                                  \
        n_pages++;                                                                                 \
        return (void *)syscall(SYS_mmap, address, size, protection, flags, file, offset);          \
    }

MAPPING(map_pages, "mmap")
MAPPING(map_pages64, "mmap64")

ASSAY_EXPORT int munmap(void *address, size_t size) {
    n_pages++;
    return (int)syscall(SYS_munmap, address, size);
}

ASSAY_EXPORT int brk(void *end) {
    n_pages++;
    return syscall(SYS_brk, end) == (long)end ? 0 : -1;
}

ASSAY_EXPORT void *mremap(void *address, size_t size, size_t new_size, int flags, ...) {
    va_list list;
    va_start(list, flags);
    void *target = flags & MREMAP_FIXED ? va_arg(list, void *) : NULL;
    va_end(list);
    n_pages++;
    return (void *)syscall(SYS_mremap, address, size, new_size, flags, target);
}

/* ---- oneDNN, where the backend loads it ---- */

/* The function of that name in what the caller is linked to: the plugin was loaded with local
 * scope, so RTLD_NEXT doesn't lead there. */
static void *next_of(const char *name, const void *caller) {
    void *found = dlsym(RTLD_NEXT, name), *handle;
    Dl_info info;
    if (found || !dladdr(caller, &info))
        return found;
    handle = dlopen(info.dli_fname, RTLD_NOLOAD | RTLD_LAZY);
    found = handle ? dlsym(handle, name) : NULL;
    if (!found)
        tap_bail("%s of %s was not found", name, info.dli_fname);
    return found;
}

/* Counts and passes on. dnnl_memory_create takes a descriptor by pointer in 2.x and 3.x. */
#define DNNL_FUNCTION(name, counter, parameters, arguments)                                        \
    int name parameters;                                                                           \
    ASSAY_EXPORT int name parameters {                                                             \
        static void *next;                                                                         \
        int(*function) parameters;                                                                 \
        counter++;                                                                                 \
        if (!next)                                                                                 \
            next = next_of(#name, CALLER);                                                         \
        memcpy(&function, &next, sizeof function);                                                 \
        return function arguments;                                                                 \
    }

DNNL_FUNCTION(dnnl_primitive_create, n_built, (void **primitive, const void *desc),
              (primitive, desc))
DNNL_FUNCTION(dnnl_memory_create, n_built,
              (void **memory, const void *desc, void *engine, void *handle),
              (memory, desc, engine, handle))
DNNL_FUNCTION(dnnl_primitive_execute, n_executed,
              (const void *primitive, void *stream, int n, const void *args),
              (primitive, stream, n, args))

static counts read_counts(void) {
    return (counts){n_own, n_library, n_freed, n_library_big, n_pages, n_built, n_executed};
}

/* ---- steps ---- */

static const int32_t lengths[] = {96, 24, 200, 1, 56, 144};
enum { N_ROWS = sizeof lengths / sizeof *lengths, N_IDS = 60, N_CLASSES = 4 };

typedef struct plans {
    assay_plan *forward, *accumulate, *update;
} plans;

static void train(runner *r, const plans *p, const assay_batch *batch, int64_t number) {
    assay_step step = make_step(1, (uint64_t)number, 1.0 / N_ROWS);
    step.step = number;
    step.learning_rate = 1e-3;
    runner_run(r, p->accumulate, batch, &step);
    runner_run(r, p->update, NULL, &step);
    runner_run(r, p->forward, batch, &step);
}

static void predict(runner *r, const plans *p, const assay_batch *batch, int64_t number) {
    assay_step step = make_step(0, (uint64_t)number, 1);
    runner_run(r, p->forward, batch, &step);
}

/* Bytes that are in use, and pages of the process. */
typedef struct footprint {
    size_t in_use, heap, mapped;
    long pages;
} footprint;

static footprint measure(void) {
    struct mallinfo2 info = mallinfo2();
    char text[64] = "";
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file || !fgets(text, sizeof text, file))
        tap_bail("/proc/self/statm cannot be read");
    (void)fclose(file);
    return (footprint){info.uordblks, info.arena, info.hblkhd, strtol(text, NULL, 10)};
}

typedef void (*step_fn)(runner *r, const plans *p, const assay_batch *batch, int64_t number);

/* Three steps on two batches in turn, after three such steps. */
static void check_steps(runner *r, const plans *p, const assay_batch *const *batches, step_fn step,
                        const char *id, const char *what) {
    for (int64_t i = 1; i <= 6; i++)
        step(r, p, batches[i % 2], i);
    (void)measure(); /* the C library's own first time */
    footprint before = measure();
    counts a = read_counts();
    for (int64_t i = 7; i <= 12; i++)
        step(r, p, batches[i % 2], i);
    counts b = read_counts();
    footprint after = measure();
    long nodes = b.library - a.library, executed = b.executed - a.executed;
    tap_ok(a.own > 0 && b.own == a.own && b.pages == a.pages && b.built == a.built,
           "%s, %s: %ld calls for memory, %ld for pages, %ld objects of oneDNN", id, what,
           b.own - a.own, b.pages - a.pages, b.built - a.built);
    tap_ok(nodes <= NODES_PER_CALL * executed && b.freed - a.freed == nodes &&
               b.library_big == a.library_big,
           "%s, %s: %ld primitives executed, their argument maps took %ld nodes and freed %ld, %ld "
           "of %d bytes or more",
           id, what, executed, nodes, b.freed - a.freed, b.library_big - a.library_big,
           (int)LARGEST_NODE);
    tap_ok(memcmp(&before, &after, sizeof before) == 0,
           "%s, %s: %ld bytes kept, %ld in the heap, %ld mapped, %ld pages", id, what,
           (long)after.in_use - (long)before.in_use, (long)after.heap - (long)before.heap,
           (long)after.mapped - (long)before.mapped, after.pages - before.pages);
}

typedef struct model_case {
    const char *id;
    as_option_value options[5];
    size_t n_options;
} model_case;

static void check_model(const assay_backend *backend, int32_t dtype, const model_case *c) {
    static const int32_t some[] = {4, 0, 3};
    as_arena *arena = as_arena_new();
    assay_error error = ASSAY_ERROR_INIT;
    assay_graph *graph = load_model(arena, c->id, c->options, c->n_options, N_IDS, N_CLASSES);
    runner r = runner_open(backend, dtype, as_graph_view(graph));
    assay_batch *whole = make_batch(arena, lengths, N_ROWS, N_IDS, N_CLASSES);
    const assay_batch *batches[] = {whole, pick_rows(arena, whole, some, 3)};
    assay_update_config config = usual_adamw;
    config.clip_norm = 1;
    plans p = {runner_compile(&r, ASSAY_PLAN_FORWARD, N_ROWS, whole->n_tokens),
               runner_compile(&r, ASSAY_PLAN_ACCUMULATE, N_ROWS, whole->n_tokens), NULL};
    require(backend->compile_update(r.session, &config, &p.update, &error), &error);
    runner_draw_parameters(&r, 1, 0);
    runner_zero_gradients(&r);
    check_steps(&r, &p, batches, train, c->id, "training");
    check_steps(&r, &p, batches, predict, c->id, "prediction");
    backend->plan_free(p.forward);
    backend->plan_free(p.accumulate);
    backend->plan_free(p.update);
    runner_close(&r);
    as_graph_free(graph);
    as_arena_free(arena);
}

int main(int argc, char **argv) {
    as_arena *plugins = as_arena_new();
    tap_init(&argc, argv);
    if (argc != 2 && argc != 3)
        tap_bail("usage: steady_step [--threads N] BACKEND [bf16]");
    const assay_backend *backend = load_backend(plugins, argv[1]);
    int32_t dtype = dtype_named(argc > 2 ? argv[2] : "f32");
    static const model_case cases[] = {
        {"gru", {OPTION("layers", 2)}, 1},
        {"lstm", {OPTION("layers", 1)}, 1},
        {"bilstm_attention", {OPTION("layers", 2)}, 1},
        {"rnn", {OPTION("layers", 1)}, 1},
        {"transformer", {OPTION("hidden", 48)}, 1},
        {"distilbert",
         {OPTION("layers", 2), OPTION("heads", 3), OPTION("dim", 24), OPTION("hidden_dim", 40),
          OPTION("positions", 512)},
         5},
    };
    bool offered = dtype_is_offered(backend, dtype);
    for (size_t i = 0; offered && i < sizeof cases / sizeof *cases; i++)
        check_model(backend, dtype, &cases[i]);
    as_arena_free(plugins);
    return tap_done();
}
