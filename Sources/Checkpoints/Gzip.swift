import CZlib
import Foundation

/// Reads gzip files (RFC 1952) by zlib: OpenAI's vocabulary is published as one.
public enum Gzip {
  private static let signature: [UInt8] = [0x1F, 0x8B]

  /// The content of `data`, of at most `limit` bytes: that of all its members, whose checksums and lengths are compared;
  /// `source` is its name in messages.
  /// - Throws: ``CheckpointError/damaged(file:place:expected:found:)``, ``CheckpointError/tooLarge(file:place:limit:)``,
  ///   ``CheckpointError/unreadable(file:reason:)``.
  public static func content(of data: Data, from source: String, limit: Int) throws(CheckpointError) -> Data {
    guard data.starts(with: signature) else {
      throw .damaged(file: source, place: "the gzip header", expected: "a gzip file", found: "other bytes")
    }
    guard let size = UInt32(exactly: data.count) else {
      throw .tooLarge(file: source, place: "its compressed bytes", limit: "more than \(UInt32.max) bytes")
    }
    var bytes = [UInt8](data)
    return try bytes.withUnsafeMutableBufferPointer { (bytes) throws(CheckpointError) in
      // zlib refuses a stream that was moved.
      let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
      defer { stream.deallocate() }
      stream.initialize(to: z_stream())
      (stream.pointee.next_in, stream.pointee.avail_in) = (bytes.baseAddress, size)
      // By 16 more than the largest window zlib is asked for gzip's header and trailer.
      let status = inflateInit2_(stream, MAX_WBITS + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
      guard status == Z_OK else { throw .unreadable(file: source, reason: "zlib does not start (\(status))") }
      defer { inflateEnd(stream) }
      return try content(of: stream, from: source, limit: limit)
    }
  }

  private static func content(
    of stream: UnsafeMutablePointer<z_stream>, from source: String, limit: Int
  ) throws(CheckpointError) -> Data {
    var content = Data()
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let (status, left) = piece.withUnsafeMutableBufferPointer { piece in
        (stream.pointee.next_out, stream.pointee.avail_out) = (piece.baseAddress, UInt32(piece.count))
        return (inflate(stream, Z_NO_FLUSH), Int(stream.pointee.avail_out))
      }
      content.append(contentsOf: piece.dropLast(left))
      guard content.count <= limit else {
        throw .tooLarge(file: source, place: "its content", limit: "more than \(limit) bytes")
      }
      switch status {
      case Z_OK: continue
      case Z_STREAM_END:
        let rest = UnsafeBufferPointer(start: stream.pointee.next_in, count: Int(stream.pointee.avail_in))
        if rest.isEmpty { return content }
        // Files may be joined: gzip reads their contents as one.
        guard rest.starts(with: signature), inflateReset(stream) == Z_OK else {
          throw .damaged(
            file: source, place: "what follows its content", expected: "nothing, or another gzip file",
            found: "other bytes")
        }
      // There is always room for more content, so what lacks is more of the file.
      case Z_BUF_ERROR:
        throw .damaged(
          file: source, place: "its compressed bytes", expected: "their end",
          found: "none, as when a copy was cut short")
      case Z_MEM_ERROR: throw .unreadable(file: source, reason: "there is not enough memory")
      default:
        throw .damaged(
          file: source, place: "its compressed bytes", expected: "what gzip writes",
          found: stream.pointee.msg.map { String(cString: $0) } ?? "other bytes")
      }
    }
  }
}
