/* Layer 2: what every layer above needs and no user memory is involved in: options, locks, memory
 * for our own metadata, the reporting of misuse and the last error. */
#ifndef ALI_CORE_H
#define ALI_CORE_H

#include "base/base.h"
#include "plat/plat.h"

#include "core/error.h"
#include "core/lock.h"
#include "core/metadata.h"
#include "core/options.h"
#include "core/path.h"
#include "core/report.h"
#include "core/trace.h"

#endif
