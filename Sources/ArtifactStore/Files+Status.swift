import Foundation

extension Files {
  /// Identity and shape of a file, as the file system tells them.
  package struct Status: Hashable, Sendable {
    package let device: UInt64
    package let inode: UInt64
    package let size: Int
    /// Nanoseconds since 1970.
    package let modified: Int
    package let changed: Int

    init(device: UInt64, inode: UInt64, size: Int, modified: Int, changed: Int) {
      (self.device, self.inode, self.size, self.modified, self.changed) = (device, inode, size, modified, changed)
    }

    /// The same file as seen where its device has another number.
    func on(device: UInt64) -> Status {
      Status(device: device, inode: inode, size: size, modified: modified, changed: changed)
    }

    init(_ status: stat) {
      self.init(
        device: UInt64(status.st_dev), inode: UInt64(status.st_ino), size: Int(status.st_size),
        modified: Self.nanoseconds(status.st_mtim), changed: Self.nanoseconds(status.st_ctim))
    }

    /// A file may say that it is from any year.
    private static func nanoseconds(_ time: timespec) -> Int {
      let (seconds, overflows) = time.tv_sec.multipliedReportingOverflow(by: 1_000_000_000)
      let (sum, overflowsToo) = seconds.addingReportingOverflow(time.tv_nsec)
      return overflows || overflowsToo ? (time.tv_sec < 0 ? .min : .max) : sum
    }
  }
}
