/* Copyright (c) 2026, vya.backupdb contributors
 * GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Preloaded into the modules and the programs that they start. It sees their calls, and in the n-th call of a kind it
 * waits for the harness, or lets the call fail. What to do stands in a file that all of them share, whose folder is
 * built in (-DFOLDER="..."): the modules hand no variables on to their programs.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { OFF, COUNT, HOLD, FAIL };

/* The same as in shim.py. */
struct control {
    uint32_t action, number, error, seen, fired, go, pid, unused;
    int64_t clock;
    char kind[16], program[64], path[512];
};

static struct control *control;
static int journal = -1;
static char program[64];

/* There are threads, and programs that run at the same time: what is counted is counted by the processor. */
static int the_one(void) { return __sync_add_and_fetch(&control->seen, 1) == control->number; }

static void note(const char *kind, const char *path) {
    char line[1024];
    int size = snprintf(line, sizeof line, "%s\t%s\t%s\n", program, kind, path);
    if (size > (int)sizeof line - 1) {
        size = sizeof line - 1;
        line[size - 1] = '\n';
    }
    syscall(SYS_write, journal, line, size);
}

/* Whether the call is to fail; errno is set. */
static int meets(const char *kind, const char *path) {
    if (control == NULL || control->action == OFF)
        return 0;
    int stream = !strcmp(kind, "send") || !strcmp(kind, "start");
    if (!stream && strncmp(path, control->path, strlen(control->path)))
        return 0;
    if (control->action == COUNT) {
        note(kind, path);
        return 0;
    }
    if (strcmp(kind, control->kind) || strcmp(program, control->program)) {
        /* A disk that is full stays so. */
        if (control->action == FAIL && control->fired && control->error == ENOSPC
            && (!strcmp(kind, "write") || !strcmp(kind, "open") || !strcmp(kind, "mkdir"))) {
            errno = ENOSPC;
            return 1;
        }
        return 0;
    }
    int now = the_one();
    if (control->action == FAIL) {
        if (now)
            control->fired = 1;
        if (now || (control->fired && control->seen > control->number && strcmp(kind, "unlink"))) {
            errno = control->error;
            return 1;
        }
        return 0;
    }
    if (now) {
        control->pid = getpid();
        control->fired = 1;
        while (!control->go) {
            struct timespec moment = {0, 2000000};
            nanosleep(&moment, NULL);
        }
    }
    return 0;
}

static int meets_descriptor(const char *kind, int descriptor) {
    if (control == NULL || control->action == OFF)
        return 0;
    char link[64], path[600];
    int before = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t size = readlink(link, path, sizeof path - 1);
    errno = before;
    if (size <= 0 || path[0] != '/')
        return 0;
    path[size] = 0;
    return meets(kind, path);
}

static int meets_path(const char *kind, int directory, const char *name) {
    if (control == NULL || control->action == OFF)
        return 0;
    if (name[0] == '/')
        return meets(kind, name);
    char link[64], path[1200];
    int before = errno;
    if (directory == AT_FDCWD)
        strcpy(link, "/proc/self/cwd");
    else
        snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
    ssize_t size = readlink(link, path, 600);
    errno = before;
    if (size <= 0)
        return 0;
    snprintf(path + size, sizeof path - size, "/%s", name);
    return meets(kind, path);
}

