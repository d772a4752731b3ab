import Escaping
import Foundation
import StageKit
import Transfers

/// A cache in a bucket of S3, or of a server that speaks as S3 does: `s3://BUCKET/FOLDER`.
///
/// Where the server is, and who asks, is said as for Amazon's own tools: `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`,
/// `AWS_REGION` or `AWS_DEFAULT_REGION`; `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`, or what
/// `~/.aws/credentials` has under the name in `AWS_PROFILE`.
struct S3Bucket {
  /// Where its objects are, in path style, without a slash at the end.
  let url: String
  /// Nil where none is found: the bucket is asked as anybody may.
  let key: S3Key?

  static let whereCredentialsBelong =
    "put AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY into the environment, or a profile into ~/.aws/credentials; the "
    + "key needs s3:GetObject, s3:PutObject, and s3:ListBucket, without which S3 answers 403 for what is not there"

  /// Nil where the URL is of another scheme.
  /// - Throws: `InputError`.
  init?(_ written: String, _ environment: [String: String]) throws {
    guard written.utf8.starts(with: "s3://".utf8) else { return nil }
    func variable(_ names: String...) -> String? { names.lazy.compactMap { environment[$0] }.first { !$0.isEmpty } }
    let parts = written.utf8.dropFirst("s3://".utf8.count).split(separator: UInt8(ascii: "/"))
    // What else keys and buckets may be called would have to be escaped in just the way that it is signed.
    let isPlain = parts.allSatisfy { part in
      part.allSatisfy(Self.isPlain) && !part.elementsEqual(".".utf8) && !part.elementsEqual("..".utf8)
    }
    guard isPlain, !parts.isEmpty else {
      throw InputError(
        "'\(written)' is not the address of a bucket, such as s3://bucket/folder: letters, digits, '-', '_' and '.'")
    }
    let region = variable("AWS_REGION", "AWS_DEFAULT_REGION") ?? "us-east-1"
    guard region.utf8.allSatisfy(Self.isPlain) else {
      throw InputError("AWS_REGION is '\(region)', which is no region")
    }
    var endpoint = variable("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL") ?? "https://s3.\(region).amazonaws.com"
    while endpoint.utf8.last == UInt8(ascii: "/") { endpoint.removeLast() }
    guard let server = URLComponents(string: endpoint), ["http", "https"].contains(server.scheme?.lowercased()),
      server.host?.isEmpty == false, server.user == nil, server.query == nil, server.fragment == nil
    else { throw InputError("AWS_ENDPOINT_URL is not the URL of a server, such as https://s3.example.org") }
    url = ([endpoint] + parts.map { String(Substring($0)) }).joined(separator: "/")
    guard var entry = try Self.entry(environment, variable) else {
      key = nil
      return
    }
    entry = entry.filter { !$0.value.isEmpty }
    guard let access = entry["aws_access_key_id"], let secret = entry["aws_secret_access_key"] else {
      throw InputError("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY belong together, and one of them is missing")
    }
    let session = entry["aws_session_token"]
    // They go into headers.
    guard [access, secret, session ?? ""].allSatisfy({ $0.utf8.allSatisfy { $0 > 32 && $0 < 127 } }) else {
      throw InputError("the S3 credentials have characters that such a key cannot have")
    }
    key = S3Key(access: access, secret: secret, session: session, region: region)
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: "-_.".utf8.contains(byte)
    }
  }

  /// The credentials by the names that they have in Amazon's file: those of the environment, or a profile.
  private static func entry(
    _ environment: [String: String], _ variable: (String...) -> String?
  ) throws -> [String: String]? {
    if variable("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY") != nil {
      return [
        "aws_access_key_id": variable("AWS_ACCESS_KEY_ID") ?? "",
        "aws_secret_access_key": variable("AWS_SECRET_ACCESS_KEY") ?? "",
        "aws_session_token": variable("AWS_SESSION_TOKEN") ?? "",
      ]
    }
    let named = variable("AWS_PROFILE")
    let file = variable("AWS_SHARED_CREDENTIALS_FILE") ?? environment["HOME"].map { $0 + "/.aws/credentials" }
    let text = file.flatMap { try? String(contentsOfFile: $0, encoding: .utf8) }
    let found = text.flatMap { profile(named ?? "default", in: $0) }
    guard found != nil || named == nil else {
      throw InputError("AWS_PROFILE is '\(named ?? "")', which \(file ?? "~/.aws/credentials") does not have")
    }
    return found
  }

  /// What stands under `[name]`.
  private static func profile(_ name: String, in text: String) -> [String: String]? {
    var found: [String: String]?
    var isMeant = false
    for line in text.components(separatedBy: .newlines) {
      let line = line.trimmingCharacters(in: .whitespaces)
      let sides = line.parts(at: "=", maxSplits: 1, omittingEmpty: false).map {
        $0.trimmingCharacters(in: .whitespaces)
      }
      if line.begins(with: "["), line.ends(with: "]") {
        let title = String(decoding: line.utf8.dropFirst().dropLast(), as: UTF8.self)
        isMeant = title.trimmingCharacters(in: .whitespaces).isSame(as: name)
        if isMeant { found = found ?? [:] }
      } else if isMeant, sides.count == 2 {
        found?[sides[0].lowercased()] = sides[1]
      }
    }
    return found
  }
}
