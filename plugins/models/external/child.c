/* SPDX-License-Identifier: MIT */
/* fork and exec at once, non-blocking pipes, poll(2). Between fork and exec only functions that
 * POSIX calls async-signal-safe are used, since the host has threads. */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PIPE_BYTES = 1 << 20, FIRST_FREE_FD = 3, REAP_POLL_MS = 5, SUMMARY_MOST = 1023 };
/* A child may fill the log so far; what comes after is read and dropped. */
static const uint64_t log_most = (uint64_t)1 << 20;

assay_status external_fail(assay_error *error, assay_status status, const char *format, ...) {
    char text[SUMMARY_MOST + 1];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return assay_fail(error, status, "external", text);
}

void external_clean(char *text, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (text[i] < 0x20 || text[i] > 0x7e)
            text[i] = '?';
}

int64_t external_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---- start ----------------------------------------------------------------------------------- */

/* Pipes of a start: [0] is read, [1] written. */
typedef struct pipes {
    int in[2], out[2], err[2], failure[2]; /* failure: errno of exec */
} pipes;

static void close_pipe(int ends[2]) {
    for (int i = 0; i < 2; i++) {
        if (ends[i] >= 0)
            close(ends[i]);
        ends[i] = -1;
    }
}

static void close_pipes(pipes *p) {
    close_pipe(p->in);
    close_pipe(p->out);
    close_pipe(p->err);
    close_pipe(p->failure);
}

static bool make_pipes(pipes *p) {
    int *const all[] = {p->in, p->out, p->err, p->failure};
    *p = (pipes){{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (pipe2(all[i], O_CLOEXEC) != 0)
            return false;
        if (all[i][0] < FIRST_FREE_FD || all[i][1] < FIRST_FREE_FD) {
            errno = EBADF; /* this process has no standard descriptors: dup2 would tangle them */
            return false;
        }
    }
    /* Larger pipes: a batch in one go. Where the kernel refuses, smaller ones do. */
    (void)fcntl(p->in[1], F_SETPIPE_SZ, PIPE_BYTES);
    (void)fcntl(p->out[0], F_SETPIPE_SZ, PIPE_BYTES);
    return fcntl(p->in[1], F_SETFL, O_NONBLOCK) == 0 &&
           fcntl(p->out[0], F_SETFL, O_NONBLOCK) == 0 && fcntl(p->err[0], F_SETFL, O_NONBLOCK) == 0;
}

/* In the child: never returns. */
static _Noreturn void become(const pipes *p, pid_t parent, char *const *argv, char *const *envp) {
    int code = 0;
    sigset_t none;
    sigemptyset(&none);
    signal(SIGPIPE, SIG_DFL); /* ignored signals outlive exec */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
        _exit(127); /* the parent went before it could be followed */
    if (dup2(p->in[0], 0) < 0 || dup2(p->out[1], 1) < 0 || dup2(p->err[1], 2) < 0 ||
        sigprocmask(SIG_SETMASK, &none, NULL) != 0) {
        code = errno;
    } else {
        /* Ours are close-on-exec anyway; this is for what a library opened. */
        (void)close_range(FIRST_FREE_FD, ~0U, CLOSE_RANGE_CLOEXEC);
        execve(argv[0], argv, envp);
        code = errno;
    }
    (void)!write(p->failure[1], &code, sizeof code);
    _exit(127);
}

assay_status external_child_start(external_child *child, char *const *argv, char *const *envp,
                                  assay_error *error) {
    pipes p;
    pid_t self = getpid();
    int code = 0;
    if (!make_pipes(&p)) {
        code = errno;
        close_pipes(&p);
        return external_fail(error, ASSAY_IO, "no pipes to the program: %s", strerror(code));
    }
    pid_t pid = fork();
    if (pid == 0)
        become(&p, self, argv, envp);
    code = errno;
    if (pid < 0) {
        close_pipes(&p);
        return external_fail(error, ASSAY_IO, "%s cannot be started: %s", argv[0], strerror(code));
    }
    close(p.in[0]);
    close(p.out[1]);
    close(p.err[1]);
    close(p.failure[1]);
    *child = (external_child){.pid = pid, .in = p.in[1], .out = p.out[0], .err = p.err[0]};
    ssize_t n;
    while ((n = read(p.failure[0], &code, sizeof code)) < 0 && errno == EINTR)
        ;
    close(p.failure[0]);
    if (n == 0)
        return ASSAY_OK;
    external_child_end(child, 0);
    return external_fail(error, ASSAY_UNAVAILABLE, "%s cannot be started: %s", argv[0],
                         n == (ssize_t)sizeof code ? strerror(code) : "it died before");
}

/* ---- its standard error ---------------------------------------------------------------------- */

static void note_lines(external_child *child, const char *bytes, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] != '\n') {
            child->line[child->n_line] = bytes[i];
            child->n_line += child->n_line + 1 < sizeof child->line;
            continue;
        }
        if (child->n_line) {
            memcpy(child->last, child->line, child->n_line);
            child->last[child->n_line] = '\0';
            external_clean(child->last, child->n_line);
        }
        child->n_line = 0;
    }
}

static void put_log(const char *bytes, size_t n) {
    while (n) {
        ssize_t written = write(STDERR_FILENO, bytes, n);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return; /* nobody reads our own errors: nothing to be done */
        bytes += written;
        n -= (size_t)written;
    }
}

