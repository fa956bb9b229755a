/* SPDX-License-Identifier: MIT */
/* posix_spawn, a pipe for progress and one for commands, and one ppoll for all processes. Signals
 * stay blocked except inside ppoll, so none is lost between looking and sleeping. */
#include "cell/process.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "cell/limits.h"
#include "cell/progress.h"

extern char **environ;

enum { MEMORY_POLL_MS = 50, MAX_NESTING = 4, MAX_VARIABLES = 512 };

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

struct as_process {
    as_process_config config;
    pid_t pid;
    int fd;       /* read end of the progress pipe, -1 after its end */
    int commands; /* write end of the command pipe, -1: none */
    as_cgroup group;
    int64_t start_ns, next_tick_ns;
    int64_t busy_ns, busy_since_ns; /* time that counts, less what runs now */
    bool busy;
    char line[AS_PROGRESS_LINE];
    size_t n_line;
    as_process_result result;
    bool killed, ended;
    const char *env[MAX_VARIABLES];
    char extra[600]; /* of env */
};

/* The files and the group of the new process; descriptors that it gets in [0], [1] of `ends`. */
static bool describe(const as_process_config *config, const int *ends,
                     posix_spawn_file_actions_t *files, posix_spawnattr_t *attributes) {
    sigset_t none, defaults;
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    int failed = 0;
    sigemptyset(&none);
    sigemptyset(&defaults);
    for (int i = 0; i < N_WATCHED; i++)
        sigaddset(&defaults, watched[i]);
    sigaddset(&defaults, SIGPIPE);
    if (config->log_path) {
        failed |= posix_spawn_file_actions_addopen(files, 0, "/dev/null", O_RDONLY, 0);
        failed |= posix_spawn_file_actions_addopen(files, 1, config->log_path,
                                                   O_WRONLY | O_CREAT | O_APPEND, 0666);
        failed |= posix_spawn_file_actions_adddup2(files, 1, 2);
        failed |= posix_spawnattr_setpgroup(attributes, 0);
        flags |= POSIX_SPAWN_SETPGROUP;
    }
    failed |= posix_spawn_file_actions_adddup2(files, ends[0], AS_PROGRESS_FD);
    if (ends[1] >= 0)
        failed |= posix_spawn_file_actions_adddup2(files, ends[1], AS_COMMAND_FD);
    failed |= posix_spawnattr_setflags(attributes, flags);
    failed |= posix_spawnattr_setsigmask(attributes, &none);
    failed |= posix_spawnattr_setsigdefault(attributes, &defaults);
    return !failed;
}

static assay_status spawn(const as_process_config *config, const int *ends, pid_t *ret_pid,
                          assay_error *error) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    int code = ENOMEM;
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    if (describe(config, ends, &files, &attributes))
        code = posix_spawn(ret_pid, config->argv[0], &files, &attributes,
                           (char *const *)(uintptr_t)config->argv,
                           config->env ? (char *const *)(uintptr_t)config->env : environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    if (code != 0)
        return as_fail(error, ASSAY_IO, config->argv[0], "cannot be started: %s", strerror(code));
    return ASSAY_OK;
}

/* The environment with the cgroup's path, or the limit for the cell to hold itself, appended. */
static void extend_env(as_process *p) {
    size_t n = 0;
    const char *const *from =
        p->config.env ? p->config.env : (const char *const *)(uintptr_t)environ;
    for (; from[n] && n + 2 < MAX_VARIABLES; n++)
        p->env[n] = from[n];
    if (p->group.path[0])
        snprintf(p->extra, sizeof p->extra, "ASSAY_CELL_CGROUP=%s", p->group.path);
    else
        snprintf(p->extra, sizeof p->extra, "ASSAY_CELL_MEMORY_LIMIT=%llu",
                 (unsigned long long)p->config.memory_limit_bytes);
    p->env[n++] = p->extra;
    p->env[n] = NULL;
    p->config.env = p->env;
}

/* A pipe whose ends lie above the descriptors that the child gets, so that one dup2 can't undo
 * another's. On failure both ends are -1, and errno says why. */
static bool make_pipe(int *ends) {
    int first[2], code = 0;
    if (pipe2(first, O_CLOEXEC | O_NONBLOCK) != 0)
        return false;
    for (int i = 0; i < 2; i++) {
        ends[i] = fcntl(first[i], F_DUPFD_CLOEXEC, AS_COMMAND_FD + 1);
        code = ends[i] < 0 ? errno : code;
        close(first[i]);
    }
    for (int i = 0; code && i < 2; i++) {
        if (ends[i] >= 0)
            close(ends[i]);
        ends[i] = -1;
    }
    errno = code;
    return !code;
}

