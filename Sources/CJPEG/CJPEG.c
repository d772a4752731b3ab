#include "CJPEG.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

// A progressive picture is sent in about ten passes. Hostile files have thousands, each of few bytes but full cost.
enum { MAXIMUM_SCANS = 100 };

typedef struct {
  struct jpeg_decompress_struct jpeg;
  struct jpeg_error_mgr errors;
  struct jpeg_progress_mgr progress;
  jmp_buf escape;
  CJPEGStatus status;
  char *message;
} Decoder;

static void give_up(Decoder *decoder, CJPEGStatus status) {
  decoder->status = status;
  longjmp(decoder->escape, 1);
}

static void on_error(j_common_ptr common) {
  Decoder *decoder = common->client_data;
  char text[JMSG_LENGTH_MAX];
  decoder->errors.format_message(common, text);
  snprintf(decoder->message, CJPEG_MESSAGE_SIZE, "%s", text);
  give_up(decoder, decoder->errors.msg_code == JERR_INPUT_EMPTY ? CJPEG_TRUNCATED : CJPEG_CORRUPT);
}

// `level` is -1 for warnings, which the library follows by making up the missing part of the picture.
static void on_message(j_common_ptr common, int level) {
  Decoder *decoder = common->client_data;
  if (level >= 0) return;
  switch (decoder->errors.msg_code) {
  case JWRN_EXTRANEOUS_DATA: // padding between segments
  case JWRN_JFIF_MAJOR:      // an unknown version number
  case JWRN_ADOBE_XFORM:     // an unknown color transform code, in a file whose components tell
    return;
  case JWRN_JPEG_EOF:
    snprintf(decoder->message, CJPEG_MESSAGE_SIZE, "the end-of-image marker is missing");
    give_up(decoder, CJPEG_TRUNCATED);
  default:
    on_error(common);
  }
}

static void print_nothing(j_common_ptr common) { (void)common; }

static void on_progress(j_common_ptr common) {
  Decoder *decoder = common->client_data;
  if (decoder->jpeg.input_scan_number <= MAXIMUM_SCANS) return;
  snprintf(decoder->message, CJPEG_MESSAGE_SIZE, "it has more than %d scans", MAXIMUM_SCANS);
  give_up(decoder, CJPEG_CORRUPT);
}

static void open_header(Decoder *decoder, const uint8_t *data, size_t size) {
  jpeg_create_decompress(&decoder->jpeg);
  decoder->jpeg.progress = &decoder->progress;
  jpeg_mem_src(&decoder->jpeg, data, size);
  jpeg_read_header(&decoder->jpeg, TRUE);
  if (decoder->jpeg.num_components == 4) {
    snprintf(decoder->message, CJPEG_MESSAGE_SIZE, "it has four color components");
    give_up(decoder, CJPEG_CMYK);
  }
}

// The functions that call setjmp change no local variable after it: all state is behind `decoder`.

static CJPEGStatus read_size(
    Decoder *decoder, const uint8_t *data, size_t size, uint32_t *width, uint32_t *height) {
  if (setjmp(decoder->escape)) return decoder->status;
  open_header(decoder, data, size);
  *width = decoder->jpeg.image_width;
  *height = decoder->jpeg.image_height;
  return CJPEG_OK;
}

static CJPEGStatus decode_rgb(
    Decoder *decoder, const uint8_t *data, size_t size, uint8_t *pixels, size_t capacity) {
  struct jpeg_decompress_struct *jpeg = &decoder->jpeg;
  if (setjmp(decoder->escape)) return decoder->status;
  open_header(decoder, data, size);
  jpeg->out_color_space = JCS_RGB;
  jpeg->dct_method = JDCT_ISLOW;
  jpeg_start_decompress(jpeg);
  size_t stride = (size_t)jpeg->output_width * 3;
  if (stride * jpeg->output_height != capacity) {
    snprintf(decoder->message, CJPEG_MESSAGE_SIZE, "its size is not the one in its header");
    give_up(decoder, CJPEG_CORRUPT);
  }
  while (jpeg->output_scanline < jpeg->output_height) {
    JSAMPROW row = pixels + jpeg->output_scanline * stride;
    jpeg_read_scanlines(jpeg, &row, 1);
  }
  jpeg_finish_decompress(jpeg);
  return CJPEG_OK;
}