/* Passes on what is there now, at most `most` reads of it. */
static void drain_errors(external_child *child, int most) {
    char block[4096];
    ssize_t n = -1;
    while (child->err >= 0 && most-- > 0 && (n = read(child->err, block, sizeof block)) > 0) {
        uint64_t room = log_most > child->n_log ? log_most - child->n_log : 0;
        note_lines(child, block, (size_t)n);
        if (room)
            put_log(block, (size_t)n < room ? (size_t)n : (size_t)room);
        if (room && (size_t)n >= room) {
            static const char cut[] = "\nexternal: the program writes over 1 MiB of messages; the "
                                      "rest is dropped\n";
            put_log(cut, sizeof cut - 1);
        }
        child->n_log += (uint64_t)n;
    }
    if (n == 0) {
        close(child->err);
        child->err = -1;
    }
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static int milliseconds_until(int64_t deadline_ns) {
    int64_t left = deadline_ns - external_now_ns();
    if (left <= 0)
        return 0;
    left = (left + 999999) / 1000000;
    return left > 3600000 ? 3600000 : (int)left;
}

/* Waits until it can be written to (if so wanted) or has written. */
static external_io wait_ready(external_child *child, bool to_write, int64_t deadline_ns,
                              bool *ret_readable) {
    for (;;) {
        struct pollfd polls[3] = {{child->out, POLLIN, 0},
                                  {child->err, POLLIN, 0},
                                  {to_write ? child->in : -1, POLLOUT, 0}};
        int n = poll(polls, 3, milliseconds_until(deadline_ns));
        if (n < 0 && errno != EINTR)
            return EXTERNAL_IO_FAILED;
        if (n > 0 && polls[1].revents)
            drain_errors(child, 16);
        *ret_readable = n > 0 && polls[0].revents != 0;
        if (*ret_readable || (n > 0 && polls[2].revents))
            return EXTERNAL_IO_DONE;
        if (external_now_ns() >= deadline_ns)
            return EXTERNAL_IO_TIMED_OUT;
    }
}

/* write(2) without the signal that a pipe without readers sends. */
static ssize_t write_quietly(int fd, const void *bytes, size_t n) {
    static const struct timespec at_once = {0, 0};
    sigset_t broken, before, pending;
    sigemptyset(&broken);
    sigaddset(&broken, SIGPIPE);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &broken, &before);
    ssize_t written = write(fd, bytes, n);
    int code = errno;
    if (written < 0 && code == EPIPE && !sigismember(&pending, SIGPIPE))
        while (sigtimedwait(&broken, NULL, &at_once) < 0 && errno == EINTR)
            ;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = code;
    return written;
}

external_io external_child_write(external_child *child, const void *bytes, size_t n,
                                 int64_t deadline_ns) {
    const char *at = bytes;
    while (n) {
        ssize_t written = write_quietly(child->in, at, n);
        bool readable = false;
        if (written > 0) {
            at += written;
            n -= (size_t)written;
            continue;
        }
        if (written < 0 && errno == EPIPE)
            return EXTERNAL_IO_INPUT_CLOSED;
        if (written < 0 && errno != EAGAIN && errno != EINTR)
            return EXTERNAL_IO_FAILED;
        external_io waited = wait_ready(child, true, deadline_ns, &readable);
        if (waited != EXTERNAL_IO_DONE)
            return waited;
        if (readable)
            return EXTERNAL_IO_SPOKE_EARLY;
    }
    return EXTERNAL_IO_DONE;
}

bool external_child_answers(external_child *child, double seconds) {
    bool readable = false;
    (void)wait_ready(child, false, external_now_ns() + (int64_t)(seconds * 1e9), &readable);
    return readable;
}

external_io external_child_read(external_child *child, void *bytes, size_t least, size_t most,
                                int64_t deadline_ns, size_t *ret_n) {
    char *at = bytes;
    *ret_n = 0;
    while (*ret_n < least) {
        bool readable;
        external_io waited = wait_ready(child, false, deadline_ns, &readable);
        if (waited != EXTERNAL_IO_DONE)
            return waited;
        ssize_t n = read(child->out, at + *ret_n, most - *ret_n);
        if (n == 0)
            return EXTERNAL_IO_OUTPUT_CLOSED;
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return EXTERNAL_IO_FAILED;
        if (n > 0)
            *ret_n += (size_t)n;
    }
    return EXTERNAL_IO_DONE;
}

/* ---- end ------------------------------------------------------------------------------------- */

static bool reap(external_child *child, int flags) {
    pid_t found;
    while ((found = waitpid(child->pid, &child->end, flags)) < 0 && errno == EINTR)
        ;
    return found != 0; /* -1: somebody else has reaped it */
}

void external_child_end(external_child *child, double patience_seconds) {
    int64_t deadline_ns = external_now_ns() + (int64_t)(patience_seconds * 1e9);
    static const struct timespec pause = {0, REAP_POLL_MS * 1000000};
    if (child->pid <= 0)
        return;
    close(child->in);
    child->in = -1;
    while (!(child->ended = reap(child, WNOHANG)) && external_now_ns() < deadline_ns) {
        drain_errors(child, 16);
        nanosleep(&pause, NULL);
    }
    if (!child->ended) {
        kill(child->pid, SIGKILL);
        reap(child, 0);
    }
    drain_errors(child, 1024);
    if (child->n_line)
        note_lines(child, "\n", 1);
    child->pid = 0;
    close(child->out);
    child->out = -1;
    if (child->err >= 0)
        close(child->err);
    child->err = -1;
}
