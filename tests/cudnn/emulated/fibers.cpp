// SPDX-License-Identifier: MIT
// fibers.cpp: runs the threads of a block as fibers that take turns at barriers.
//
// x86-64 only: a switch saves what the System V ABI has a callee keep. A barrier is passed when
// every fiber of its group (block or warp) that has not returned waits at it.
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "emulator.h"

emulated_dim emulated_thread, emulated_block, emulated_block_size, emulated_grid;
unsigned char *emulated_shared;
uint64_t emulated_slots[1024];

enum { READY, AT_WARP, AT_BLOCK, DONE };
enum { MOST_THREADS = 1024, STACK_BYTES = 128 << 10 };

struct fiber {
    void *stack_pointer;
    int state;
};

static fiber fibers[MOST_THREADS];
static unsigned char *stacks;
static void *scheduler;
static unsigned int current;
static void (*thread_body)(void *);
static void *thread_argument;

extern "C" void emulated_switch(void **save, void *load);
__asm__(".text\n"
        ".globl emulated_switch\n"
        ".hidden emulated_switch\n"
        "emulated_switch:\n"
        "push %rbp\n push %rbx\n push %r12\n push %r13\n push %r14\n push %r15\n"
        "mov %rsp, (%rdi)\n"
        "mov %rsi, %rsp\n"
        "pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbx\n pop %rbp\n"
        "ret\n");

static void wait_in(int state) {
    fibers[current].state = state;
    emulated_switch(&fibers[current].stack_pointer, scheduler);
}

void emulated_sync_block() {
    wait_in(AT_BLOCK);
}

void emulated_sync_warp() {
    wait_in(AT_WARP);
}

extern "C" void emulated_thread_main() {
    thread_body(thread_argument);
    wait_in(DONE);
    abort();
}

static void start(unsigned int t) {
    uintptr_t top = (uintptr_t)stacks + (uintptr_t)(t + 1) * STACK_BYTES;
    void **sp = (void **)(top & ~(uintptr_t)15);
    *--sp = nullptr; // where a caller's return address would be
    *--sp = (void *)emulated_thread_main;
    for (int i = 0; i < 6; i++)
        *--sp = nullptr;
    fibers[t] = {sp, READY};
}

// Lets fibers [begin, end) go on if all that are left wait for each other in `state`.
static bool release(unsigned int begin, unsigned int end, int state) {
    bool any = false;
    for (unsigned int t = begin; t < end; t++) {
        if (fibers[t].state != state && fibers[t].state != DONE)
            return false;
        any = any || fibers[t].state == state;
    }
    for (unsigned int t = begin; t < end; t++)
        if (fibers[t].state == state)
            fibers[t].state = READY;
    return any;
}

static void run_block(unsigned int n) {
    unsigned int left = n;
    for (unsigned int t = 0; t < n; t++)
        start(t);
    while (left > 0) {
        bool moved = false;
        for (unsigned int t = 0; t < n; t++) {
            if (fibers[t].state != READY)
                continue;
            moved = true;
            current = t;
            emulated_thread = {t, 0, 0};
            emulated_switch(&scheduler, fibers[t].stack_pointer);
            left -= fibers[t].state == DONE;
        }
        for (unsigned int t = 0; t < n; t += 32)
            moved = release(t, t + 32 < n ? t + 32 : n, AT_WARP) || moved;
        moved = release(0, n, AT_BLOCK) || moved;
        if (!moved && left > 0) {
            fprintf(stderr, "emulated GPU: the threads of a block wait for each other for ever\n");
            abort();
        }
    }
}

void emulated_run(emulated_dim grid, unsigned int threads, unsigned int shared,
                  void (*body)(void *), void *argument) {
    if (!stacks)
        stacks = (unsigned char *)mmap(nullptr, (size_t)MOST_THREADS * STACK_BYTES,
                                       PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stacks == MAP_FAILED || threads > MOST_THREADS)
        abort();
    unsigned char *room = (unsigned char *)aligned_alloc(64, (shared / 64 + 1) * 64);
    emulated_grid = grid;
    emulated_block_size = {threads, 1, 1};
    emulated_shared = room;
    thread_body = body;
    thread_argument = argument;
    for (unsigned int y = 0; y < grid.y; y++)
        for (unsigned int x = 0; x < grid.x; x++) {
            memset(room, 0xff, shared); // not a number
            emulated_block = {x, y, 0};
            run_block(threads);
        }
    free(room);
}
