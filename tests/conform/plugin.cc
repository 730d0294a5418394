// The plug-in for dlclose.c and deepbind.c: it allocates in its constructor,
// its destructor, its thread_local objects and on request.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <malloc.h>
#include <string>
#include <vector>

static std::vector<std::string> names(100, std::string(300, 'n'));
static char *from_constructor;

__attribute__((constructor)) static void start()
{
    from_constructor = (char *)malloc(100);
}
__attribute__((destructor)) static void end()
{
    free(from_constructor);
}

extern "C" {

void *plugin_alloc(size_t size)
{
    return malloc(size);
}
void *plugin_calloc(size_t size)
{
    return calloc(1, size);
}
void *plugin_realloc(void *block, size_t size)
{
    return realloc(block, size);
}
void plugin_free(void *block)
{
    free(block);
}
char *plugin_strdup(const char *text)
{
    return strdup(text);
}

char *plugin_print(int number)
{
    char *text = nullptr;
    return asprintf(&text, "%0100d", number) < 0 ? nullptr : text;
}

void *plugin_aligned(size_t align, size_t size)
{
    void *block = nullptr;
    return posix_memalign(&block, align, size) ? nullptr : block;
}

// Work that never lets a block out of the plug-in.
int plugin_work(int rounds)
{
    std::vector<std::string> words;
    for (int i = 0; i < rounds; i++)
        words.push_back(names[size_t(i) % names.size()] + std::to_string(i));
    return words.size() == size_t(rounds) ? 0 : 1;
}

// What getline allocates comes from the C library, what is freed goes to it.
int plugin_lines()
{
    char *line = nullptr;
    size_t size = 0;
    FILE *file = fopen("/proc/self/status", "r");
    int lines = 0;
    while (file && getline(&line, &size, file) > 0)
        lines++;
    free(line);
    if (file)
        fclose(file);
    return lines > 5 ? 0 : 1;
}
}
