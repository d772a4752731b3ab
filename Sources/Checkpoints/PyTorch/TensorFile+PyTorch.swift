import Foundation

extension TensorFile {
  /// A zip file of torch.save (torch ≥ 1.6) or of torch.jit.save: a folder of any name with data.pkl, a pickle that
  /// refers to the storages data/0, data/1, ….
  static func zipped(_ file: FileBytes, source: String) throws(CheckpointError) -> Contents {
    let archive = try ZipArchive(file, source: source)
    let pickles = archive.entries.keys.filter { $0 == "data.pkl" || $0.hasSuffix("/data.pkl") }
    guard pickles.count == 1, let pickle = archive.entries[pickles[0]] else {
      throw .unknownFormat(
        file: source, found: pickles.isEmpty ? "a zip directory without data.pkl" : "a zip of \(pickles.count) data.pkl"
      )
    }
    let root = pickle.name.dropLast("data.pkl".count)
    if let order = archive.entries["\(root)byteorder"] {
      let text = try file.read(try archive.content(order)) { String(decoding: $0.prefix(100), as: UTF8.self) }
      try checkByteOrder(isLittle: text == "little", source)
    }
    let isScript = archive.entries["\(root)constants.pkl"] != nil
    let place = try archive.content(pickle)
    guard place.count <= Unpickler.byteLimit else {
      throw .tooLarge(file: source, place: "data.pkl", limit: "more than \(Unpickler.byteLimit) bytes")
    }
    let (value, heap) = try file.read(place) { (bytes) throws(CheckpointError) in
      var unpickler = Unpickler(ByteReader(bytes: bytes, source: source, part: "data.pkl"), inScript: isScript)
      return (try unpickler.value(), unpickler.heap)
    }
    let flattening = try Flattening(value, heap, of: file, source: source) { (storage, name) throws(CheckpointError) in
      guard let entry = archive.entries["\(root)data/\(storage.key)"] else {
        throw .badTensor(
          file: source, tensor: name, expected: "its storage, entry '\(root)data/\(storage.key)'", found: "none")
      }
      let bytes = try archive.content(entry)
      try checkLength(storage, found: bytes.count, name, source)
      return bytes
    }
    var contents = flattening.contents
    contents.format = isScript ? .torchScript : .pyTorch
    if let entry = archive.entries[root + PyTorchFile.metadataEntry] {
      let text = try file.read(try archive.content(entry)) { Data($0.prefix(1 << 20)) }
      contents.metadata = (try? JSONDecoder().decode([String: String].self, from: text)) ?? [:]
    }
    return contents
  }

  /// A file of torch before 1.6: pickles of a magic number, a version, the system's properties, the value and the
  /// keys of its storages; then each storage's length (64 bits, in numbers) and numbers.
  static func legacy(_ file: FileBytes, source: String) throws(CheckpointError) -> Contents {
    let (value, heap, keys, end) = try file.read(0..<file.count) { (bytes) throws(CheckpointError) in
      var position = 0
      func next(_ part: String) throws(CheckpointError) -> (PickleValue, PickleHeap) {
        let end = min(bytes.count, position + Unpickler.byteLimit)
        var unpickler = Unpickler(
          ByteReader(
            bytes: UnsafeRawBufferPointer(rebasing: bytes[..<end]), source: source, part: part, position: position))
        let value = try unpickler.value()
        position = unpickler.reader.position
        return (value, unpickler.heap)
      }
      guard case .long(let magic) = try next("its magic number").0, magics.contains(magic) else {
        throw .unknownFormat(file: source, found: "a pickle that PyTorch did not write")
      }
      guard case .int(1001) = try next("its version").0 else {
        throw .damaged(file: source, place: "its version", expected: "1001", found: "another")
      }
      let (system, systemHeap) = try next("its notes on the system")
      if case .dictionary(let index) = system {
        for case (.string("little_endian"), .bool(let isLittle)) in systemHeap.dictionaries[index] {
          try checkByteOrder(isLittle: isLittle, source)
        }
      }
      let (value, heap) = try next("its pickle")
      let (keys, keysHeap) = try next("its list of storages")
      guard case .sequence(let index) = keys else {
        throw .damaged(file: source, place: "its list of storages", expected: "a list", found: keys.kind)
      }
      return (value, heap, keysHeap.sequences[index], position)
    }
    let places = try storages(keys, heap, from: end, of: file, source)
    let flattening = try Flattening(value, heap, of: file, source: source) { (storage, name) throws(CheckpointError) in
      guard let bytes = places[storage.key] else {
        throw .badTensor(file: source, tensor: name, expected: "its storage '\(storage.key)'", found: "none")
      }
      try checkLength(storage, found: bytes.count, name, source)
      return bytes
    }
    var contents = flattening.contents
    contents.format = .pyTorchLegacy
    return contents
  }

  /// 0x1950a86a20f9469cfc6c, in base 16 as newer pickles have it and in base 10 as older ones do.
  private static let magics = ["0x1950a86a20f9469cfc6c", "119547037146038801333356"]

  /// Where the bytes of each storage lie, by its key.
  private static func storages(
    _ keys: [PickleValue], _ heap: PickleHeap, from start: Int, of file: FileBytes, _ source: String
  ) throws(CheckpointError) -> [String: Range<Int>] {
    var sizes: [String: Int] = [:]
    for storage in heap.storages where sizes[storage.key] == nil { sizes[storage.key] = storage.type.size }
    return try file.read(0..<file.count) { (bytes) throws(CheckpointError) in
      var places: [String: Range<Int>] = [:]
      var reader = ByteReader(bytes: bytes, source: source, part: "its storages", position: start)
      for key in keys {
        let text: String
        switch key {
        case .string(let key): text = key
        case .int(let key): text = String(key)
        default:
          throw .damaged(file: source, place: "its list of storages", expected: "a key", found: key.kind)
        }
        guard let size = sizes[text], places[text] == nil else {
          throw .damaged(
            file: source, place: "its list of storages", expected: "each storage once", found: "'\(text.prefix(40))'")
        }
        let (length, overflow) = try reader.length().multipliedReportingOverflow(by: size)
        let begin = reader.position
        _ = try reader.take(overflow ? .max : length)
        places[text] = begin..<reader.position
      }
      return places
    }
  }

  private static func checkByteOrder(isLittle: Bool, _ source: String) throws(CheckpointError) {
    guard !isLittle else { return }
    throw .unsupported(
      file: source, place: "its byte order", found: "big-endian",
      remedy: "load and save it again with PyTorch on a little-endian machine")
  }

  private static func checkLength(
    _ storage: PickleHeap.Storage, found: Int, _ name: String, _ source: String
  ) throws(CheckpointError) {
    let (bytes, overflow) = storage.count.multipliedReportingOverflow(by: storage.type.size)
    guard !overflow, bytes <= found else {
      throw .badTensor(
        file: source, tensor: name, expected: "a storage of \(storage.count) × \(storage.type.rawValue)",
        found: "\(found) bytes")
    }
  }
}
