#include "CSHA256.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>

// The algorithm is looked up once. A thread's own state serves all short texts that it hashes: making one takes longer
// than hashing them.
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static int has_key;
static EVP_MD *sha256;

static void forget(void *context) { EVP_MD_CTX_free(context); }

static void start(void) {
  sha256 = EVP_MD_fetch(NULL, "SHA2-256", NULL);
  has_key = pthread_key_create(&key, forget) == 0;
}

csha256_state *csha256_begin(void) {
  pthread_once(&once, start);
  EVP_MD_CTX *context = sha256 ? EVP_MD_CTX_new() : NULL;
  if (context && EVP_DigestInit_ex(context, sha256, NULL) != 1) {
    EVP_MD_CTX_free(context);
    context = NULL;
  }
  return (csha256_state *)context;
}

void csha256_update(csha256_state *state, const void *bytes, size_t count) {
  EVP_DigestUpdate((EVP_MD_CTX *)state, bytes, count);
}

void csha256_end(csha256_state *state, uint8_t *digest) {
  EVP_DigestFinal_ex((EVP_MD_CTX *)state, digest, NULL);
  EVP_MD_CTX_free((EVP_MD_CTX *)state);
}

void csha256_abandon(csha256_state *state) { EVP_MD_CTX_free((EVP_MD_CTX *)state); }

int csha256(const void *bytes, size_t count, uint8_t *digest) {
  pthread_once(&once, start);
  EVP_MD_CTX *context = has_key ? pthread_getspecific(key) : NULL;
  if (!context) {
    context = EVP_MD_CTX_new();
    if (!context || !has_key || pthread_setspecific(key, context) != 0) {
      EVP_MD_CTX_free(context);
      return -1;
    }
  }
  return sha256 && EVP_DigestInit_ex(context, sha256, NULL) == 1 && EVP_DigestUpdate(context, bytes, count) == 1
                 && EVP_DigestFinal_ex(context, digest, NULL) == 1
             ? 0
             : -1;
}

int csha256_authenticate(const void *secret, size_t secret_count, const void *bytes, size_t count, uint8_t *code) {
  pthread_once(&once, start);
  if (!sha256 || secret_count > INT_MAX) return -1;
  return HMAC(sha256, secret, (int)secret_count, bytes, count, code, NULL) ? 0 : -1;
}

int csha256_is_same(const uint8_t *a, const uint8_t *b) { return CRYPTO_memcmp(a, b, CSHA256_BYTES) == 0; }
