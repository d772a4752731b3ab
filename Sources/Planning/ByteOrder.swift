import Foundation

/// Whether `a` stands before `b` by the bytes of their UTF-8: the order of everything that has no order of its own.
func precedes(_ a: String, _ b: String) -> Bool { byteOrder(a, b) < 0 }

/// The first eight bytes of the UTF-8 as a number, zeros behind a shorter text.
func leadingBytes(_ text: String) -> UInt64 {
  var bytes = text.utf8.makeIterator()
  return (0..<8).reduce(0) { number, _ in number << 8 | UInt64(bytes.next() ?? 0) }
}

/// Negative where `a` stands before `b` by the bytes of their UTF-8, 0 where these are the same.
func byteOrder(_ a: String, _ b: String) -> Int {
  let order = a.utf8.withContiguousStorageIfAvailable { a in
    b.utf8.withContiguousStorageIfAvailable { b in
      guard let first = a.baseAddress, let second = b.baseAddress else { return a.count - b.count }
      let order = memcmp(first, second, min(a.count, b.count))
      return order == 0 ? a.count - b.count : Int(order)
    }
  }
  if let order = order ?? nil { return order }
  return a.utf8.elementsEqual(b.utf8) ? 0 : a.utf8.lexicographicallyPrecedes(b.utf8) ? -1 : 1
}
