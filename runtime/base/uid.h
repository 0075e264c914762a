/* Unique ids of objects, as Kubernetes has them: random UUIDs of version 4. */
#pragma once

enum { UID_LEN = 36 };

void uid_make(char out[UID_LEN + 1]);
