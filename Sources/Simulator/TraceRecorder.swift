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
    var bottleneck: Int32
    var released: Int
  }

  private(set) var entries: [Entry] = []
  private var readyTime: [Int: Int] = [:]
  let limit: Int

  init(limit: Int) { self.limit = limit }

  mutating func resolved(actor: Int, was: Int, ready: Int) { readyTime[actor] = was }

  mutating func record(
    actor: Int, slot: Int, operation: Int, start: Int, served: Int, end: Int, bottleneck: Int32, released: Int
  ) {
    guard entries.count < limit else { return }
    entries.append(
      Entry(
        actor: actor, slot: slot, operation: operation, ready: readyTime[actor] ?? start, start: start,
        served: served, end: end, bottleneck: bottleneck, released: released))
  }
}
