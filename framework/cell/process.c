/* SPDX-License-Identifier: MIT */
/* posix_spawn, a progress pipe, and one ppoll loop. Signals stay blocked except inside ppoll, so
 * none is lost between looking and sleeping. */
#include "cell/process.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "cell/limits.h"
#include "cell/progress.h"

extern char **environ;

enum { MEMORY_POLL_MS = 50, MAX_NESTING = 4 };

/* ---- signals --------------------------------------------------------------------------------- */

static const int watched[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD};
enum { N_WATCHED = sizeof watched / sizeof watched[0] };

static volatile sig_atomic_t stop_signal;
static struct {
    struct sigaction actions[N_WATCHED];
    sigset_t mask;
} saved[MAX_NESTING];
static int nesting;

static void on_signal(int number) {
    if (number != SIGCHLD)
        stop_signal = number;
}

void as_stop_begin(void) {
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t block;
    if (nesting++ >= MAX_NESTING)
        return;
    sigemptyset(&action.sa_mask);
    sigemptyset(&block);
    for (int i = 0; i < N_WATCHED; i++)
        sigaddset(&block, watched[i]);
    sigprocmask(SIG_BLOCK, &block, &saved[nesting - 1].mask);
    for (int i = 0; i < N_WATCHED; i++) {
        struct sigaction *old = &saved[nesting - 1].actions[i];
        sigaction(watched[i], NULL, old);
        if (old->sa_handler != SIG_IGN || watched[i] == SIGCHLD) /* nohup stays nohup */
            sigaction(watched[i], &action, NULL);
    }
}

void as_stop_end(void) {
    if (--nesting >= MAX_NESTING)
        return;
    for (int i = 0; i < N_WATCHED; i++)
        sigaction(watched[i], &saved[nesting].actions[i], NULL);
    sigprocmask(SIG_SETMASK, &saved[nesting].mask, NULL);
}

/* ---- starting -------------------------------------------------------------------------------- */

static assay_status spawn(const as_process_config *config, int pipe_end, pid_t *ret_pid,
                          assay_error *error) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, defaults;
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    sigemptyset(&none);
    sigemptyset(&defaults);
    for (int i = 0; i < N_WATCHED; i++)
        sigaddset(&defaults, watched[i]);
    sigaddset(&defaults, SIGPIPE);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    if (config->log_path) {
        posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_addopen(&files, 1, config->log_path, O_WRONLY | O_CREAT | O_APPEND,
                                         0666);
        posix_spawn_file_actions_adddup2(&files, 1, 2);
        posix_spawnattr_setpgroup(&attributes, 0);
        flags |= POSIX_SPAWN_SETPGROUP;
    }
    posix_spawn_file_actions_adddup2(&files, pipe_end, AS_PROGRESS_FD);
    posix_spawnattr_setflags(&attributes, flags);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    int code = posix_spawn(ret_pid, config->argv[0], &files, &attributes,
                           (char *const *)(uintptr_t)config->argv,
                           config->env ? (char *const *)(uintptr_t)config->env : environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    if (code != 0)
        return as_fail(error, ASSAY_IO, config->argv[0], "cannot be started: %s", strerror(code));
    return ASSAY_OK;
}

/* ---- watching -------------------------------------------------------------------------------- */

typedef struct watch {
    const as_process_config *config;
    pid_t pid;
    int fd; /* read end of the pipe, -1 after its end */
    as_cgroup group;
    int64_t start_ns, next_tick_ns;
    char line[AS_PROGRESS_LINE];
    size_t n_line;
    as_process_result result;
    bool killed;
} watch;

/* Splits what the pipe holds into lines; over-long ones are dropped. */
static void read_lines(watch *w) {
    char block[4096];
    ssize_t n;
    while (w->fd >= 0 && (n = read(w->fd, block, sizeof block)) != 0) {
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return; /* EAGAIN: nothing now */
        }
        for (ssize_t i = 0; i < n; i++) {
            if (block[i] != '\n') {
                w->line[w->n_line] = block[i];
                w->n_line += w->n_line + 1 < sizeof w->line;
                continue;
            }
            w->line[w->n_line] = '\0';
            w->n_line = 0;
            if (w->config->on_line)
                w->config->on_line(w->config->context, w->line);
        }
    }
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
}

static void kill_all(watch *w, as_process_end end, int code) {
    if (w->killed)
        return;
    w->killed = true;
    w->result.end = end;
    w->result.code = code;
    kill(w->config->log_path ? -w->pid : w->pid, SIGKILL);
}

/* Milliseconds until something other than the pipe or a signal needs attention; -1: never. */
static int64_t wait_ms(const watch *w, int64_t now_ns) {
    int64_t until_ms = -1;
    if (w->config->timeout_seconds > 0 && !w->killed)
        until_ms =
            (int64_t)ceil(w->config->timeout_seconds * 1e3) - (now_ns - w->start_ns) / 1000000;
    if (w->config->tick_seconds > 0) {
        int64_t tick_ms = (w->next_tick_ns - now_ns) / 1000000 + 1;
        until_ms = until_ms < 0 || tick_ms < until_ms ? tick_ms : until_ms;
    }
    if (w->config->memory_limit_bytes && !w->group.path[0] &&
        (until_ms < 0 || until_ms > MEMORY_POLL_MS))
        until_ms = MEMORY_POLL_MS;
    return until_ms < -1 ? 0 : until_ms;
}

