/// Keeps what a traced run did, operation by operation. Off, it costs one test per operation.
struct TraceRecorder {
  struct Entry {
    var actor: Int
    var slot: Int
    var operation: Int
    /// When the actor was done with the operation before, and when the waits of this one were over.
    var ready: Int
    var start: Int
    var served: Int
    var end: Int
    /// When the actor goes on.
    var released: Int
    /// The resource served last, by raw value, or -1.
    var bottleneck: Int32
    /// The barrier that decided `start`, and the entry that completed its phase.
    var barrier: Int?
    var waker: Int?
    /// The entry that had the bottleneck resource before.
    var unitBefore: Int?
    /// The entry of the same actor before.
    var before: Int?
  }

  private struct Wait {
    var was: Int
    var barrier: Int?
    var waker: Int?
  }

  private(set) var entries: [Entry] = []
  private var waits: [Int: Wait] = [:]
  /// Entries that completed each phase not yet consumed, oldest first, by slot and barrier.
  private var completers: [Int: Int] = [:]
  private var lastOfActor: [Int: Int] = [:]
  private var lastOfUnit: [Int32: Int] = [:]
  let limit: Int

  init(limit: Int) { self.limit = limit }

  private func key(_ slot: Int, _ barrier: Int) -> Int { slot << 16 | barrier }

  mutating func completed(slot: Int, barrier: Int) { completers[key(slot, barrier)] = entries.count - 1 }

  mutating func resolved(actor: Int, was: Int, waitedFor barrier: Int?, slot: Int) {
    waits[actor] = Wait(was: was, barrier: barrier, waker: barrier.flatMap { completers[key(slot, $0)] })
  }

  mutating func record(
    actor: Int, slot: Int, operation: Int, start: Int, served: Int, end: Int, bottleneck: Int32, released: Int
  ) {
    guard entries.count < limit else { return }
    let wait = waits[actor]
    entries.append(
      Entry(
        actor: actor, slot: slot, operation: operation, ready: wait?.was ?? start, start: start,
        served: served,
        end: end, released: released, bottleneck: bottleneck, barrier: wait?.barrier, waker: wait?.waker,
        unitBefore: lastOfUnit[bottleneck], before: lastOfActor[actor]))
    lastOfActor[actor] = entries.count - 1
    if bottleneck >= 0 { lastOfUnit[bottleneck] = entries.count - 1 }
  }
}
