#include "CCurl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

// The part of libcurl's interface that is used here. Its numbers are fixed for all of libcurl 7 and 8.
typedef void CURL;
enum {
  OPTION_LONG = 0,
  OPTION_POINTER = 10000,
  OPTION_FUNCTION = 20000,
  OPTION_WRITEDATA = OPTION_POINTER + 1,
  OPTION_URL = OPTION_POINTER + 2,
  OPTION_RANGE = OPTION_POINTER + 7,
  OPTION_ERRORBUFFER = OPTION_POINTER + 10,
  OPTION_WRITEFUNCTION = OPTION_FUNCTION + 11,
  OPTION_USERAGENT = OPTION_POINTER + 18,
  OPTION_LOW_SPEED_LIMIT = OPTION_LONG + 19,
  OPTION_LOW_SPEED_TIME = OPTION_LONG + 20,
  OPTION_NOPROGRESS = OPTION_LONG + 43,
  OPTION_FAILONERROR = OPTION_LONG + 45,
  OPTION_FOLLOWLOCATION = OPTION_LONG + 52,
  OPTION_XFERINFODATA = OPTION_POINTER + 57,
  OPTION_MAXREDIRS = OPTION_LONG + 68,
  OPTION_CONNECTTIMEOUT = OPTION_LONG + 78,
  OPTION_NOSIGNAL = OPTION_LONG + 99,
  OPTION_PROTOCOLS = OPTION_LONG + 181,
  OPTION_REDIR_PROTOCOLS = OPTION_LONG + 182,
  OPTION_XFERINFOFUNCTION = OPTION_FUNCTION + 219,
  INFO_RESPONSE_CODE = 0x200000 + 2,
  INFO_CONTENT_LENGTH_DOWNLOAD_T = 0x600000 + 15,
  PROTOCOLS_WEB = 1 << 0 | 1 << 1,  // http, https
  GLOBAL_DEFAULT = 3,
  OK = 0,
  COULDNT_RESOLVE_PROXY = 5,
  COULDNT_RESOLVE_HOST = 6,
  COULDNT_CONNECT = 7,
  HTTP_RETURNED_ERROR = 22,
  SSL_CONNECT_ERROR = 35,
  UNSUPPORTED_PROTOCOL = 1,
  URL_MALFORMAT = 3,
  PEER_FAILED_VERIFICATION = 60,
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const char *problem = NULL;
static CURL *(*easy_init)(void);
static int (*easy_setopt)(CURL *, int, ...);
static int (*easy_perform)(CURL *);
static int (*easy_getinfo)(CURL *, int, ...);
static void (*easy_cleanup)(CURL *);
static const char *(*easy_strerror)(int);

static void load(void) {
  static const char *const names[] = {"libcurl.so.4", "libcurl-gnutls.so.4", "libcurl.so"};
  void *library = NULL;
  for (size_t i = 0; !library && i < sizeof names / sizeof *names; i++) library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    problem = "libcurl (libcurl.so.4) cannot be loaded: install libcurl4";
    return;
  }
  int (*global_init)(long) = (int (*)(long))dlsym(library, "curl_global_init");
  easy_init = (CURL * (*)(void)) dlsym(library, "curl_easy_init");
  easy_setopt = (int (*)(CURL *, int, ...))dlsym(library, "curl_easy_setopt");
  easy_perform = (int (*)(CURL *))dlsym(library, "curl_easy_perform");
  easy_getinfo = (int (*)(CURL *, int, ...))dlsym(library, "curl_easy_getinfo");
  easy_cleanup = (void (*)(CURL *))dlsym(library, "curl_easy_cleanup");
  easy_strerror = (const char *(*)(int))dlsym(library, "curl_easy_strerror");
  if (!global_init || !easy_init || !easy_setopt || !easy_perform || !easy_getinfo || !easy_cleanup || !easy_strerror ||
      global_init(GLOBAL_DEFAULT) != OK)
    problem = "libcurl.so.4 is not what it should be: install libcurl4 anew";
}

const char *ccurl_load(void) {
  pthread_once(&once, load);
  return problem;
}

