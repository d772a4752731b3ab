/// SHA-256 and HMAC-SHA256 by OpenSSL's libcrypto, which uses the processor's own instructions for them.
#ifndef CSHA256_H
#define CSHA256_H

#include <stddef.h>
#include <stdint.h>

enum { CSHA256_BYTES = 32 };

/// A hash that is fed piece by piece.
typedef struct csha256_state csha256_state;

/// NULL where there is no memory for it.
csha256_state *csha256_begin(void);
void csha256_update(csha256_state *state, const void *bytes, size_t count);
/// Writes the digest, and ends the state.
void csha256_end(csha256_state *state, uint8_t *digest);
/// Ends the state without a digest.
void csha256_abandon(csha256_state *state);

/// Of bytes that are all there: faster for few of them.
void csha256(const void *bytes, size_t count, uint8_t *digest);

/// Returns 0, or -1 where there is no memory for it.
int csha256_authenticate(const void *key, size_t key_count, const void *bytes, size_t count, uint8_t *code);

/// Whether two codes are the same; takes as long for any.
int csha256_is_same(const uint8_t *a, const uint8_t *b);

#endif
