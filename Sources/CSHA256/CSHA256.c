// OpenSSL recommends others, and keeps them.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "CSHA256.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdlib.h>

// These functions hash at once: looking an algorithm up takes the library milliseconds at its first use, in which it
// reads its configuration, and making a context for it takes longer than hashing a short text.

csha256_state *csha256_begin(void) {
  SHA256_CTX *context = malloc(sizeof *context);
  if (context) SHA256_Init(context);
  return (csha256_state *)context;
}

void csha256_update(csha256_state *state, const void *bytes, size_t count) {
  SHA256_Update((SHA256_CTX *)state, bytes, count);
}

void csha256_end(csha256_state *state, uint8_t *digest) {
  SHA256_Final(digest, (SHA256_CTX *)state);
  free(state);
}

void csha256_abandon(csha256_state *state) { free(state); }

void csha256(const void *bytes, size_t count, uint8_t *digest) {
  SHA256_CTX context;
  SHA256_Init(&context);
  SHA256_Update(&context, bytes, count);
  SHA256_Final(digest, &context);
}

int csha256_authenticate(const void *secret, size_t secret_count, const void *bytes, size_t count, uint8_t *code) {
  if (secret_count > INT_MAX) return -1;
  return HMAC(EVP_sha256(), secret, (int)secret_count, bytes, count, code, NULL) ? 0 : -1;
}

int csha256_is_same(const uint8_t *a, const uint8_t *b) { return CRYPTO_memcmp(a, b, CSHA256_BYTES) == 0; }
