/* The option list, which comes from the environment: any text is taken or refused with a message,
 * and what was taken is taken again the same way. */
#include <stdlib.h>
#include <string.h>

#include "core/core.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void require(bool good)
{
    if (!good)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct ali_options first, again;
    char *list, *message;
    size_t room;
    bool good;

    if (bytes == 0)
        return 0;
    room = (size_t)data[0] + 1;
    message = malloc(room); /* exact, so that a byte too many is seen */
    list = malloc(bytes);
    require(message != NULL && list != NULL);
    memcpy(list, data + 1, bytes - 1);
    list[bytes - 1] = '\0';
    memset(message, 'x', room);

    memset(&first, 0, sizeof first);
    good = ali_options_parse(&first, list, message, room);
    require(good || memchr(message, '\0', room) != NULL);
    require(good || room == 1 || message[0] != '\0');
    require(memchr(first.stats_path, '\0', sizeof first.stats_path) != NULL);

    again = first;
    require(ali_options_parse(&again, list, message, room) == good);
    require(memcmp(&first, &again, sizeof first) == 0);
    free(list);
    free(message);
    return 0;
}