assay_status as_process_start(const as_process_config *config, as_process **ret_process,
                              assay_error *error) {
    int progress[2] = {-1, -1}, commands[2] = {-1, -1};
    as_process *p = calloc(1, sizeof *p);
    if (!p)
        return as_fail(error, ASSAY_OUT_OF_MEMORY, config->argv[0], "no memory to watch it");
    p->config = *config;
    assay_status status = ASSAY_OK;
    if (!make_pipe(progress) || (config->takes_commands && !make_pipe(commands)))
        status = as_fail(error, ASSAY_IO, "pipe", "cannot be made: %s", strerror(errno));
    if (status == ASSAY_OK && config->memory_limit_bytes) {
        as_cgroup_make(config->memory_limit_bytes, &p->group);
        extend_env(p);
    }
    p->start_ns = p->busy_since_ns = as_clock_ns();
    p->next_tick_ns = p->start_ns + (int64_t)(config->tick_seconds * 1e9);
    p->busy = true;
    p->fd = progress[0];
    p->commands = commands[1];
    if (status == ASSAY_OK && commands[0] >= 0 && fcntl(commands[0], F_SETFL, 0) != 0)
        status = as_fail(error, ASSAY_IO, "pipe", "cannot be set: %s", strerror(errno));
    if (status == ASSAY_OK)
        status = spawn(&p->config, (const int[]){progress[1], commands[0]}, &p->pid, error);
    if (progress[1] >= 0)
        close(progress[1]);
    if (commands[0] >= 0)
        close(commands[0]);
    if (status == ASSAY_OK)
        *ret_process = p;
    else
        as_process_free(p);
    return status;
}

/* ---- watching -------------------------------------------------------------------------------- */

/* Splits what the pipe holds into lines; over-long ones are dropped. */
static void read_lines(as_process *p) {
    char block[4096];
    ssize_t n;
    while (p->fd >= 0 && (n = read(p->fd, block, sizeof block)) != 0) {
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return; /* EAGAIN: nothing now */
        }
        for (ssize_t i = 0; i < n; i++) {
            if (block[i] != '\n') {
                p->line[p->n_line] = block[i];
                p->n_line += p->n_line + 1 < sizeof p->line;
                continue;
            }
            p->line[p->n_line] = '\0';
            p->n_line = 0;
            if (p->config.on_line)
                p->config.on_line(p->config.context, p->line);
        }
    }
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
}

static void kill_all(as_process *p, as_process_end end, int code) {
    if (p->killed)
        return;
    p->killed = true;
    p->result.end = end;
    p->result.code = code;
    kill(p->config.log_path ? -p->pid : p->pid, SIGKILL);
}

static int64_t busy_ns(const as_process *p, int64_t now_ns) {
    return p->busy_ns + (p->busy ? now_ns - p->busy_since_ns : 0);
}

static int64_t sooner(int64_t a_ms, int64_t b_ms) {
    return a_ms < 0 || (b_ms >= 0 && b_ms < a_ms) ? b_ms : a_ms;
}

/* Milliseconds until something other than the pipe or a signal needs attention; -1: never. */
static int64_t wait_ms(const as_process *p, int64_t now_ns) {
    int64_t until_ms = -1;
    if (p->config.timeout_seconds > 0 && !p->killed && p->busy) {
        int64_t left_ms =
            (int64_t)ceil(p->config.timeout_seconds * 1e3) - busy_ns(p, now_ns) / 1000000;
        until_ms = left_ms > 0 ? left_ms : 0;
    }
    if (p->config.tick_seconds > 0) {
        int64_t tick_ms = (p->next_tick_ns - now_ns) / 1000000 + 1;
        until_ms = sooner(until_ms, tick_ms > 0 ? tick_ms : 0);
    }
    if (p->config.memory_limit_bytes && !p->group.path[0])
        until_ms = sooner(until_ms, MEMORY_POLL_MS);
    return until_ms;
}

static void check_bounds(as_process *p) {
    const as_process_config *c = &p->config;
    int64_t now_ns = as_clock_ns();
    if (stop_signal)
        kill_all(p, AS_PROCESS_STOPPED, stop_signal);
    if (c->timeout_seconds > 0 && p->busy &&
        (double)busy_ns(p, now_ns) * 1e-9 >= c->timeout_seconds)
        kill_all(p, AS_PROCESS_TIMED_OUT, 0);
    if (c->memory_limit_bytes && !p->group.path[0]) {
        uint64_t bytes = as_tree_resident_bytes(p->pid);
        if (bytes > p->result.peak_bytes)
            p->result.peak_bytes = bytes;
        if (bytes > c->memory_limit_bytes)
            kill_all(p, AS_PROCESS_OUT_OF_BOUNDS, 0);
    }
    if (c->tick_seconds > 0 && now_ns >= p->next_tick_ns) {
        p->next_tick_ns = now_ns + (int64_t)(c->tick_seconds * 1e9);
        if (c->on_tick)
            c->on_tick(c->context);
    }
}

