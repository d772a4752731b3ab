#include <png.h>
// What libpng packs chunks with.
#include <zlib.h>
