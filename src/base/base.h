/* Layer 0: arithmetic, bits and assertions. Allocates nothing, calls nothing of the OS. */
#ifndef ALI_BASE_H
#define ALI_BASE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/bits.h"
#include "base/format.h"
#include "base/random.h"

#endif
