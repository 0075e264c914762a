/* What carpeld tells carpel-log over RUN/log.sock (SEQPACKET; carpel-log listens, the listening
 * descriptor is inherited as LOG_LISTEN_FD).  carpel-log goes on without carpeld and answers the
 * next one.  Fixed-size messages, both ways.
 */
#pragma once

#include <stdint.h>

/* LOG_ATTACH_MAX: no message of an attached socket is larger, its first byte included. */
enum { LOG_LISTEN_FD = 3, LOG_ID_MAX = 64, LOG_WIRE_VERSION = 1, LOG_ATTACH_MAX = 32 * 1024 };

enum log_op {
	LOG_ADD = 1, /* carpeld: stream set of one container instance; descriptors in enum log_fd
			order; again: ignored */
	LOG_LIST,    /* carpeld: answered by one LOG_ITEM each, then LOG_LIST_END */
	LOG_ITEM,
	LOG_LIST_END,
	LOG_DONE,   /* carpel-log: every stream of id reached its end and is in the file, all
		       committed */
	LOG_ATTACH, /* carpeld: copy new bytes of id to the one descriptor beside it (a SEQPACKET
		       socket: first byte of each message 1 stdout or 2 stderr), never blocking; a
		       full one is closed */
	LOG_DRAIN, /* carpeld: id's container is dead: read what is there, then treat the streams as
		      ended (a grandchild elsewhere may keep the pipe open) */
};

enum log_flag { LOG_IS_TTY = 1 }; /* stdout is a pty master, there is no stderr */

/* Descriptors of LOG_ADD: the log file (read-write, its position is the committed end), then for
 * each of stdout and stderr: source, stage read end, stage write end.  A tty has only the first
 * three of them. */
enum log_fd {
	LOG_FD_FILE = 0,
	LOG_FD_OUT,
	LOG_FD_OUT_STAGE_R,
	LOG_FD_OUT_STAGE_W,
	LOG_FD_ERR,
	LOG_FD_ERR_STAGE_R,
	LOG_FD_ERR_STAGE_W,
	LOG_FDS
};

struct log_msg {
	uint32_t version, op, flags, reserved;
	char id[LOG_ID_MAX + 8]; /* container id, NUL closed */
};
