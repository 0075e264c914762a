/* Signals by number or name. */
#pragma once

/* "9", "KILL", "SIGKILL", "SIGRTMIN+3"; -1: no such signal. */
int signal_number(const char *text);
