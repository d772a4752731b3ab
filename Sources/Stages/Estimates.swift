// What kinds foresee of the sizes of things.

/// Bytes of an 8-bit picture of so many pixels on a side: a PNG takes no more.
func pictureBytes(side: Int) -> Int { 3 * side * side }

/// Bytes of a latent with its picture, both in float32, by those of the picture.
func latentBytes(ofPicture bytes: Int) -> Int { 8 * bytes }
