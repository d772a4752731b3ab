#ifndef CFILEFAULTS_H
#define CFILEFAULTS_H

#include <stddef.h>

/// Watches a mapping of a file, so that a page of it that cannot be had any more (the file was cut short, the disk has a
/// bad sector) reads as zeros instead of ending the process by SIGBUS. Returns a number for the functions below, or -1
/// where too many are watched already.
int cfilefaults_watch(const void *start, size_t size);

/// Whether some of it could not be read.
int cfilefaults_happened(int number);

/// Before the mapping is undone.
void cfilefaults_forget(int number);

#endif
