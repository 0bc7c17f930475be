/* Counts what a process asks of the file system below one folder, and disturbs one call of it.

   Loaded with LD_PRELOAD before libc, in every process of a sweep; they share one page of memory, the file that
   HEMOSWEEP_FAULTS names. An operation is a role and a text such as "fsync fold_runs/X/events.jsonl", in which names
   made of hexadecimal digits are an X: names of runs and temporary files differ from time to time. tests/faults/shim.py
   writes the point to disturb (role, text, ordinal) and the action, and reads what happened.
*/
#define _GNU_SOURCE
#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { NONE, DRIVER, CHILD, SERVER, NUM_ROLES };
enum { NOTHING, KILL_SELF, KILL_OTHER, KILL_BOTH, FAIL_ONCE, FAIL_ON, STOP, TEAR };

#define LENGTH 128
#define NUM_RECORDS 60000

struct shared {
    char out[512];
    int32_t role, ordinal, action, error; /* the point, and what happens there */
    char text[LENGTH];
    char kinds[LENGTH]; /* operations that a lasting error concerns, such as "create mkdir " */
    int32_t seen, hit, stopped;
    int32_t process[NUM_ROLES];
    int32_t num_records;
    struct { int32_t role; char text[LENGTH]; } records[NUM_RECORDS];
};

static struct shared *shared;
static int role;

__attribute__((constructor)) static void open_shared(void) {
    const char *path = getenv("HEMOSWEEP_FAULTS"), *name = getenv("HEMOSWEEP_FAULTS_ROLE");
    int descriptor = path ? (int)open(path, O_RDWR | O_CLOEXEC) : -1;
    if (descriptor < 0) return;
    void *memory = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    close(descriptor);
    if (memory != MAP_FAILED) shared = memory;
    if (name && strcmp(name, "server") == 0) role = SERVER;
}

/* Set the role of this process. */
void fault_role(int number) {
    role = number;
    if (shared) shared->process[number] = (int32_t)getpid();
}

size_t fault_size(void) { return sizeof(struct shared); }

/* Text of an operation on a file below the folder; 0 for other files. */
static int describe(char *text, const char *kind, const char *path) {
    size_t root = strlen(shared->out), used = strlen(kind);
    if (!root || strncmp(path, shared->out, root) != 0 || path[root] != '/') return 0;
    memcpy(text, kind, used);
    text[used++] = ' ';
    for (path += root + 1; *path && used < LENGTH - 1;) {
        size_t digits = 0;
        while (isdigit((unsigned char)path[digits]) || (path[digits] >= 'a' && path[digits] <= 'f')) digits++;
        if (digits >= 12) {
            text[used++] = 'X';
            path += digits;
        } else if (strncmp(path, ".uploading.", 11) == 0) { /* MLflow's temporary files end with random letters */
            used += (size_t)snprintf(text + used, LENGTH - used, ".uploading.X");
            break;
        } else {
            for (size_t i = 0; i < (digits ? digits : 1) && used < LENGTH - 1; i++) text[used++] = *path++;
        }
    }
    text[used] = 0;
    return 1;
}

static void kill_process(int number) {
    if (shared->process[number] > 0) kill(shared->process[number], SIGKILL);
}

/* Record an operation, and act if it is the point. Returns the error to give, 0 for none, -1 for half a write. */
static int at_point(const char *kind, const char *path) {
    char text[LENGTH];
    if (!shared || !role || role == SERVER || !describe(text, kind, path)) return 0;
    int32_t number = __atomic_fetch_add(&shared->num_records, 1, __ATOMIC_SEQ_CST);
    if (number < NUM_RECORDS) {
        shared->records[number].role = role;
        strcpy(shared->records[number].text, text);
    }
    if (shared->hit) {
        char word[32] = {0};
        strncat(strncat(word, kind, 24), " ", 2);
        return shared->action == FAIL_ON && strstr(shared->kinds, word) ? shared->error : 0;
    }
    if (shared->action == NOTHING || role != shared->role || strcmp(text, shared->text) != 0) return 0;
    if (__atomic_fetch_add(&shared->seen, 1, __ATOMIC_SEQ_CST) != shared->ordinal) return 0;
    shared->hit = 1;
    switch (shared->action) {
    case KILL_OTHER: kill_process(role == CHILD ? DRIVER : CHILD); return 0;
    case KILL_BOTH: kill_process(role == CHILD ? DRIVER : CHILD); /* fall through */
    case KILL_SELF: kill(getpid(), SIGKILL); return 0;
    case STOP: shared->stopped = (int32_t)getpid(); kill(getpid(), SIGSTOP); return 0;
    case TEAR: return -1;
    default: return shared->error;
    }
}

static int at_descriptor(const char *kind, int descriptor) {
    char link[64] = "/proc/self/fd/", path[1024], digits[16];
    int saved = errno, length = 0;
    if (!shared || !role || descriptor < 0) return 0;
    do digits[length++] = (char)('0' + descriptor % 10); while ((descriptor /= 10) != 0);
    for (char *end = link + strlen(link); length; *end = 0) *end++ = digits[--length];
    ssize_t size = readlink(link, path, sizeof path - 1);
    errno = saved;
    if (size <= 0) return 0;
    path[size] = 0;
    char *deleted = strstr(path, " (deleted)");
    if (deleted) *deleted = 0;
    return at_point(kind, path);
}

