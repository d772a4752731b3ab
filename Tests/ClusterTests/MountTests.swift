import Cluster
import Foundation
import Testing

@Suite struct MountTests {
  @Test(arguments: [
    ("nfs4 server:/e rw,vers=4.2,hard,local_lock=none", Mount.Reach.everywhere, "`async`"),
    ("nfs server:/e rw,vers=3,hard,nolock,local_lock=all", .oneMachine, "`async`"),
    ("nfs server:/e rw,vers=3,soft,local_lock=flock", .oneMachine, "mount it `hard`"),
    ("nfs4 server:/e rw,noac,local_lock=posix", .everywhere, "slow"),
    ("luster mds@tcp:/scratch rw,flock,lazystatfs", .everywhere, "cluster"),
    ("luster mds@tcp:/scratch rw,localflock", .oneMachine, "mount it with `flock`"),
    ("luster mds@tcp:/scratch rw,lazystatfs", .oneMachine, "it has no locks"),
    ("cifs //server/share rw,vers=3.1.1", .oneMachine, "--with"),
    ("9p share rw,trans=virtio", .oneMachine, "--with"),
    ("fuse.sshfs me@server:/ rw", .oneMachine, "--with"),
    ("fuse.thing thing rw", .unknown, "nothing is known"),
    ("tmpfs tmpfs rw,size=64k", .unshared, "restarts"),
    ("overlay overlay rw,lowerdir=/l", .unshared, "container"),
    ("ext4 /dev/sda1 rw", .unshared, "this machine"), ("xfs /dev/sda1 rw", .unshared, "this machine"),
  ])
  func whatIsKnown(end: String, reach: Mount.Reach, remark: String) throws {
    let mount = try #require(Mount.list("36 35 0:52 / /shared rw,noatime shared:1 - \(end)").first)
    #expect(mount.known.reach == reach)
    #expect(mount.known.remark.contains(remark), "\(mount.known.remark)")
    #expect(mount.options.prefix(2) == ["rw", "noatime"])
    #expect(mount.options.filter { $0 == "rw" }.count == 1)
  }

  @Test func theDeepestAndLatestMountCounts() {
    let mounts = Mount.list(
      """
      1 0 8:1 / / rw - ext4 /dev/sda1 rw
      2 1 0:9 / /data rw - nfs4 server:/data rw
      3 1 0:10 / /data/my\\040store rw shared:7 master:2 - xfs /dev/sdb rw
      4 1 0:11 / /data rw - tmpfs tmpfs
      """)
    #expect(mounts.count == 4)
    for (path, kind) in [
      ("/", "ext4"), ("/database", "ext4"), ("/data", "tmpfs"), ("/data/x", "tmpfs"), ("/data/my store/a", "xfs"),
    ] {
      #expect(Mount.around(path, in: mounts)?.kind == kind, "\(path)")
    }
  }

  @Test(arguments: [
    "", " ", "-", "1 0 8:1 / / rw -", "1 0 8:1 / / rw - ext4", "1 0 8:1 / relative rw - ext4 /dev/sda1",
    "1 0 8:1 / /a\\9 rw - ext4 /dev/sda1", "1 0 8:1 / /a\\ rw - ext4 /dev/sda1",
    "1 0 8:1 / /a\\377 rw - ext4 /dev/sda1",
    "- - - - - - - - -", String(repeating: "x", count: 100_000),
  ])
  func hostileLinesArePassedOver(line: String) {
    #expect(Mount.list(line).isEmpty)
  }

  @Test func thisMachineTells() {
    #expect(Mount(of: "/proc")?.kind == "proc")
    #expect(Mount(of: "/nowhere/at/all") == nil)
  }
}