static void prepare(Decoder *decoder, char *message) {
  memset(decoder, 0, sizeof *decoder);
  decoder->message = message;
  decoder->jpeg.err = jpeg_std_error(&decoder->errors);
  decoder->errors.error_exit = on_error;
  decoder->errors.emit_message = on_message;
  decoder->errors.output_message = print_nothing;
  decoder->progress.progress_monitor = on_progress;
  // jpeg_create_decompress keeps `err` and `client_data`.
  decoder->jpeg.client_data = decoder;
}

CJPEGStatus cjpeg_read_size(
    const uint8_t *data, size_t size, uint32_t *width, uint32_t *height, char *message) {
  Decoder decoder;
  prepare(&decoder, message);
  CJPEGStatus status = read_size(&decoder, data, size, width, height);
  jpeg_destroy_decompress(&decoder.jpeg);
  return status;
}

CJPEGStatus cjpeg_decode_rgb(
    const uint8_t *data, size_t size, uint8_t *pixels, size_t capacity, char *message) {
  Decoder decoder;
  prepare(&decoder, message);
  CJPEGStatus status = decode_rgb(&decoder, data, size, pixels, capacity);
  jpeg_destroy_decompress(&decoder.jpeg);
  return status;
}

typedef struct {
  struct jpeg_compress_struct jpeg;
  struct jpeg_error_mgr errors;
  jmp_buf escape;
  char *message;
} Encoder;

static void on_encoding_error(j_common_ptr common) {
  Encoder *encoder = common->client_data;
  char text[JMSG_LENGTH_MAX];
  encoder->errors.format_message(common, text);
  snprintf(encoder->message, CJPEG_MESSAGE_SIZE, "%s", text);
  longjmp(encoder->escape, 1);
}

static CJPEGStatus encode_rgb(
    Encoder *encoder, const uint8_t *pixels, uint32_t width, uint32_t height, int quality, uint8_t **data,
    unsigned long *size) {
  struct jpeg_compress_struct *jpeg = &encoder->jpeg;
  if (setjmp(encoder->escape)) return CJPEG_CORRUPT;
  jpeg_create_compress(jpeg);
  jpeg_mem_dest(jpeg, data, size);
  jpeg->image_width = width;
  jpeg->image_height = height;
  jpeg->input_components = 3;
  jpeg->in_color_space = JCS_RGB;
  jpeg_set_defaults(jpeg);
  jpeg_set_quality(jpeg, quality, TRUE);
  jpeg->dct_method = JDCT_ISLOW;
  jpeg_start_compress(jpeg, TRUE);
  while (jpeg->next_scanline < height) {
    JSAMPROW row = (JSAMPROW)pixels + (size_t)jpeg->next_scanline * width * 3;
    jpeg_write_scanlines(jpeg, &row, 1);
  }
  jpeg_finish_compress(jpeg);
  return CJPEG_OK;
}

CJPEGStatus cjpeg_encode_rgb(
    const uint8_t *pixels, uint32_t width, uint32_t height, int quality, uint8_t **data, unsigned long *size,
    char *message) {
  Encoder encoder;
  memset(&encoder, 0, sizeof encoder);
  encoder.message = message;
  encoder.jpeg.err = jpeg_std_error(&encoder.errors);
  encoder.errors.error_exit = on_encoding_error;
  encoder.errors.output_message = print_nothing;
  encoder.jpeg.client_data = &encoder;
  *data = NULL;
  *size = 0;
  CJPEGStatus status = encode_rgb(&encoder, pixels, width, height, quality, data, size);
  jpeg_destroy_compress(&encoder.jpeg);
  if (status != CJPEG_OK) {
    free(*data);
    *data = NULL;
  }
  return status;
}
