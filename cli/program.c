/* The program that `allot run` starts: where it is, and whether a library can be preloaded. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cli.h"

#if defined(__aarch64__)
#define OWN_MACHINE EM_AARCH64
#else
#define OWN_MACHINE EM_X86_64
#endif

enum { SCRIPT_DEPTH_MAX = 4, LINE_BYTES = 256, HEADERS_MAX = 64 };

/* --- finding ------------------------------------------------------------------------------- */

static int runnable(const char *path)
{
    struct stat s;

    if (stat(path, &s) != 0)
        return errno == EACCES ? EXIT_CANNOT_RUN : EXIT_NOT_FOUND;
    if (S_ISDIR(s.st_mode) || access(path, X_OK) != 0)
        return EXIT_CANNOT_RUN;
    return EXIT_GOOD;
}

int find_program(const char *name, char *path, size_t bytes)
{
    const char *list = getenv("PATH");
    int worst = EXIT_NOT_FOUND;

    if (strchr(name, '/') != NULL) {
        snprintf(path, bytes, "%s", name);
        return runnable(path);
    }
    if (list == NULL)
        list = "/bin:/usr/bin";
    for (;;) {
        size_t length = strcspn(list, ":");
        int status;

        snprintf(path, bytes, "%.*s%s%s", (int)length, list, length > 0 ? "/" : "", name);
        status = runnable(path);
        if (status == EXIT_GOOD)
            return EXIT_GOOD;
        if (status == EXIT_CANNOT_RUN)
            worst = status;
        if (list[length] == '\0')
            return worst;
        list += length + 1;
    }
}

/* --- what kind it is ----------------------------------------------------------------------- */

static const char *privilege_obstacle(int fd)
{
    struct stat s;

    if (fstat(fd, &s) != 0)
        return NULL;
    if ((s.st_mode & S_ISUID) != 0 && s.st_uid != getuid())
        return "it is set-user-ID: the loader ignores LD_PRELOAD for it";
    if ((s.st_mode & S_ISGID) != 0 && (s.st_mode & S_IXGRP) != 0 && s.st_gid != getgid())
        return "it is set-group-ID: the loader ignores LD_PRELOAD for it";
    if (getuid() != 0 && fgetxattr(fd, "security.capability", NULL, 0) > 0)
        return "it has file capabilities: the loader ignores LD_PRELOAD for it";
    return NULL;
}

static bool has_interpreter(int fd, const Elf64_Ehdr *file)
{
    Elf64_Phdr headers[HEADERS_MAX];
    size_t count = file->e_phnum < HEADERS_MAX ? file->e_phnum : HEADERS_MAX;
    ssize_t got = pread(fd, headers, count * sizeof headers[0], (off_t)file->e_phoff);

    for (size_t i = 0; got > 0 && i < (size_t)got / sizeof headers[0]; i++)
        if (headers[i].p_type == PT_INTERP)
            return true;
    return false;
}

static const char *elf_obstacle(int fd, const Elf64_Ehdr *file)
{
    if (file->e_ident[EI_CLASS] != ELFCLASS64)
        return "it is a 32-bit program, and Allot is 64-bit";
    if (file->e_machine != OWN_MACHINE)
        return "it is built for another processor";
    if (!has_interpreter(fd, file))
        return "it is statically linked: there is no loader that could preload a library. Link it "
               "with liballot-malloc.a instead";
    return privilege_obstacle(fd);
}

/* The interpreter of a script whose first line is given; false when it is none. */
static bool script_interpreter(const char *line, char *path, size_t bytes)
{
    size_t start, length;

    if (line[0] != '#' || line[1] != '!')
        return false;
    start = 2 + strspn(line + 2, " \t");
    length = strcspn(line + start, " \t\n");
    if (length == 0 || length >= bytes)
        return false;
    memcpy(path, line + start, length);
    path[length] = '\0';
    return true;
}

const char *preload_obstacle(const char *path)
{
    union {
        Elf64_Ehdr elf;
        char text[LINE_BYTES];
    } head;
    char interpreter[LINE_BYTES];

    for (int depth = 0; depth < SCRIPT_DEPTH_MAX; depth++) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        const char *obstacle = NULL;
        ssize_t got;

        if (fd < 0)
            return NULL; /* may be run, not read: try */
        memset(&head, 0, sizeof head);
        got = pread(fd, &head, sizeof head - 1, 0);
        if (got >= (ssize_t)sizeof head.elf && memcmp(head.elf.e_ident, ELFMAG, SELFMAG) == 0)
            obstacle = elf_obstacle(fd, &head.elf);
        close(fd);
        if (obstacle != NULL || !script_interpreter(head.text, interpreter, sizeof interpreter))
            return obstacle;
        path = interpreter;
    }
    return NULL;
}