static int at_path(const char *kind, int folder, const char *path) {
    char whole[2048] = "", link[64] = "/proc/self/fd/", digits[16];
    int length = 0;
    if (!shared || !role || !path) return 0;
    if (path[0] == '/') return at_point(kind, path);
    ssize_t size;
    if (folder == AT_FDCWD) {
        size = getcwd(whole, 1000) ? (ssize_t)strlen(whole) : 0;
    } else {
        do digits[length++] = (char)('0' + folder % 10); while ((folder /= 10) != 0);
        for (char *end = link + strlen(link); length; *end = 0) *end++ = digits[--length];
        size = readlink(link, whole, 1000);
    }
    if (size <= 0) return 0;
    whole[size] = '/';
    strncpy(whole + size + 1, path, sizeof whole - (size_t)size - 2);
    return at_point(kind, whole);
}

#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

#define GIVE(error) do { int given = (error); if (given > 0) { errno = given; return -1; } } while (0)

#define WITH_DESCRIPTOR(result, name, kind, parameters, arguments)                                                     \
    result name parameters {                                                                                           \
        GIVE(at_descriptor(kind, descriptor));                                                                         \
        return REAL(name) arguments;                                                                                   \
    }

#define WRITER(name, parameters, whole, half)                                                                          \
    ssize_t name parameters {                                                                                          \
        int given = at_descriptor("write", descriptor);                                                                \
        GIVE(given);                                                                                                   \
        if (given < 0) {                                                                                               \
            if (size > 1) (void)!(REAL(name) half);                                                                    \
            kill(getpid(), SIGKILL);                                                                                   \
        }                                                                                                              \
        return REAL(name) whole;                                                                                       \
    }

WRITER(write, (int descriptor, const void *buffer, size_t size), (descriptor, buffer, size),
       (descriptor, buffer, size / 2))
WRITER(pwrite, (int descriptor, const void *buffer, size_t size, off_t at), (descriptor, buffer, size, at),
       (descriptor, buffer, size / 2, at))
WRITER(pwrite64, (int descriptor, const void *buffer, size_t size, off64_t at), (descriptor, buffer, size, at),
       (descriptor, buffer, size / 2, at))

WITH_DESCRIPTOR(ssize_t, writev, "write", (int descriptor, const struct iovec *parts, int number),
                (descriptor, parts, number))
WITH_DESCRIPTOR(ssize_t, pwritev, "write", (int descriptor, const struct iovec *parts, int number, off_t at),
                (descriptor, parts, number, at))
WITH_DESCRIPTOR(ssize_t, sendfile, "write", (int descriptor, int from, off_t *at, size_t size),
                (descriptor, from, at, size))
WITH_DESCRIPTOR(ssize_t, sendfile64, "write", (int descriptor, int from, off64_t *at, size_t size),
                (descriptor, from, at, size))
WITH_DESCRIPTOR(int, fsync, "fsync", (int descriptor), (descriptor))
WITH_DESCRIPTOR(int, fdatasync, "fsync", (int descriptor), (descriptor))
WITH_DESCRIPTOR(int, ftruncate, "truncate", (int descriptor, off_t size), (descriptor, size))
WITH_DESCRIPTOR(int, ftruncate64, "truncate", (int descriptor, off64_t size), (descriptor, size))

ssize_t copy_file_range(int from, off64_t *from_at, int descriptor, off64_t *at, size_t size, unsigned int flags) {
    GIVE(at_descriptor("write", descriptor));
    return REAL(copy_file_range)(from, from_at, descriptor, at, size, flags);
}

#define WITH_PATH(result, name, kind, folder, path, parameters, arguments)                                             \
    result name parameters {                                                                                           \
        GIVE(at_path(kind, folder, path));                                                                             \
        return REAL(name) arguments;                                                                                   \
    }

WITH_PATH(int, truncate, "truncate", AT_FDCWD, path, (const char *path, off_t size), (path, size))
WITH_PATH(int, truncate64, "truncate", AT_FDCWD, path, (const char *path, off64_t size), (path, size))
WITH_PATH(int, unlink, "unlink", AT_FDCWD, path, (const char *path), (path))
WITH_PATH(int, unlinkat, "unlink", folder, path, (int folder, const char *path, int flags), (folder, path, flags))
WITH_PATH(int, rmdir, "unlink", AT_FDCWD, path, (const char *path), (path))
WITH_PATH(int, mkdir, "mkdir", AT_FDCWD, path, (const char *path, mode_t mode), (path, mode))
WITH_PATH(int, mkdirat, "mkdir", folder, path, (int folder, const char *path, mode_t mode), (folder, path, mode))
WITH_PATH(int, rename, "rename", AT_FDCWD, to, (const char *from, const char *to), (from, to))
WITH_PATH(int, renameat, "rename", to_folder, to, (int from_folder, const char *from, int to_folder, const char *to),
          (from_folder, from, to_folder, to))

/* Opening counts where it may make or change the file. */
#define OPENER(name, folder, parameters, arguments)                                                                    \
    int name parameters {                                                                                              \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode_t mode = (flags & (O_CREAT | __O_TMPFILE)) ? va_arg(rest, mode_t) : 0;                                    \
        va_end(rest);                                                                                                  \
        if (flags & (O_CREAT | O_TRUNC)) GIVE(at_path("create", folder, path));                                        \
        return REAL(name) arguments;                                                                                   \
    }

OPENER(open, AT_FDCWD, (const char *path, int flags, ...), (path, flags, mode))
OPENER(open64, AT_FDCWD, (const char *path, int flags, ...), (path, flags, mode))
OPENER(openat, folder, (int folder, const char *path, int flags, ...), (folder, path, flags, mode))
OPENER(openat64, folder, (int folder, const char *path, int flags, ...), (folder, path, flags, mode))

pid_t fork(void) {
    char path[600];
    if (shared && role && role != SERVER) {
        strcat(strcpy(path, shared->out), "/process");
        GIVE(at_point("fork", path));
    }
    pid_t process = REAL(fork)();
    if (process == 0 && role == SERVER) fault_role(CHILD);
    return process;
}
