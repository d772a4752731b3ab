#ifndef CPROCESSES_H
#define CPROCESSES_H

#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

/// What a program starts with.
struct cprocesses_program {
  /// Its file; its arguments and its environment, each ended by NULL.
  const char *path;
  char *const *arguments;
  char *const *environment;
  /// The folder that it works in.
  const char *folder;
  /// Open files that become its 0, its 1 and 2, and its 3. It has no others.
  int input, output, progress;
  /// Bytes of memory of its own that a process of it may have, and bytes that a file may have that it writes.
  uint64_t memory, file;
};

/// Starts a program as the leader of a session of its own, with the system's usual signals, and ended when the thread
/// that started it ends. Returns its process, or the negated number of the error.
pid_t cprocesses_start(const struct cprocesses_program *program);

/// A pipe, to read from the first of `files` and write to the second, that no program inherits; 0, or -1 with errno.
int cprocesses_pipe(int files[2]);

/// A file to poll for the end of a process; -1 where the system has none.
int cprocesses_watch(pid_t process);

#endif
