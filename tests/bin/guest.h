/* Parts of the guest, see guest.c: each applet takes its arguments, closed by NULL, and returns the
 * exit code.
 */
#pragma once

#include <stddef.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

int answer(const char *name, long rc); /* prints "NAME ok" or "NAME ERRNO" */
long number(const char *text);
int listen_on(long port); /* on every address, prints "ready"; ends the program when it cannot */

int act_talk(char **args);
int act_catch(char **args);
int act_have(char **args);
int act_age(char **args);
int act_pour(char **args); /* FILE MS: past the page cache */
int act_fill(char **args); /* FILE BYTES: adds them, says how many went in and why no more */
int act_nap(char **args);
int act_litter(char **args);
int act_halt(char **args);
int act_stamp(char **args);
int act_ask(char **args);
int act_end(char **args);
int act_later(char **args);

int attack_hunt(char **args);
int attack_steal(char **args);
int attack_swap(char **args);

int look_cat(char **args);
int look_mounts(char **args);
int look_keyring(char **args);
int look_env(char **args);
int look_report(char **args);
int look_show_args(char **args);
int look_ls(char **args);
int look_show_link(char **args);
int look_show_stat(char **args);
int look_ns(char **args);
int look_procs(char **args);

const char *call_name(size_t i); /* NULL: there is none */
long call_try(size_t i);
long clone_apart(unsigned long flags); /* the child ends at once */

int try_all(char **args);
int try_open_path(char **args);
int try_write_file(char **args);
int try_append_file(char **args);
int try_make_dir(char **args);
int try_remove_file(char **args);
int try_change_mode(char **args);
int try_bind(char **args);
int try_change_owner(char **args);
int try_make_node(char **args);
int try_mq(char **args);
int try_connect_port(char **args);
