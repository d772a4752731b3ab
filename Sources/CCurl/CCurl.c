#define _GNU_SOURCE
#include "CCurl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// The part of libcurl's interface that is used here. Its numbers are fixed for all of libcurl 7 and 8.
typedef void CURL;
typedef void CURLM;
enum {
  OPTION_LONG = 0,
  OPTION_POINTER = 10000,
  OPTION_FUNCTION = 20000,
  OPTION_OFFSET = 30000,
  OPTION_WRITEDATA = OPTION_POINTER + 1,
  OPTION_URL = OPTION_POINTER + 2,
  OPTION_RANGE = OPTION_POINTER + 7,
  OPTION_READDATA = OPTION_POINTER + 9,
  OPTION_ERRORBUFFER = OPTION_POINTER + 10,
  OPTION_WRITEFUNCTION = OPTION_FUNCTION + 11,
  OPTION_READFUNCTION = OPTION_FUNCTION + 12,
  OPTION_USERAGENT = OPTION_POINTER + 18,
  OPTION_HTTPHEADER = OPTION_POINTER + 23,
  OPTION_NOPROGRESS = OPTION_LONG + 43,
  OPTION_NOBODY = OPTION_LONG + 44,
  OPTION_UPLOAD = OPTION_LONG + 46,
  OPTION_NETRC = OPTION_LONG + 51,
  OPTION_XFERINFODATA = OPTION_POINTER + 57,
  OPTION_CONNECTTIMEOUT = OPTION_LONG + 78,
  OPTION_NOSIGNAL = OPTION_LONG + 99,
  OPTION_HTTPAUTH = OPTION_LONG + 107,
  OPTION_INFILESIZE_LARGE = OPTION_OFFSET + 115,
  OPTION_NETRC_FILE = OPTION_POINTER + 118,
  OPTION_SEEKFUNCTION = OPTION_FUNCTION + 167,
  OPTION_SEEKDATA = OPTION_POINTER + 168,
  OPTION_USERNAME = OPTION_POINTER + 173,
  OPTION_PASSWORD = OPTION_POINTER + 174,
  OPTION_EXPECT_100_TIMEOUT_MS = OPTION_LONG + 227,
  OPTION_AWS_SIGV4 = OPTION_POINTER + 305,
  OPTION_PROTOCOLS = OPTION_LONG + 181,
  OPTION_XFERINFOFUNCTION = OPTION_FUNCTION + 219,
  OPTION_XOAUTH2_BEARER = OPTION_POINTER + 220,
  OPTION_QUICK_EXIT = OPTION_LONG + 322,
  INFO_REDIRECT_URL = 0x100000 + 31,
  INFO_RESPONSE_CODE = 0x200000 + 2,
  INFO_CONTENT_LENGTH_DOWNLOAD_T = 0x600000 + 15,
  PROTOCOLS_WEB = 1 << 0 | 1 << 1,  // http, https
  AUTH_BASIC = 1 << 0,
  AUTH_BEARER = 1 << 6,
  NETRC_OPTIONAL = 1,
  READ_ABORT = 0x10000000,
  SEEK_OK = 0,
  GLOBAL_DEFAULT = 3,
  MESSAGE_DONE = 1,
  // How long to wait for the server, in milliseconds, until it is time to ask whether to go on.
  PAUSE = 100,
  OK = 0,
  FAILED_INIT = 2,
  COULDNT_RESOLVE_PROXY = 5,
  COULDNT_RESOLVE_HOST = 6,
  COULDNT_CONNECT = 7,
  SSL_CONNECT_ERROR = 35,
  UNSUPPORTED_PROTOCOL = 1,
  URL_MALFORMAT = 3,
  PEER_FAILED_VERIFICATION = 60,
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const char *problem = NULL;
static CURL *(*easy_init)(void);
static int (*easy_setopt)(CURL *, int, ...);
static int (*easy_getinfo)(CURL *, int, ...);
static void (*easy_reset)(CURL *);
static void (*easy_cleanup)(CURL *);
static const char *(*easy_strerror)(int);

// What a transfer on a multi handle ended with.
typedef struct {
  int message;
  CURL *easy;
  union {
    void *whatever;
    int result;
  } data;
} outcome;

static CURLM *(*multi_init)(void);
static int (*multi_add_handle)(CURLM *, CURL *);
static int (*multi_remove_handle)(CURLM *, CURL *);
static int (*multi_perform)(CURLM *, int *);
// The latter, since libcurl 7.66, waits also where there is nothing to wait for yet.
static int (*multi_wait)(CURLM *, void *, unsigned, int, int *);
static int (*multi_poll)(CURLM *, void *, unsigned, int, int *);
static outcome *(*multi_info_read)(CURLM *, int *);
static int (*multi_cleanup)(CURLM *);

// A request at a time, and the connections that are kept for the next one.
typedef struct {
  CURLM *multi;
  CURL *easy;
} session;

// A list of headers, as libcurl has it.
typedef struct headers {
  const char *text;
  struct headers *next;
} headers;

static void load(void) {
  static const char *const names[] = {"libcurl.so.4", "libcurl-gnutls.so.4", "libcurl.so"};
  void *library = NULL;
  // What libcurl needs is looked up in the libraries that it comes with, before those that the program was linked with: in
  // an archive with libraries of its own the program has another OpenSSL than the system's libcurl.
  const int mode = RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND;
  for (size_t i = 0; !library && i < sizeof names / sizeof *names; i++) library = dlopen(names[i], mode);
  if (!library) {
    problem = "libcurl (libcurl.so.4) cannot be loaded: install libcurl4";
    return;
  }
  int (*global_init)(long) = (int (*)(long))dlsym(library, "curl_global_init");
  easy_init = (CURL * (*)(void)) dlsym(library, "curl_easy_init");
  easy_setopt = (int (*)(CURL *, int, ...))dlsym(library, "curl_easy_setopt");
  easy_getinfo = (int (*)(CURL *, int, ...))dlsym(library, "curl_easy_getinfo");
  easy_reset = (void (*)(CURL *))dlsym(library, "curl_easy_reset");
  easy_cleanup = (void (*)(CURL *))dlsym(library, "curl_easy_cleanup");
  easy_strerror = (const char *(*)(int))dlsym(library, "curl_easy_strerror");
  multi_init = (CURLM * (*)(void)) dlsym(library, "curl_multi_init");
  multi_add_handle = (int (*)(CURLM *, CURL *))dlsym(library, "curl_multi_add_handle");
  multi_remove_handle = (int (*)(CURLM *, CURL *))dlsym(library, "curl_multi_remove_handle");
  multi_perform = (int (*)(CURLM *, int *))dlsym(library, "curl_multi_perform");
  multi_wait = (int (*)(CURLM *, void *, unsigned, int, int *))dlsym(library, "curl_multi_wait");
  multi_poll = (int (*)(CURLM *, void *, unsigned, int, int *))dlsym(library, "curl_multi_poll");
  multi_info_read = (outcome * (*)(CURLM *, int *)) dlsym(library, "curl_multi_info_read");
  multi_cleanup = (int (*)(CURLM *))dlsym(library, "curl_multi_cleanup");
  if (!global_init || !easy_init || !easy_setopt || !easy_getinfo || !easy_reset || !easy_cleanup || !easy_strerror ||
      !multi_init || !multi_add_handle || !multi_remove_handle || !multi_perform || !(multi_poll || multi_wait) ||
      !multi_info_read || !multi_cleanup || global_init(GLOBAL_DEFAULT) != OK)
    problem = "libcurl.so.4 is not what it should be: install libcurl4 anew";
}

const char *ccurl_load(void) {
  pthread_once(&once, load);
  return problem;
}

ccurl_session *ccurl_open(void) {
  session *s = calloc(1, sizeof *s);
  if (!s) return NULL;
  s->multi = multi_init();
  s->easy = easy_init();
  if (s->multi && s->easy) return s;
  ccurl_close(s);
  return NULL;
}

void ccurl_close(ccurl_session *opened) {
  session *s = opened;
  if (s->easy) easy_cleanup(s->easy);
  if (s->multi) multi_cleanup(s->multi);
  free(s);
}

typedef struct {
  const ccurl_request *request;
  CURL *handle;
  int64_t sent;
  int64_t refusal_size;
  // Bytes that had gone to and fro when the server had last done its share, and when that was.
  int64_t moved;
  int64_t total;
  struct timespec last;
  int is_silent;
  int has_begun;
  int is_stopped;
} transfer;

static int is_refusal(long status) { return status >= 300; }

// Whether the server says where else to ask the same: with 303 it is something else that is there.
static int is_redirection(long status, ccurl_method method) {
  return status == 301 || status == 302 || status == 307 || status == 308 || (status == 303 && method != CCURL_PUT);
}

static size_t on_bytes(const char *bytes, size_t size, size_t count, void *context) {
  transfer *t = context;
  if (!t->has_begun) {
    long status = 0;
    int64_t length = -1;
    easy_getinfo(t->handle, INFO_RESPONSE_CODE, &status);
    if (is_refusal(status)) {
      // A page for people. It is taken from the line, which is good for the next request then, unless it is long.
      t->refusal_size += size * count;
      return t->refusal_size > 1 << 16 ? 0 : size * count;
    }
    easy_getinfo(t->handle, INFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    int64_t position = status == 206 ? t->request->offset : 0;
    t->has_begun = 1;
    // A length that no file has stays the largest that there is.
    int64_t size = length < 0 ? -1 : length > INT64_MAX - position ? INT64_MAX : position + length;
    t->is_stopped = t->request->begin(position, size, t->request->context) != 0;
  }
  if (!t->is_stopped) t->is_stopped = t->request->receive(bytes, size * count, t->request->context) != 0;
  return t->is_stopped ? 0 : size * count;
}

static size_t on_demand(char *buffer, size_t size, size_t count, void *context) {
  transfer *t = context;
  int64_t put = t->request->send(t->sent, buffer, size * count, t->request->context);
  if (put < 0) {
    t->is_stopped = 1;
    return READ_ABORT;
  }
  t->sent += put;
  return put;
}

// Asked for where what was sent has to be sent once more, from the start.
static int on_rewind(void *context, int64_t offset, int origin) {
  transfer *t = context;
  if (origin == SEEK_SET) t->sent = offset;
  return origin == SEEK_SET ? SEEK_OK : 1;
}

// libcurl's own limit is on the mean over five seconds, during which a server that did something is not silent.
static int on_progress(void *context, int64_t expected, int64_t received, int64_t due, int64_t sent) {
  (void)expected, (void)due;
  transfer *t = context;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  t->total = received + sent;
  int64_t share = t->request->pace > 0 ? t->request->pace * t->request->patience : 1;
  if (t->total - t->moved >= share) {
    t->moved = t->total;
    t->last = now;
  }
  t->is_silent = now.tv_sec - t->last.tv_sec - (now.tv_nsec < t->last.tv_nsec) >= t->request->patience;
  if (!t->is_stopped) t->is_stopped = t->request->check(t->request->context) != 0;
  return t->is_stopped || t->is_silent;
}

// Makes the request that the session's handle was told of. libcurl itself would ask but once a second whether to go on.
static int perform(session *s, transfer *t) {
  int code = FAILED_INIT, running = 1, count;
  if (multi_add_handle(s->multi, s->easy) != OK) return code;
  while (multi_perform(s->multi, &running) == OK && running) {
    if (!t->is_stopped) t->is_stopped = t->request->check(t->request->context) != 0;
    if (t->is_stopped) break;
    if ((multi_poll ? multi_poll : multi_wait)(s->multi, NULL, 0, PAUSE, &count) != OK) break;
    // While a name is looked up there is nothing to wait for.
    if (!multi_poll && count == 0) nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
  }
  for (outcome *found; (found = multi_info_read(s->multi, &count));)
    if (found->message == MESSAGE_DONE && found->easy == s->easy) code = found->data.result;
  multi_remove_handle(s->multi, s->easy);
  return code;
}

void ccurl_perform(ccurl_session *opened, const ccurl_request *request, ccurl_result *result) {
  session *s = opened;
  char details[256] = "";  // CURL_ERROR_SIZE
  char range[32];
  headers list[4], *first = NULL;
  memset(result, 0, sizeof *result);
  transfer t = {.request = request, .handle = s->easy};
  clock_gettime(CLOCK_MONOTONIC, &t.last);
  easy_reset(t.handle);  // Keeps its connections.
  easy_setopt(t.handle, OPTION_URL, request->url);
  easy_setopt(t.handle, OPTION_PROTOCOLS, (long)PROTOCOLS_WEB);
  easy_setopt(t.handle, OPTION_NOSIGNAL, 1L);
  // Whoever gives up does not wait for a name to be looked up.
  easy_setopt(t.handle, OPTION_QUICK_EXIT, 1L);
  easy_setopt(t.handle, OPTION_CONNECTTIMEOUT, request->connecting);
  easy_setopt(t.handle, OPTION_USERAGENT, "diffusionclip");
  easy_setopt(t.handle, OPTION_ERRORBUFFER, details);
  if (request->token) {
    easy_setopt(t.handle, OPTION_HTTPAUTH, (long)AUTH_BEARER);
    easy_setopt(t.handle, OPTION_XOAUTH2_BEARER, request->token);
  } else if (request->signing) {
    if (easy_setopt(t.handle, OPTION_AWS_SIGV4, request->signing) != OK) {
      result->outcome = CCURL_MISDIRECTED;
      snprintf(result->message, sizeof result->message, "this libcurl cannot sign requests: S3 needs libcurl 7.75");
      return;
    }
    easy_setopt(t.handle, OPTION_USERNAME, request->user);
    easy_setopt(t.handle, OPTION_PASSWORD, request->password);
  } else if (request->user) {
    easy_setopt(t.handle, OPTION_HTTPAUTH, (long)AUTH_BASIC);
    easy_setopt(t.handle, OPTION_USERNAME, request->user);
    easy_setopt(t.handle, OPTION_PASSWORD, request->password);
  } else if (request->netrc) {
    easy_setopt(t.handle, OPTION_NETRC, (long)NETRC_OPTIONAL);
    easy_setopt(t.handle, OPTION_NETRC_FILE, request->netrc);
  }
  for (int i = 2; i >= 0; i--) {
    if (!request->headers[i]) continue;
    list[i] = (headers){request->headers[i], first};
    first = &list[i];
  }
  switch (request->method) {
  case CCURL_GET:
    if (request->offset > 0) {
      snprintf(range, sizeof range, "%lld-", (long long)request->offset);
      easy_setopt(t.handle, OPTION_RANGE, range);
    }
    break;
  case CCURL_HEAD: easy_setopt(t.handle, OPTION_NOBODY, 1L); break;
  case CCURL_PUT:
    easy_setopt(t.handle, OPTION_UPLOAD, 1L);
    easy_setopt(t.handle, OPTION_INFILESIZE_LARGE, request->size);
    // Servers that do not know the question whether to go on leave it unanswered for a second. A header that takes the
    // question away would be signed by libcurl, though it is not sent.
    if (request->signing) {
      easy_setopt(t.handle, OPTION_EXPECT_100_TIMEOUT_MS, 1L);
    } else {
      list[3] = (headers){"Expect:", first};
      first = &list[3];
    }
    easy_setopt(t.handle, OPTION_READFUNCTION, on_demand);
    easy_setopt(t.handle, OPTION_READDATA, &t);
    easy_setopt(t.handle, OPTION_SEEKFUNCTION, on_rewind);
    easy_setopt(t.handle, OPTION_SEEKDATA, &t);
    break;
  }
  if (first) easy_setopt(t.handle, OPTION_HTTPHEADER, first);
  easy_setopt(t.handle, OPTION_WRITEFUNCTION, on_bytes);
  easy_setopt(t.handle, OPTION_WRITEDATA, &t);
  easy_setopt(t.handle, OPTION_NOPROGRESS, 0L);
  easy_setopt(t.handle, OPTION_XFERINFOFUNCTION, on_progress);
  easy_setopt(t.handle, OPTION_XFERINFODATA, &t);
  int code = perform(s, &t);
  easy_getinfo(t.handle, INFO_RESPONSE_CODE, &result->status);
  if (t.is_silent)
    snprintf(result->message, sizeof result->message, "%s for %ld s",
             t.total > t.moved ? "too slow" : "silent", request->patience);
  else
    snprintf(result->message, sizeof result->message, "%s", details[0] ? details : easy_strerror(code));
  if (t.is_stopped) {
    result->outcome = CCURL_STOPPED;
    return;
  }
  if (code == OK && is_redirection(result->status, request->method)) {
    easy_getinfo(t.handle, INFO_REDIRECT_URL, &result->address);
    if (result->address) {
      result->outcome = CCURL_REDIRECTED;
      return;
    }
  }
  if ((code == OK || t.refusal_size > 0) && is_refusal(result->status)) {
    result->outcome = CCURL_REFUSED;
    return;
  }
  switch (code) {
  case OK: result->outcome = CCURL_DONE; break;
  case UNSUPPORTED_PROTOCOL:
  case URL_MALFORMAT: result->outcome = CCURL_MISDIRECTED; break;
  case COULDNT_RESOLVE_PROXY:
  case COULDNT_RESOLVE_HOST:
  case COULDNT_CONNECT:
  case SSL_CONNECT_ERROR:
  case PEER_FAILED_VERIFICATION: result->outcome = CCURL_UNREACHABLE; break;
  default: result->outcome = CCURL_CUT;
  }
}
