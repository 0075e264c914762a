/* What security modules this machine has, and our default AppArmor profile in the kernel.  Once,
 * before anything is served: it may wait for apparmor_parser.
 */
#pragma once

struct engine;

void engine_find_lsm(struct engine *g);
/* For whoever asks: "off", "on", or the default profile's name while it is loaded. */
const char *engine_apparmor_word(const struct engine *g);
const char *engine_selinux_word(const struct engine *g);
