import StageKit

// What kinds foresee of the sizes of things.

/// Bytes of an 8-bit picture of this size: a PNG takes no more.
func pictureBytes(_ size: PictureSize) -> Int { 3 * size.pixels }

/// Bytes of a latent with its picture, both in float32, by those of the picture.
func latentBytes(ofPicture bytes: Int) -> Int { 8 * bytes }