static void check_bounds(watch *w) {
    const as_process_config *c = w->config;
    int64_t now_ns = as_clock_ns();
    if (stop_signal)
        kill_all(w, AS_PROCESS_STOPPED, stop_signal);
    if (c->timeout_seconds > 0 && (double)(now_ns - w->start_ns) * 1e-9 >= c->timeout_seconds)
        kill_all(w, AS_PROCESS_TIMED_OUT, 0);
    if (c->memory_limit_bytes && !w->group.path[0]) {
        uint64_t bytes = as_tree_resident_bytes(w->pid);
        if (bytes > w->result.peak_bytes)
            w->result.peak_bytes = bytes;
        if (bytes > c->memory_limit_bytes)
            kill_all(w, AS_PROCESS_OUT_OF_BOUNDS, 0);
    }
    if (c->tick_seconds > 0 && now_ns >= w->next_tick_ns) {
        w->next_tick_ns = now_ns + (int64_t)(c->tick_seconds * 1e9);
        if (c->on_tick)
            c->on_tick(c->context);
    }
}

static bool reaped(watch *w) {
    int code;
    if (waitpid(w->pid, &code, WNOHANG) != w->pid)
        return false;
    if (!w->killed) {
        w->result.end = WIFSIGNALED(code) ? AS_PROCESS_SIGNALLED : AS_PROCESS_EXITED;
        w->result.code = WIFSIGNALED(code) ? WTERMSIG(code) : WEXITSTATUS(code);
    }
    return true;
}

static void watch_until_end(watch *w) {
    sigset_t open;
    sigprocmask(SIG_BLOCK, NULL, &open);
    for (int i = 0; i < N_WATCHED; i++)
        sigdelset(&open, watched[i]);
    while (!reaped(w)) {
        struct pollfd poll_pipe = {w->fd, POLLIN, 0};
        int64_t ms = wait_ms(w, as_clock_ns());
        struct timespec timeout = {ms / 1000, ms % 1000 * 1000000};
        ppoll(&poll_pipe, 1, ms < 0 ? NULL : &timeout, &open);
        read_lines(w);
        check_bounds(w);
    }
    read_lines(w);
    if (w->config->log_path)
        kill(-w->pid, SIGKILL); /* whatever it left behind */
    if (w->fd >= 0)
        close(w->fd);
    uint64_t peak = 0;
    if (as_cgroup_killed(&w->group, &peak) && w->result.end == AS_PROCESS_SIGNALLED)
        w->result.end = AS_PROCESS_OUT_OF_BOUNDS;
    if (peak > w->result.peak_bytes)
        w->result.peak_bytes = peak;
}

/* The environment with the cgroup's path, or the limit for the cell to hold itself, appended. */
static const char **extended_env(const as_process_config *config, const as_cgroup *group,
                                 const char **env, size_t size, char *text, size_t n_text) {
    size_t n = 0;
    const char *const *from = config->env ? config->env : (const char *const *)(uintptr_t)environ;
    for (; from[n] && n + 2 < size; n++)
        env[n] = from[n];
    if (group->path[0])
        snprintf(text, n_text, "ASSAY_CELL_CGROUP=%s", group->path);
    else
        snprintf(text, n_text, "ASSAY_CELL_MEMORY_LIMIT=%llu",
                 (unsigned long long)config->memory_limit_bytes);
    env[n++] = text;
    env[n] = NULL;
    return env;
}

assay_status as_process_run(const as_process_config *config, as_process_result *ret_result,
                            assay_error *error) {
    as_process_config c = *config;
    watch w = {.config = &c, .fd = -1};
    const char *env[512];
    char extra[600];
    int ends[2];
    assay_status status;
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return as_fail(error, ASSAY_IO, "pipe", "cannot be made: %s", strerror(errno));
    if (c.memory_limit_bytes) {
        as_cgroup_make(c.memory_limit_bytes, &w.group);
        c.env = extended_env(&c, &w.group, env, sizeof env / sizeof env[0], extra, sizeof extra);
    }
    as_stop_begin();
    stop_signal = 0;
    w.start_ns = as_clock_ns();
    w.next_tick_ns = w.start_ns + (int64_t)(c.tick_seconds * 1e9);
    w.fd = ends[0];
    status = spawn(&c, ends[1], &w.pid, error);
    close(ends[1]);
    if (status == ASSAY_OK) {
        watch_until_end(&w);
        w.result.seconds = (double)(as_clock_ns() - w.start_ns) * 1e-9;
        *ret_result = w.result;
    } else {
        close(ends[0]);
    }
    as_cgroup_remove(&w.group);
    as_stop_end();
    return status;
}

void as_process_text(const as_process_config *config, const as_process_result *result, char *text,
                     unsigned size) {
    char limit[32], peak[32];
    as_bytes_text(config->memory_limit_bytes, limit, sizeof limit);
    as_bytes_text(result->peak_bytes, peak, sizeof peak);
    switch (result->end) {
    case AS_PROCESS_EXITED:
        snprintf(text, size, "exit status %d", result->code);
        break;
    case AS_PROCESS_SIGNALLED:
        snprintf(text, size, "killed by signal %d (%s)", result->code, strsignal(result->code));
        break;
    case AS_PROCESS_TIMED_OUT:
        snprintf(text, size, "timed out after %.6g s", config->timeout_seconds);
        break;
    case AS_PROCESS_OUT_OF_BOUNDS:
        snprintf(text, size, "memory limit %s reached%s%s%s", limit,
                 result->peak_bytes ? " (resident " : "", result->peak_bytes ? peak : "",
                 result->peak_bytes ? ")" : "");
        break;
    case AS_PROCESS_STOPPED:
        snprintf(text, size, "stopped by signal %d (%s)", result->code, strsignal(result->code));
        break;
    }
}
