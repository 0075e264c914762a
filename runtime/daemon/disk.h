/* What pods have on the disk, counted by carpel-image beside us: of a pod with limits again and
 * again, and it is evicted when it has more than they allow; of others when somebody asks.
 */
#pragma once

#include "daemon/daemon.h"
#include "pod/disk.h"

struct disk;

struct disk *disk_open(struct daemon *d, int64_t period_ms);
void disk_close(struct disk *k);
void disk_watch(struct pod *p); /* of a pod that is there now */
void disk_forget(struct pod *p);
/* As it was counted last, in the order of pod/disk.h; it is counted anew when that was long ago.
 * NULL: never yet. */
const struct disk_use *disk_ask(struct pod *p);