/* Notes its end, and ends whatever it left behind: before it is waited for, since then its number,
 * which is its group's too, may be another process's. */
static void reap(as_process *p) {
    int code;
    uint64_t peak = 0;
    siginfo_t ended = {.si_pid = 0};
    if (waitid(P_PID, (id_t)p->pid, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid == 0)
        return;
    if (p->config.log_path)
        kill(-p->pid, SIGKILL);
    if (waitpid(p->pid, &code, WNOHANG) != p->pid)
        return;
    if (!p->killed) {
        p->result.end = WIFSIGNALED(code) ? AS_PROCESS_SIGNALLED : AS_PROCESS_EXITED;
        p->result.code = WIFSIGNALED(code) ? WTERMSIG(code) : WEXITSTATUS(code);
    }
    read_lines(p);
    if (as_cgroup_killed(&p->group, &peak) && p->result.end == AS_PROCESS_SIGNALLED)
        p->result.end = AS_PROCESS_OUT_OF_BOUNDS;
    if (peak > p->result.peak_bytes)
        p->result.peak_bytes = peak;
    p->result.seconds = (double)busy_ns(p, as_clock_ns()) * 1e-9;
    p->ended = true;
}

void as_process_wait(as_process *const *processes, size_t n) {
    struct pollfd fds[AS_PROCESS_MOST];
    int64_t until_ms = -1, now_ns = as_clock_ns();
    size_t n_fds = 0;
    sigset_t open;
    for (size_t i = 0; i < n && n_fds < AS_PROCESS_MOST; i++) {
        if (processes[i]->ended)
            continue;
        fds[n_fds++] = (struct pollfd){processes[i]->fd, POLLIN, 0};
        until_ms = sooner(until_ms, wait_ms(processes[i], now_ns));
    }
    struct timespec timeout = {until_ms / 1000, until_ms % 1000 * 1000000};
    sigprocmask(SIG_BLOCK, NULL, &open);
    for (int i = 0; i < N_WATCHED; i++)
        sigdelset(&open, watched[i]);
    if (n_fds)
        ppoll(fds, (nfds_t)n_fds, until_ms < 0 ? NULL : &timeout, &open);
    for (size_t i = 0; i < n; i++) {
        if (processes[i]->ended)
            continue;
        read_lines(processes[i]);
        check_bounds(processes[i]);
        reap(processes[i]);
    }
}

bool as_process_ended(const as_process *p) {
    return p->ended;
}

as_process_result as_process_result_of(const as_process *p) {
    return p->result;
}

void as_process_set_busy(as_process *p, bool busy) {
    int64_t now_ns = as_clock_ns();
    p->busy_ns = busy_ns(p, now_ns);
    p->busy_since_ns = now_ns;
    p->busy = busy;
}

bool as_process_send(as_process *p, const char *line) {
    size_t n = strlen(line);
    /* Below PIPE_BUF a write is whole or not at all. SIGPIPE: the reader may just have died. */
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    bool sent = p->commands >= 0 && write(p->commands, line, n) == (ssize_t)n;
    signal(SIGPIPE, before);
    return sent;
}

uint64_t as_process_resident_bytes(const as_process *p) {
    return p->ended ? 0 : as_tree_resident_bytes(p->pid);
}

void as_process_free(as_process *p) {
    if (!p)
        return;
    if (p->pid > 0 && !p->ended) {
        kill_all(p, AS_PROCESS_STOPPED, SIGKILL); /* its whole group */
        while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    if (p->fd >= 0)
        close(p->fd);
    if (p->commands >= 0)
        close(p->commands);
    as_cgroup_remove(&p->group);
    free(p);
}

assay_status as_process_run(const as_process_config *config, as_process_result *ret_result,
                            assay_error *error) {
    as_process *p = NULL;
    as_stop_begin();
    stop_signal = 0;
    assay_status status = as_process_start(config, &p, error);
    while (status == ASSAY_OK && !p->ended)
        as_process_wait(&p, 1);
    if (status == ASSAY_OK)
        *ret_result = p->result;
    as_process_free(p);
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
