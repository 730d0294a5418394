/* What the files of this directory share. */
#ifndef ALI_PLAT_LINUX_H
#define ALI_PLAT_LINUX_H

#include "plat/linux/syscall.h"
#include "plat/plat.h"

/* fd or -errno; the count or -errno. */
int ali_file_open(const char *path);
long ali_file_read(int fd, void *buffer, size_t bytes);

/* One line of /proc/self/maps. */
struct ali_mapping {
    uintptr_t start;
    uintptr_t end;
    uint64_t offset;
    bool readable;
    bool writable;
    bool executable;
    char name[256]; /* empty for anonymous memory; cut */
};

/* Reads the table of mappings, one call of ali_maps_next a line. */
struct ali_maps {
    int fd;
    uint32_t at;
    uint32_t have;
    char buffer[1024];
};

/* 0 or -errno. */
int ali_maps_open(struct ali_maps *m);
bool ali_maps_next(struct ali_maps *m, struct ali_mapping *line);
void ali_maps_close(struct ali_maps *m);
/* The mapping that `p` is in. */
bool ali_maps_find(const void *p, struct ali_mapping *line);

/* Copies memory of this process that may not be there. All zero at first. */
struct ali_reader {
    bool by_table; /* the kernel does not copy for us */
    uintptr_t low; /* then: a mapping known to be readable */
    uintptr_t high;
};

/* True when all of it was copied. */
bool ali_reader_copy(struct ali_reader *r, void *to, uintptr_t from, size_t bytes);

/* A program or library in memory. */
struct ali_image {
    uintptr_t start;  /* where its ELF header is */
    uintptr_t end;    /* behind its last segment, .bss included */
    uintptr_t bias;   /* what its own addresses are offset by */
    uintptr_t unwind; /* .eh_frame_hdr, or 0 */
};

bool ali_image_read(struct ali_reader *reader, uintptr_t start, struct ali_image *image);
/* The image whose code is at `code`. */
bool ali_image_find(struct ali_reader *reader, uintptr_t code, struct ali_image *image);

/* Smallest memory limit that applies to the process, from the text of /proc/self/cgroup and the
 * files below `root` (/sys/fs/cgroup); UINT64_MAX when there is none. */
uint64_t ali_cgroup_limit(const char *cgroups, const char *root);

#endif
