/* Random streams of operations on arenas of every kind, against the model. The seed is printed;
 * region_random SEED replays one. */
#include "unit.h"

#include <inttypes.h>

#include "core/core.h"
#include "region/model.h"

enum { STREAMS = 200, OPS = 2000 };

static struct model model;
static uint64_t seed = 1;
static uint64_t streams = STREAMS;

static void run_stream(uint64_t number)
{
    struct ali_random random = {number};
    unsigned mode = (unsigned)ali_random_next(&random) & 15;
    bool good = model_start(&model, mode);

    for (int i = 0; i < OPS && good; i++) {
        uint64_t r = ali_random_next(&random);
        struct model_op op = {(uint8_t)r, (uint8_t)(r >> 8), (uint16_t)(r >> 16)};

        good = model_apply(&model, &op);
    }
    if (!good || !model_end(&model))
        fail_msg("seed %" PRIu64 ", mode %u: %s", number, mode, model.error);
}

static void random_streams_keep_to_the_model(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < streams; i++)
        run_stream(seed + i);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_streams_keep_to_the_model),
    };

    if (argc > 1) {
        seed = strtoull(argv[1], NULL, 10);
        streams = 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
