#ifndef CJPEG_H
#define CJPEG_H

#include <stddef.h>
#include <stdint.h>

/// What came of reading a JPEG from memory.
typedef enum {
  CJPEG_OK = 0,
  /// The data end before the picture does.
  CJPEG_TRUNCATED,
  /// The data are not those of a whole, sound JPEG.
  CJPEG_CORRUPT,
  /// The picture has four color components, whose colors depend on a printer's profile.
  CJPEG_CMYK,
} CJPEGStatus;

enum { CJPEG_MESSAGE_SIZE = 256 };

/// Reads the size of the picture, in pixels as stored.
///
/// Unless `CJPEG_OK` comes back, `message` (of `CJPEG_MESSAGE_SIZE` bytes) says what is wrong.
CJPEGStatus cjpeg_read_size(
    const uint8_t *data, size_t size, uint32_t *width, uint32_t *height, char *message);

/// Decodes the whole picture into `capacity` bytes of interleaved RGB, top row first.
///
/// All or nothing: what the library only warns of where picture data are damaged or missing is an error here. Never
/// leaves the process, never prints.
CJPEGStatus cjpeg_decode_rgb(
    const uint8_t *data, size_t size, uint8_t *pixels, size_t capacity, char *message);

/// Encodes `width` × `height` pixels of interleaved RGB, top row first, as a baseline JPEG of `quality` (1 to 100).
///
/// `*data` is for the caller to free; NULL unless `CJPEG_OK` comes back, and `message` says then what is wrong.
CJPEGStatus cjpeg_encode_rgb(
    const uint8_t *pixels, uint32_t width, uint32_t height, int quality, uint8_t **data, unsigned long *size,
    char *message);

#endif
