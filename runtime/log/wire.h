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
		       full one is closed.  A message of the one byte LOG_ATTACHED comes first:
		       nothing that is written from then on is missed */
	LOG_DRAIN,  /* carpeld: id's container is dead: read what is there, then treat the streams
		       as ended (a grandchild elsewhere may keep the pipe open) */
	LOG_REOPEN, /* carpeld: the descriptors of LOG_ADD and, last, the new log file (read-write,
		       its position at its end), in which id goes on; an id that is not there is
		       added */
	LOG_REOPENED, /* carpel-log: with the serial of LOG_REOPEN: every record from now on goes
			 into the new file, the former one is complete and never written again;
			 never of an id that was refused */
	LOG_FULL, /* carpel-log: id's file has reached max_kib and is not written now: LOG_REOPEN
		     is waited for, some seconds at most */
};

/* A file is full with the chunk that takes it to max_kib or beyond, and LOG_FULL comes when there
 * is more to write; not while draining, when no LOG_REOPEN comes any more.  It may be lost with a
 * connection: LOG_ADD of an id that waits makes it be told again.  So it may also come twice, or
 * late: it is carpeld's to look at the file. */

/* The order of a reopening, so that a kill of either side at any point loses and doubles nothing.
 * While both files may have been written the pod's store has both, and a successor of carpel-log
 * gets both in one message: only then can it tell what to cut from which, see stage.c.
 *
 *   A  carpeld opens the new file.  When that is the file that the store has (by device and inode)
 *      there is nothing to do: two positions in one file would contradict each other.
 *
 *   B  It stores the descriptors of LOG_REOPEN under a tag of their own.  From here on the
 *      reopening will happen, whoever dies.  The entry of LOG_ADD stays as it is.
 *
 *   C  LOG_REOPEN, with a serial that is new for each sending.
 *
 *   D  LOG_REOPENED with the last serial sent: the new file takes the place of LOG_FD_FILE in the
 *      entry of LOG_ADD.  An older serial may answer an earlier reopening, and is ignored.
 *
 *   E  The entry of B is dropped.  Now the caller is told.
 *
 * A carpeld that connects and finds an entry of B goes on with C, before it sends the LOG_ADD of
 * that id, which says nothing of the new file; if LOG_REOPEN cannot be sent, nor may LOG_ADD or
 * LOG_DRAIN of that id be.  Another reopening of the id waits until E.  LOG_DONE ends a reopening
 * too: both entries are dropped.  None begins after LOG_DRAIN.
 */

enum { LOG_ATTACHED = 0 };

enum log_flag { LOG_IS_TTY = 1 }; /* stdout is a pty master, there is no stderr */

/* Descriptors of LOG_ADD: the log file (read-write, its position is the committed end; or
 * /dev/null, for a container without a log), then for each of stdout and stderr: source, stage read
 * end, stage write end.  A tty has only the first three of them. */
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
	uint32_t version, op, flags;
	uint32_t serial;         /* of LOG_REOPEN and its answer */
	char id[LOG_ID_MAX + 4]; /* container id, NUL closed */
	uint32_t max_kib;        /* of LOG_ADD and LOG_REOPEN; 0: no file is ever full */
};
