#define _GNU_SOURCE
#include "CProcesses.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int limit(__rlimit_resource_t resource, uint64_t most) {
  struct rlimit now;
  if (getrlimit(resource, &now) != 0) return -1;
  if (now.rlim_max == RLIM_INFINITY || most < now.rlim_max) now.rlim_max = most;
  now.rlim_cur = now.rlim_max;
  return setrlimit(resource, &now);
}

/// Closes every file from `first` on.
static void close_from(int first) {
#ifdef SYS_close_range
  if (syscall(SYS_close_range, first, ~0U, 0) == 0) return;
#endif
  long count = sysconf(_SC_OPEN_MAX);
  if (count < 0 || count > 65536) count = 65536;
  for (int file = first; file < count; file++) close(file);
}

/// In the new process, which has the memory of the old one until it becomes the program: system calls alone.
static int become(const struct cprocesses_program *program, const int files[3]) {
  struct sigaction usual = {.sa_handler = SIG_DFL};
  for (int number = 1; number < NSIG; number++) sigaction(number, &usual, NULL);
  if (setsid() < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || chdir(program->folder) != 0) return errno;
  if (dup2(files[0], 0) < 0 || dup2(files[1], 1) < 0 || dup2(files[1], 2) < 0 || dup2(files[2], 3) < 0) return errno;
  close_from(4);
  if (limit(RLIMIT_CORE, 0) != 0 || limit(RLIMIT_DATA, program->memory) != 0 ||
      limit(RLIMIT_FSIZE, program->file) != 0)
    return errno;
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  execve(program->path, program->arguments, program->environment);
  return errno;
}

pid_t cprocesses_start(const struct cprocesses_program *program) {
  // Out of the way of the numbers that the program finds them under.
  int files[3] = {
      fcntl(program->input, F_DUPFD_CLOEXEC, 10), fcntl(program->output, F_DUPFD_CLOEXEC, 10),
      fcntl(program->progress, F_DUPFD_CLOEXEC, 10)};
  volatile int code = 0;
  pid_t process = -1;
  if (files[0] < 0 || files[1] < 0 || files[2] < 0) {
    code = errno;
  } else {
    // No handler of ours may run in the new process, whose memory is ours.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    process = vfork();
    if (process == 0) {
      code = become(program, files);
      _exit(127);
    }
    if (process < 0) code = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (process > 0 && code != 0) {
      while (waitpid(process, NULL, 0) < 0 && errno == EINTR) continue;
    }
  }
  for (int place = 0; place < 3; place++)
    if (files[place] >= 0) close(files[place]);
  return code != 0 ? -code : process;
}

int cprocesses_pipe(int files[2]) { return pipe2(files, O_CLOEXEC); }

int cprocesses_watch(pid_t process) {
#ifdef SYS_pidfd_open
  return (int)syscall(SYS_pidfd_open, process, 0);
#else
  (void)process;
  return -1;
#endif
}
