// The programs for CUDA that are part of this one: text, compressed by zlib, in base64.
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "runtime.h"

const cgpu_embedded *cgpu_embedded_at(int index) {
  return index >= 0 && index < cgpu_embedded_count ? &cgpu_embedded_programs[index] : NULL;
}

static int value_of(char letter) {
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const char *found = letter ? strchr(alphabet, letter) : NULL;
  return found ? (int)(found - alphabet) : -1;
}

char *cgpu_embedded_text(const cgpu_embedded *program) {
  const size_t length = strlen(program->packed);
  unsigned char *bytes = malloc(length / 4 * 3 + 3);
  char *text = malloc(program->size + 1);
  size_t count = 0;
  unsigned pending = 0;
  int bits = 0;
  for (size_t i = 0; bytes && i < length && program->packed[i] != '='; i++) {
    const int value = value_of(program->packed[i]);
    if (value < 0) break;
    pending = (pending << 6 | (unsigned)value) & 0xFFFF;
    if ((bits += 6) >= 8) bytes[count++] = (unsigned char)(pending >> (bits -= 8));
  }
  uLongf size = program->size;
  if (!bytes || !text || uncompress((Bytef *)text, &size, bytes, count) != Z_OK || size != program->size) {
    free(text);
    text = NULL;
  } else {
    text[size] = 0;
  }
  free(bytes);
  return text;
}
