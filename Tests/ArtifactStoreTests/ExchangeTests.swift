import ArtifactStore
import Foundation
import JSONSyntax
import Testing

/// What goes from store to store.
struct ExchangeTests {
  private let store: Store

  init() throws { store = try Store(at: NSTemporaryDirectory() + "exchange-\(UUID().uuidString)") }

  private func record(_ objects: [Artifact.Item]) -> ActionRecord {
    ActionRecord(
      key: Digest(of: "preimage"), preimage: "preimage", stage: "s", item: "i", kind: "k", revision: 3,
      outputs: objects.isEmpty
        ? [] : [.init(port: "p", artifact: Artifact(type: ArtifactType(rawValue: "images"), items: objects))],
      provenance: Provenance(
        program: "1", cpu: "c", blas: "b", threads: 2, seconds: 0.1, peakMegabytes: 3.25, date: "today"),
      log: ["a", "b"])
  }

  @Test func anAdoptedFileIsAnObject() throws {
    let (data, path) = (Data("bytes".utf8), store.path(ofArrival: Digest(of: "bytes")))
    try data.write(to: URL(filePath: path))
    try store.adopt(arrival: Digest(of: data))
    #expect(try store.read(Digest(of: data)) == data)
    #expect(try store.size(of: Digest(of: data)) == 5)
    #expect(!FileManager.default.fileExists(atPath: path))
    #expect(try Data(contentsOf: URL(filePath: store.file(of: Digest(of: data)))) == data)
    #expect(try store.verify().isClean)
  }

  @Test func onlyWholeObjectsAreGiven() throws {
    let digest = Digest(of: "bytes")
    #expect(throws: StoreError.missing(digest)) { try store.file(of: digest) }
    let path = store.path(ofArrival: digest)
    try Data("other".utf8).write(to: URL(filePath: path))
    try store.adopt(arrival: digest)
    #expect(throws: StoreError.damaged(digest, quarantined: "\(store.folder)/quarantine/\(digest.hex)")) {
      try store.file(of: digest)
    }
    #expect(try store.size(of: digest) == nil)
  }

  @Test func onlySealedRecordsAreTaken() throws {
    let whole = record([.init(name: "a", object: Digest(of: "a"), size: 1)])
    #expect(ActionRecord(sealed: whole.data) == whole)
    let text = String(decoding: whole.data, as: UTF8.self)
    #expect(ActionRecord(sealed: Data(text.replacing("\"revision\": 3", with: "\"revision\": 4").utf8)) == nil)
    let members = try #require(JSON(parsing: whole.data).members)
    #expect(ActionRecord(sealed: JSON.object(members.filter { $0.name != "seal" }).prettyData) == nil)
    #expect(ActionRecord(sealed: Data()) == nil)
    #expect(ActionRecord(sealed: Data(repeating: UInt8(ascii: "["), count: 100_000)) == nil)
  }

  @Test func objectsAreCountedOnce() {
    let items = ["a", "b", "c"].map { Artifact.Item(name: $0, object: Digest(of: $0 == "c" ? "a" : $0), size: 1) }
    #expect(record(items).objects == Array(items.prefix(2)))
    #expect(record([]).objects == [])
  }

  /// RFC 4231, test case 2.
  @Test func signatures() throws {
    let (signer, data) = (RecordSigner(secret: "Jefe"), Data("what do ya want for nothing?".utf8))
    let signature = signer.signature(of: data)
    let hex = signature.map { String(format: "%02x", $0) }.joined()
    #expect(hex == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    #expect(signer.isValid(signature, of: data))
    #expect(!signer.isValid(signature, of: data + [0]))
    #expect(!signer.isValid(signature.dropLast(), of: data))
    #expect(!signer.isValid(Data(), of: data))
    #expect(!RecordSigner(secret: "jefe").isValid(signature, of: data))
  }
}
