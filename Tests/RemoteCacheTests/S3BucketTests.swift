import Foundation
import Testing
import Transfers

@testable import RemoteCache

/// Where a bucket is, and who asks for it, by what the environment says.
struct S3BucketTests {
  private static let keys = ["AWS_ACCESS_KEY_ID": "AK", "AWS_SECRET_ACCESS_KEY": "hush"]

  @Test(arguments: [
    ([:], "s3://bucket/team/x/", "https://s3.us-east-1.amazonaws.com/bucket/team/x"),
    (["AWS_DEFAULT_REGION": "eu-west-1"], "s3://bucket", "https://s3.eu-west-1.amazonaws.com/bucket"),
    (["AWS_ENDPOINT_URL": "http://localhost:9000/"], "s3://my.bucket//a", "http://localhost:9000/my.bucket/a"),
    (
      ["AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_S3": "https://s3.lab.org", "AWS_REGION": ""], "s3://b",
      "https://s3.lab.org/b"
    ),
  ])
  func places(environment: [String: String], written: String, url: String) throws {
    let bucket = try #require(try S3Bucket(written, environment))
    #expect(bucket.url == url && bucket.key == nil)
    #expect(try CacheSettings(url: written, environment: environment)?.url == url)
  }

  @Test func keysOfTheEnvironment() throws {
    let key = try #require(try S3Bucket("s3://b", Self.keys.merging(["AWS_SESSION_TOKEN": "now"]) { $1 })?.key)
    #expect(key == S3Key(access: "AK", secret: "hush", session: "now", region: "us-east-1"))
    let settings = try #require(try CacheSettings(url: "s3://b", environment: Self.keys))
    #expect(settings.credentials == .s3(S3Key(access: "AK", secret: "hush", region: "us-east-1")))
    #expect(settings.whereCredentialsBelong.contains("AWS_ACCESS_KEY_ID"))
  }

  @Test func keysOfAProfile() throws {
    let file = NSTemporaryDirectory() + "credentials-\(UUID().uuidString)"
    let text = """
      [default]
      aws_access_key_id=one
      aws_secret_access_key=first
      # a comment
      [ lab ]
      AWS_ACCESS_KEY_ID = two
      aws_secret_access_key = sec=ond
      """
    try Data(text.utf8).write(to: URL(filePath: file))
    defer { try? FileManager.default.removeItem(atPath: file) }
    var environment = ["AWS_SHARED_CREDENTIALS_FILE": file]
    #expect(try S3Bucket("s3://b", environment)?.key?.access == "one")
    environment["AWS_PROFILE"] = "lab"
    #expect(try S3Bucket("s3://b", environment)?.key == S3Key(access: "two", secret: "sec=ond", region: "us-east-1"))
    environment["AWS_PROFILE"] = "nobody"
    #expect(throws: (any Error).self) { try S3Bucket("s3://b", environment) }
  }

  @Test(arguments: [
    ([:], "s3://"), ([:], "s3:///x/../y"), ([:], "s3://b/.."), ([:], "s3://b/a b"), ([:], "s3://b/a%20"),
    ([:], "s3://me@b"), ([:], "s3://b?x"), (["AWS_ENDPOINT_URL": "ftp://a"], "s3://b"),
    (["AWS_ENDPOINT_URL": "http://me:hush@a"], "s3://b"), (["AWS_REGION": "a/b"], "s3://b"),
    (["AWS_ACCESS_KEY_ID": "AK"], "s3://b"), (["AWS_SECRET_ACCESS_KEY": "hush"], "s3://b"),
    (keys.merging(["AWS_SESSION_TOKEN": "a\r\nHost: b"]) { $1 }, "s3://b"),
  ])
  func whatMakesNoSenseIsSaidWithoutSecrets(environment: [String: String], written: String) {
    let error = #expect(throws: (any Error).self) { try S3Bucket(written, environment) }
    #expect(!"\(error.map(String.init(describing:)) ?? "")".contains("hush"))
  }

  @Test func otherAddressesAreNone() throws { #expect(try S3Bucket("https://s3.org/b", Self.keys) == nil) }
}
