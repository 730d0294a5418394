/* Words that people type, and the ones they meant. */
#include <stdint.h>
#include <string.h>

#include "cli.h"

enum { WORD_MAX = 32 };

/* Source: R. A. Wagner and M. J. Fischer, "The string-to-string correction problem", 1974. */
static unsigned edit_distance(const char *a, const char *b)
{
    unsigned row[WORD_MAX + 1];
    size_t length = strlen(b);

    if (strlen(a) > WORD_MAX || length > WORD_MAX)
        return UINT32_MAX;
    for (unsigned j = 0; j <= length; j++)
        row[j] = j;
    for (unsigned i = 0; a[i] != '\0'; i++) {
        unsigned diagonal = row[0];

        row[0] = i + 1;
        for (unsigned j = 0; j < length; j++) {
            unsigned best = diagonal + (a[i] != b[j]);

            diagonal = row[j + 1];
            if (best > row[j] + 1)
                best = row[j] + 1;
            if (best > row[j + 1] + 1)
                best = row[j + 1] + 1;
            row[j + 1] = best;
        }
    }
    return row[length];
}

const char *nearest_word(const char *given, const char *const *words, size_t count)
{
    const char *nearest = NULL;
    unsigned least = (unsigned)strlen(given) / 2 + 1;

    for (size_t i = 0; i < count; i++) {
        unsigned d = edit_distance(given, words[i]);

        if (d < least) {
            least = d;
            nearest = words[i];
        }
    }
    return nearest;
}

int word_index(const char *words, const char *word, size_t length)
{
    for (int i = 0;; i++) {
        size_t n = strcspn(words, "|");

        if (n == length && memcmp(words, word, n) == 0)
            return i;
        if (words[n] == '\0')
            return -1;
        words += n + 1;
    }
}

void json_string(FILE *to, const char *s)
{
    fputc('"', to);
    for (; *s != '\0'; s++) {
        if (*s == '"' || *s == '\\')
            fprintf(to, "\\%c", *s);
        else if ((unsigned char)*s < 32)
            fprintf(to, "\\u%04x", *s);
        else
            fputc(*s, to);
    }
    fputc('"', to);
}