typedef struct {
  const ccurl_request *request;
  CURL *handle;
  int has_begun;
  int is_stopped;
} transfer;

static size_t on_bytes(const char *bytes, size_t size, size_t count, void *context) {
  transfer *t = context;
  if (!t->has_begun) {
    long status = 0;
    int64_t length = -1;
    easy_getinfo(t->handle, INFO_RESPONSE_CODE, &status);
    easy_getinfo(t->handle, INFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    int64_t position = status == 206 ? t->request->offset : 0;
    t->has_begun = 1;
    t->is_stopped = t->request->begin(position, length < 0 ? -1 : position + length, t->request->context) != 0;
  }
  if (!t->is_stopped) t->is_stopped = t->request->receive(bytes, size * count, t->request->context) != 0;
  return t->is_stopped ? 0 : size * count;
}

static int on_progress(void *context, int64_t a, int64_t b, int64_t c, int64_t d) {
  (void)a, (void)b, (void)c, (void)d;
  transfer *t = context;
  if (!t->is_stopped) t->is_stopped = t->request->check(t->request->context) != 0;
  return t->is_stopped;
}

void ccurl_fetch(const ccurl_request *request, ccurl_result *result) {
  char details[256] = "";  // CURL_ERROR_SIZE
  char range[32];
  memset(result, 0, sizeof *result);
  transfer t = {.request = request, .handle = easy_init()};
  if (!t.handle) {
    result->outcome = CCURL_UNREACHABLE;
    snprintf(result->message, sizeof result->message, "libcurl gives no handle");
    return;
  }
  easy_setopt(t.handle, OPTION_URL, request->url);
  easy_setopt(t.handle, OPTION_PROTOCOLS, (long)PROTOCOLS_WEB);
  easy_setopt(t.handle, OPTION_REDIR_PROTOCOLS, (long)PROTOCOLS_WEB);
  easy_setopt(t.handle, OPTION_FOLLOWLOCATION, 1L);
  easy_setopt(t.handle, OPTION_MAXREDIRS, 10L);
  easy_setopt(t.handle, OPTION_FAILONERROR, 1L);
  easy_setopt(t.handle, OPTION_NOSIGNAL, 1L);
  easy_setopt(t.handle, OPTION_CONNECTTIMEOUT, request->patience);
  easy_setopt(t.handle, OPTION_LOW_SPEED_LIMIT, 1L);
  easy_setopt(t.handle, OPTION_LOW_SPEED_TIME, request->patience);
  easy_setopt(t.handle, OPTION_USERAGENT, "diffusionclip");
  easy_setopt(t.handle, OPTION_ERRORBUFFER, details);
  if (request->offset > 0) {
    snprintf(range, sizeof range, "%lld-", (long long)request->offset);
    easy_setopt(t.handle, OPTION_RANGE, range);
  }
  easy_setopt(t.handle, OPTION_WRITEFUNCTION, on_bytes);
  easy_setopt(t.handle, OPTION_WRITEDATA, &t);
  easy_setopt(t.handle, OPTION_NOPROGRESS, 0L);
  easy_setopt(t.handle, OPTION_XFERINFOFUNCTION, on_progress);
  easy_setopt(t.handle, OPTION_XFERINFODATA, &t);
  int code = easy_perform(t.handle);
  easy_getinfo(t.handle, INFO_RESPONSE_CODE, &result->status);
  easy_cleanup(t.handle);
  snprintf(result->message, sizeof result->message, "%s", details[0] ? details : easy_strerror(code));
  if (t.is_stopped) {
    result->outcome = CCURL_STOPPED;
    return;
  }
  switch (code) {
  case OK: result->outcome = CCURL_DONE; break;
  case HTTP_RETURNED_ERROR: result->outcome = CCURL_REFUSED; break;
  case UNSUPPORTED_PROTOCOL:
  case URL_MALFORMAT:
  case COULDNT_RESOLVE_PROXY:
  case COULDNT_RESOLVE_HOST:
  case COULDNT_CONNECT:
  case SSL_CONNECT_ERROR:
  case PEER_FAILED_VERIFICATION: result->outcome = CCURL_UNREACHABLE; break;
  default: result->outcome = CCURL_CUT;
  }
}
