#ifndef CCRASHNOTES_H
#define CCRASHNOTES_H

/// What a crash of the process is to say on standard error: what was being done, as noted below. The first call installs
/// handlers of the signals that a crash sends (SIGSEGV, SIGILL, SIGTRAP, SIGABRT, SIGFPE, SIGBUS), where there are none;
/// they end the process as these do by themselves.

/// Notes that something begins: a copy of `text`, cut after 1023 bytes. Returns a number for the function below, or -1
/// where too much is noted already.
int ccrashnotes_begin(const char *text);

/// What the number stands for has ended.
void ccrashnotes_end(int number);

#endif
