/* Loaded into a worker with LD_PRELOAD: makes one single change to files below a folder fail.

   FAIL_BELOW: the folder. FAIL_AT: which change, from 1 on. FAIL_WITH: the errno. FAIL_NOTE: a file that is then made;
   it names the change. Counted in each process from its first instruction on. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_long passed;

static int fails(const char *what, const char *path) {
    const char *folder = getenv("FAIL_BELOW"), *at = getenv("FAIL_AT"), *with = getenv("FAIL_WITH");
    if (!folder || !at || !with || strncmp(path, folder, strlen(folder)) || ++passed != atol(at)) return 0;
    FILE *note = fopen(getenv("FAIL_NOTE"), "we");
    if (note) {
        fprintf(note, "%s %s", what, path + strlen(folder));
        fclose(note);
    }
    errno = atoi(with);
    return 1;
}

static int fails_fd(const char *what, int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return fails(what, path);
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define ON_FD(type, name, declared, given) \
    type name declared { return fails_fd(#name, fd) ? -1 : NEXT(name) given; }
#define ON_PATH(name, declared, given) \
    int name declared { return fails(#name, path) ? -1 : NEXT(name) given; }

ON_FD(ssize_t, write, (int fd, const void *data, size_t count), (fd, data, count))
ON_FD(ssize_t, pwrite, (int fd, const void *data, size_t count, off_t at), (fd, data, count, at))
ON_FD(ssize_t, pwrite64, (int fd, const void *data, size_t count, off64_t at), (fd, data, count, at))
ON_FD(int, ftruncate, (int fd, off_t size), (fd, size))
ON_FD(int, ftruncate64, (int fd, off64_t size), (fd, size))
ON_FD(int, fsync, (int fd), (fd))
ON_FD(int, fdatasync, (int fd), (fd))
ON_PATH(rename, (const char *path, const char *to), (path, to))
ON_PATH(unlink, (const char *path), (path))
ON_PATH(mkdir, (const char *path, mode_t mode), (path, mode))
ON_PATH(chmod, (const char *path, mode_t mode), (path, mode))

/* Only what creates a file changes anything. */
#define ON_OPEN(name) \
    int name(const char *path, int flags, ...) { \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0; \
        va_end(rest); \
        struct stat found; \
        if (flags & O_CREAT && stat(path, &found) && fails(#name, path)) return -1; \
        return NEXT(name)(path, flags, mode); \
    }
ON_OPEN(open)
ON_OPEN(open64)
