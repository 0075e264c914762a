/* Signal dispositions and mask of the calling process, for whoever is about to execute another
 * program.  No heap: runs between clone and exec. */
#pragma once

/* All to their defaults, an empty mask: what is ignored stays ignored across exec.  Also signals 32
 * and 33, which libc keeps for itself and which some parents ignore. */
void sig_reset(void);
