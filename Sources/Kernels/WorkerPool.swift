import CKernels
import Foundation
import Synchronization

/// Threads that share in the work of tensor operations.
///
/// Operations come thousands a second, and waking a thread that sleeps takes as long as many of them. So a worker that
/// has run out of work watches for more for a moment before it sleeps.
final class WorkerPool: @unchecked Sendable {
  static let shared = WorkerPool()

  /// What the workers are asked to do; only read by those that have joined.
  private struct Job {
    let count: Int
    let body: (Int) -> Void
  }
  private var job = Job(count: 0) { _ in }
  /// The piece to be taken next.
  private let next = Atomic<Int>(0)

  // The number of the job, whether it may still be joined, and how many workers are at it, in one word, so that none
  // can join what is over.
  private let state = Atomic<UInt64>(0)
  private static let active: UInt64 = 0xFFFF
  private static let isOpen: UInt64 = 1 << 16
  private static let jobNumber: UInt64 = 1 << 17

  /// Where the thread that has the present or last job done was running.
  private let processor = Atomic<Int>(-1)

  /// How many workers may join the present job.
  private let places = Atomic<Int>(0)
  /// Whether some thread has a job done now. Another one, or a job within a job, does its pieces itself.
  private let isBusy = Atomic<Bool>(false)

  private let sleepers = Atomic<Int>(0)
  private let wakeUp = NSCondition()
  private var workers = 0

  /// How often a thread looks at once, for about a millisecond, before it lets others run in between.
  private static let spins = 30_000
  /// How often a worker looks before it sleeps, for some hundredths of a second: where processors are virtual, one that
  /// sleeps may wake so late that it misses job after job.
  private static let patience = 1_000_000

  /// Calls `body` for 0..<count on this thread and up to `helpers` others; returns when all calls have.
  func run(_ count: Int, helpers: Int, _ body: (Int) -> Void) {
    guard helpers > 0, !isBusy.exchange(true, ordering: .acquiring) else {
      for piece in 0..<count { body(piece) }
      return
    }
    while workers < helpers { startWorker() }
    withoutActuallyEscaping(body) { body in
      job = Job(count: count, body: body)
      next.store(0, ordering: .relaxed)
      places.store(helpers, ordering: .relaxed)
      processor.store(Int(ck_processor()), ordering: .relaxed)
      let number = state.load(ordering: .relaxed) / Self.jobNumber + 1
      state.store(number * Self.jobNumber | Self.isOpen, ordering: .sequentiallyConsistent)
      if sleepers.load(ordering: .sequentiallyConsistent) > 0 {
        wakeUp.lock()
        wakeUp.broadcast()
        wakeUp.unlock()
      }
      work(job)
      // Nobody joins any more; those that have may be in their last piece.
      state.bitwiseAnd(~Self.isOpen, ordering: .acquiringAndReleasing)
      var waits = 0
      while state.load(ordering: .acquiring) & Self.active != 0 {
        waits += 1
        if waits < Self.spins { ck_pause() } else { sched_yield() }
      }
      job = Job(count: 0) { _ in }
    }
    isBusy.store(false, ordering: .releasing)
  }

  private func work(_ job: Job) {
    while true {
      let piece = next.wrappingAdd(1, ordering: .relaxed).oldValue
      if piece >= job.count { return }
      job.body(piece)
    }
  }

  private func startWorker() {
    workers += 1
    let thread = Thread { [self] in
      var last: UInt64 = 0
      while true { last = joinNext(after: last) }
    }
    thread.name = "tensor worker \(workers)"
    thread.start()
  }

  /// Waits for a job other than number `last`, shares in it if it can, and returns its number.
  private func joinNext(after last: UInt64) -> UInt64 {
    var looks = 0
    while true {
      let seen = state.load(ordering: .acquiring)
      let number = seen / Self.jobNumber
      if number != last, seen & Self.isOpen != 0 {
        if seen & Self.active >= UInt64(places.load(ordering: .relaxed)) { return number }
        if state.compareExchange(expected: seen, desired: seen + 1, ordering: .acquiringAndReleasing).exchanged {
          leaveProcessorOfOthers()
          work(job)
          state.subtract(1, ordering: .releasing)
          return number
        }
        continue
      }
      looks += 1
      if looks % 1024 == 0 { leaveProcessorOfOthers() }
      if looks < Self.spins || looks < Self.patience && looks % 1024 != 0 {
        ck_pause()
      } else if looks < Self.patience {
        sched_yield()
      } else {
        sleep(unlessAfter: last)
        looks = 0
      }
    }
  }

  /// The system wakes a worker on the processor of the thread that wakes it, and may leave both there for long.
  private func leaveProcessorOfOthers() {
    let taken = processor.load(ordering: .relaxed)
    if taken >= 0, Int(ck_processor()) == taken { ck_leave_processor(Int32(taken)) }
  }

  /// Sleeps until it is woken, unless there is a job other than number `last` already.
  ///
  /// What it is woken for may be over before it is awake, but more is likely to follow soon.
  private func sleep(unlessAfter last: UInt64) {
    sleepers.wrappingAdd(1, ordering: .sequentiallyConsistent)
    wakeUp.lock()
    let seen = state.load(ordering: .sequentiallyConsistent)
    if seen / Self.jobNumber == last || seen & Self.isOpen == 0 { wakeUp.wait() }
    wakeUp.unlock()
    sleepers.wrappingSubtract(1, ordering: .sequentiallyConsistent)
  }
}
