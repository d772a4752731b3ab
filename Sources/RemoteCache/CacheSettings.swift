import ArtifactStore
import Engine
import Foundation
import StageKit
import Transfers

/// Which shared cache to use, and how.
public struct CacheSettings: Sendable {
  /// What a run does with a cache.
  public enum Mode: String, Sendable, CaseIterable {
    /// It takes what is there.
    case read
    /// It uploads what it made, too.
    case write
  }

  /// Whose records are taken. Objects are what their digests say, whoever uploaded them.
  public enum Trust: String, Sendable, CaseIterable {
    /// Everybody's who may write to the cache.
    case all
    /// Those signed by the secret in `DIFFUSIONCLIP_CACHE_KEY`.
    case signed
    /// Nobody's: the cache gives back objects that the store has lost.
    case none
  }

  /// Without a slash at the end.
  let url: String
  let mode: Mode
  let trust: Trust
  /// Signs what is uploaded; nil without a secret.
  let signer: RecordSigner?
  let credentials: Credentials?
  /// What to do about a server that refuses access.
  let whereCredentialsBelong: String
  /// Seconds after which a silent server is given up.
  let patience: Int

  /// What is given, else what the environment says: `DIFFUSIONCLIP_CACHE`, `_MODE`, `_TRUST`, `_KEY`, `_TOKEN`, `_USER`
  /// and `_PASSWORD`; of a bucket of S3, what ``S3Bucket`` finds. Nil where no cache is named.
  /// - Throws: `InputError` where something does not make sense.
  public init?(
    url: String? = nil, mode: Mode? = nil, trust: Trust? = nil,
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws {
    func variable(_ name: String) -> String? {
      let value = environment["DIFFUSIONCLIP_CACHE" + name]?.trimmingCharacters(in: .whitespacesAndNewlines)
      return value.flatMap { $0.isEmpty ? nil : $0 }
    }
    func choice<Choice: RawRepresentable & CaseIterable>(_ name: String) throws -> Choice?
    where Choice.RawValue == String {
      guard let word = variable(name) else { return nil }
      if let choice = Choice(rawValue: word) { return choice }
      let words = Choice.allCases.map(\.rawValue).joined(separator: ", ")
      throw InputError("DIFFUSIONCLIP_CACHE\(name) is '\(word)', expected one of \(words)")
    }
    // What makes no sense is said, whether or not it is needed this time.
    let (givenMode, givenTrust): (Mode?, Trust?) = (try choice("_MODE"), try choice("_TRUST"))
    patience = try RunEnvironment.patience(environment) ?? 10
    guard let url = url ?? variable(""), !url.isEmpty else { return nil }
    let bucket = try S3Bucket(url, environment)
    self.url = try bucket?.url ?? Self.checked(url)
    self.mode = mode ?? givenMode ?? .read
    self.trust = trust ?? givenTrust ?? .all
    signer = variable("_KEY").map { RecordSigner(secret: $0) }
    if self.trust == .signed, signer == nil {
      throw InputError("signed records need the secret that they are signed by, in DIFFUSIONCLIP_CACHE_KEY")
    }
    let isS3 = bucket != nil
    whereCredentialsBelong = isS3 ? S3Bucket.whereCredentialsBelong : Self.whereCredentialsBelong
    credentials = try isS3 ? bucket?.key.map(Credentials.s3) : Self.credentials(variable, environment)
  }

  /// What can be said of a URL that holds a password is said without it.
  private static func checked(_ url: String) throws -> String {
    guard !url.contains("@") else {
      throw InputError(
        "the cache's URL has an @: credentials do not belong into it, where others see them; \(whereCredentialsBelong)")
    }
    guard let parts = URLComponents(string: url), ["http", "https"].contains(parts.scheme?.lowercased()),
      parts.host?.isEmpty == false, parts.query == nil, parts.fragment == nil
    else {
      throw InputError(
        "'\(url)' is not the URL of a cache, such as https://cache.example.org/diffusionclip or s3://bucket/folder")
    }
    var url = url
    while url.hasSuffix("/") { url.removeLast() }
    return url
  }

  private static let whereCredentialsBelong =
    "put a token into DIFFUSIONCLIP_CACHE_TOKEN, or a name and a password into DIFFUSIONCLIP_CACHE_USER and "
    + "DIFFUSIONCLIP_CACHE_PASSWORD, or into ~/.netrc"

  private static func credentials(
    _ variable: (String) -> String?, _ environment: [String: String]
  ) throws -> Credentials? {
    if let token = variable("_TOKEN") {
      guard token.utf8.allSatisfy({ $0 > 32 && $0 < 127 }) else {
        throw InputError("DIFFUSIONCLIP_CACHE_TOKEN has characters that a token cannot have")
      }
      return .token(token)
    }
    if let user = variable("_USER") {
      guard let password = variable("_PASSWORD") else {
        throw InputError("DIFFUSIONCLIP_CACHE_USER needs a password in DIFFUSIONCLIP_CACHE_PASSWORD")
      }
      return .user(user, password: password)
    }
    guard variable("_PASSWORD") == nil else {
      throw InputError("DIFFUSIONCLIP_CACHE_PASSWORD needs a name in DIFFUSIONCLIP_CACHE_USER")
    }
    if let named = environment["NETRC"], !named.isEmpty {
      guard FileManager.default.isReadableFile(atPath: named) else {
        throw InputError("NETRC names \(named), which cannot be read")
      }
      return .netrc(named)
    }
    guard let file = environment["HOME"].map({ $0 + "/.netrc" }) else { return nil }
    return FileManager.default.isReadableFile(atPath: file) ? .netrc(file) : nil
  }
}
