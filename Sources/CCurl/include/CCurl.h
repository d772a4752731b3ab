/// Requests over http and https by libcurl, which is loaded when the first one is made: nobody else needs it.
#ifndef CCURL_H
#define CCURL_H

#include <stddef.h>
#include <stdint.h>

typedef enum { CCURL_GET, CCURL_HEAD, CCURL_PUT } ccurl_method;

/// What to ask for, and whom to tell.
typedef struct {
  ccurl_method method;
  const char *url;
  /// GET: bytes that are there already; the server is asked for the rest.
  int64_t offset;
  /// PUT: the number of bytes to send.
  int64_t size;
  /// Seconds after which a connection that is not made is given up.
  long connecting;
  /// Seconds after which a server is given up that has sent and taken fewer than `pace` bytes a second in them; one that
  /// has sent and taken nothing at all, in any case.
  long patience;
  long pace;
  /// Who asks: a token, or a name and a password, or a file in netrc's format; NULL for those that do not count.
  const char *token;
  const char *user;
  const char *password;
  const char *netrc;
  /// Not NULL: the request is signed by AWS Signature Version 4, "aws:amz:REGION:s3", with `user` for the access key and
  /// `password` for the secret; `headers` then have the hash of what is sent.
  const char *signing;
  /// Further headers, each "name: value", up to NULL.
  const char *headers[3];
  /// Called once before the first byte of an answer that is no refusal: the position in the file that it has (0 if the
  /// server begins anew, or `offset`), and the file's size, -1 where that is not known. Returns 0 to go on.
  int (*begin)(int64_t position, int64_t size, void *context);
  /// Called with each piece of it. Returns 0 to go on.
  int (*receive)(const void *bytes, size_t count, void *context);
  /// PUT: puts the bytes from `position` on into `buffer`, at most `count`: how many, or -1 to stop. May be asked for
  /// the same bytes again.
  int64_t (*send)(int64_t position, void *buffer, size_t count, void *context);
  /// Called now and then, also while nothing arrives. Returns 0 to go on.
  int (*check)(void *context);
  void *context;
} ccurl_request;

typedef enum {
  CCURL_DONE,
  /// The server answered that it will not, see `status`.
  CCURL_REFUSED,
  /// The server answered that it is to be asked for at `address`.
  CCURL_REDIRECTED,
  /// The connection ended, or went silent, before the end.
  CCURL_CUT,
  /// There was no connection at all.
  CCURL_UNREACHABLE,
  /// The address is none that can be asked.
  CCURL_MISDIRECTED,
  /// A callback had it stop.
  CCURL_STOPPED,
} ccurl_outcome;

typedef struct {
  ccurl_outcome outcome;
  /// The HTTP status of the last answer; 0 where there was none.
  long status;
  /// An absolute URL of any scheme, until the session's next request; NULL unless the outcome is that there is one.
  const char *address;
  /// What libcurl says of it.
  char message[256];
} ccurl_result;

/// Connections that are kept for the next request; used by one thread at a time.
typedef void ccurl_session;

/// Loads the library: NULL, or what is wrong. May be called from any thread, any number of times.
const char *ccurl_load(void);

/// ccurl_load must have succeeded. NULL where there is no memory.
ccurl_session *ccurl_open(void);
void ccurl_close(ccurl_session *session);

/// Makes one request over http or https. Redirections are not followed: whoever does has to decide anew who asks.
void ccurl_perform(ccurl_session *session, const ccurl_request *request, ccurl_result *result);

#endif
