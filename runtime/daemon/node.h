/* What is known of the machine that the pods run on. */
#pragma once

#include "daemon/daemon.h"

/* Fills node_name, host_ip and facts.  given: --node-name, NULL without one. */
int node_read(struct daemon *d, const char *given, struct err *e);
void node_free(struct daemon *d);
