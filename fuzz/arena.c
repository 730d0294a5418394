/* Streams of arena operations against the model of tests/region: four bytes an operation, behind
 * one byte that chooses the kind of arena. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "region/model.h"

#define OP_BYTES 4

static struct model model;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void require(bool good)
{
    if (good)
        return;
    fprintf(stderr, "%s\n", model.error != NULL ? model.error : "the model is at odds");
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (bytes == 0)
        return 0;
    require(model_start(&model, data[0] & 15));
    for (data++, bytes--; bytes >= OP_BYTES; data += OP_BYTES, bytes -= OP_BYTES) {
        struct model_op op = {.kind = data[0], .detail = data[1]};

        memcpy(&op.size, data + 2, sizeof op.size);
        require(model_apply(&model, &op));
    }
    require(model_end(&model));
    return 0;
}
