/// Downloads by libcurl, which is loaded when the first one is asked for: nobody else needs it.
#ifndef CCURL_H
#define CCURL_H

#include <stddef.h>
#include <stdint.h>

/// What to fetch, and whom to tell.
typedef struct {
  const char *url;
  /// Bytes that are there already; the server is asked for the rest.
  int64_t offset;
  /// Seconds after which a server that sends nothing is given up.
  long patience;
  /// Called once before the first byte: the position in the file that it has (0 if the server begins anew, or
  /// `offset`), and the file's size, -1 where that is not known. Returns 0 to go on.
  int (*begin)(int64_t position, int64_t size, void *context);
  /// Called with each piece. Returns 0 to go on.
  int (*receive)(const void *bytes, size_t count, void *context);
  /// Called now and then, also while nothing arrives. Returns 0 to go on.
  int (*check)(void *context);
  void *context;
} ccurl_request;

typedef enum {
  CCURL_DONE,
  /// The server answered that it will not, see `status`.
  CCURL_REFUSED,
  /// The connection ended, or went silent, before the end.
  CCURL_CUT,
  /// There was no connection at all.
  CCURL_UNREACHABLE,
  /// A callback did not return 0.
  CCURL_STOPPED,
} ccurl_outcome;

typedef struct {
  ccurl_outcome outcome;
  /// The HTTP status of the last answer; 0 where there was none.
  long status;
  /// What libcurl says of it.
  char message[256];
} ccurl_result;

/// Loads the library: NULL, or what is wrong. May be called from any thread, any number of times.
const char *ccurl_load(void);

/// Fetches a URL over http or https, redirections followed. ccurl_load must have succeeded.
void ccurl_fetch(const ccurl_request *request, ccurl_result *result);

#endif