#define REAL(result, name, ...)                                                                                        \
    static result (*real)(__VA_ARGS__);                                                                                \
    if (real == NULL)                                                                                                  \
    real = (result(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

ssize_t write(int fd, const void *data, size_t size) {
    REAL(ssize_t, write, int, const void *, size_t);
    return meets_descriptor("write", fd) ? -1 : real(fd, data, size);
}

size_t fwrite(const void *data, size_t size, size_t number, FILE *stream) {
    REAL(size_t, fwrite, const void *, size_t, size_t, FILE *);
    return meets_descriptor("write", fileno(stream)) ? 0 : real(data, size, number, stream);
}

ssize_t read(int fd, void *data, size_t size) {
    REAL(ssize_t, read, int, void *, size_t);
    return meets_descriptor("read", fd) ? -1 : real(fd, data, size);
}

int fsync(int fd) {
    REAL(int, fsync, int);
    return meets_descriptor("fsync", fd) ? -1 : real(fd);
}

static int creates(int flags) { return flags & (O_CREAT | O_WRONLY | O_RDWR); }

#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...) {                                                                       \
        REAL(int, name, const char *, int, ...);                                                                       \
        va_list more;                                                                                                  \
        va_start(more, flags);                                                                                         \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;                                        \
        va_end(more);                                                                                                  \
        return creates(flags) && meets_path("open", AT_FDCWD, path) ? -1 : real(path, flags, mode);                    \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                                                   \
    int name(int directory, const char *path, int flags, ...) {                                                        \
        REAL(int, name, int, const char *, int, ...);                                                                  \
        va_list more;                                                                                                  \
        va_start(more, flags);                                                                                         \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;                                        \
        va_end(more);                                                                                                  \
        return creates(flags) && meets_path("open", directory, path) ? -1 : real(directory, path, flags, mode);        \
    }
OPENAT(openat)
OPENAT(openat64)

int rename(const char *from, const char *to) {
    REAL(int, rename, const char *, const char *);
    return meets_path("rename", AT_FDCWD, from) ? -1 : real(from, to);
}

int renameat(int at, const char *from, int there, const char *to) {
    REAL(int, renameat, int, const char *, int, const char *);
    return meets_path("rename", at, from) ? -1 : real(at, from, there, to);
}

int unlink(const char *path) {
    REAL(int, unlink, const char *);
    return meets_path("unlink", AT_FDCWD, path) ? -1 : real(path);
}

int unlinkat(int directory, const char *path, int flags) {
    REAL(int, unlinkat, int, const char *, int);
    return meets_path("unlink", directory, path) ? -1 : real(directory, path, flags);
}

int rmdir(const char *path) {
    REAL(int, rmdir, const char *);
    return meets_path("unlink", AT_FDCWD, path) ? -1 : real(path);
}

int mkdir(const char *path, mode_t mode) {
    REAL(int, mkdir, const char *, mode_t);
    return meets_path("mkdir", AT_FDCWD, path) ? -1 : real(path, mode);
}

static int to_server(int fd) {
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    return control != NULL && control->action != OFF && getpeername(fd, (struct sockaddr *)&address, &size) == 0;
}

ssize_t send(int fd, const void *data, size_t size, int flags) {
    REAL(ssize_t, send, int, const void *, size_t, int);
    return to_server(fd) && meets("send", "the server") ? -1 : real(fd, data, size, flags);
}

int clock_gettime(clockid_t clock, struct timespec *moment) {
    REAL(int, clock_gettime, clockid_t, struct timespec *);
    int answer = real(clock, moment);
    if (answer == 0 && clock == CLOCK_REALTIME && control != NULL)
        moment->tv_sec += control->clock;
    return answer;
}

/* What setpriv is about to start: programs in Go cannot be preloaded, but all are started by setpriv. */
static void started(void) {
    char words[4096];
    int file = syscall(SYS_openat, AT_FDCWD, "/proc/self/cmdline", O_RDONLY);
    ssize_t size = syscall(SYS_read, file, words, sizeof words - 1);
    close(file);
    if (size <= 0)
        return;
    words[size] = 0;
    for (char *word = words; word < words + size; word += strlen(word) + 1)
        if (!strcmp(word, "--")) {
            char *name = strrchr(word + 3, '/');
            meets("start", name ? name + 1 : word + 3);
            return;
        }
}

__attribute__((constructor)) static void begin(void) {
    const char *name = program_invocation_short_name;
    snprintf(program, sizeof program, "%s", strncmp(name, "python", 6) ? name : "module");
    int file = syscall(SYS_openat, AT_FDCWD, FOLDER "/control", O_RDWR | O_CLOEXEC);
    journal = syscall(SYS_openat, AT_FDCWD, FOLDER "/journal", O_WRONLY | O_APPEND | O_CLOEXEC);
    if (file < 0 || journal < 0)
        return;
    /* Out of the way of descriptors that programs name by number. */
    journal = fcntl(journal, F_DUPFD_CLOEXEC, 900);
    void *shared = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (shared != MAP_FAILED)
        control = shared;
    if (!strcmp(program, "setpriv"))
        started();
}
