/// Finds out, exactly, that a dataflow run has come back to a state it was in, but for the time.
///
/// A state is everything that decides what happens next: each node's place in its firing and its time relative to the
/// other nodes that pace it; for each element under way how long its reader still has to wait for it, and for each free
/// slot how long its writer has to. What lies in the past counts as now. States are kept as runs of equal differences, so
/// that a FIFO of many thousand elements is a few numbers, and compared whole.
///
/// Nodes that are joined by an unbounded FIFO only may drift apart: the writer runs ahead at a pace of its own. Then the
/// reader must not have waited for the FIFO during the period, and will not in the next.
struct DataflowPeriods {
  struct Snapshot {
    var state: [Int]
    /// Per node: firings done, and the time of its component.
    var fired: [Int]
    var bases: [Int]
    /// Per FIFO: elements taken.
    var reads: [Int]
    var events: Int
  }

  /// The latest states; more numbers than `budget` in all are not kept.
  private var kept: [Snapshot] = []
  private static let depth = 64
  private static let budget = 1 << 22

  /// The latest kept snapshot with the state of `new`, which is kept itself.
  mutating func match(_ new: Snapshot) -> Snapshot? {
    let found = kept.last { $0.state == new.state }
    kept.append(new)
    var size = kept.reduce(0) { $0 + $1.state.count }
    while kept.count > Self.depth || (size > Self.budget && kept.count > 1) {
      size -= kept.removeFirst().state.count
    }
    return found
  }

  mutating func reset() { kept = [] }
}

/// Numbers written down as runs: first, difference, count.
struct RunLengths {
  private(set) var numbers: [Int] = []
  private var first = 0
  private var difference = 0
  private var last = 0
  private var count = 0

  mutating func append(_ value: Int) {
    if count == 0 {
      (first, last, count) = (value, value, 1)
    } else if count == 1 {
      (difference, last, count) = (value - last, value, 2)
    } else if value - last == difference {
      (last, count) = (value, count + 1)
    } else {
      flush()
      (first, last, count) = (value, value, 1)
    }
  }

  /// The same as appending `value` so many times, at once.
  mutating func append(_ value: Int, times: Int) {
    var left = times
    while left > 0, !(count > 1 && difference == 0 && last == value) {
      append(value)
      left -= 1
    }
    count += max(left, 0)
  }

  /// Ends a list; lists of different lengths differ.
  mutating func flush() {
    numbers.append(first)
    numbers.append(count > 1 ? difference : 0)
    numbers.append(count)
    count = 0
  }
}

extension DataflowSimulation {
  /// The last node has fired: has this state been seen?
  mutating func considerJump() {
    let now = snapshot()
    guard let then = periods.match(now) else { return }
    guard driftIsHarmless(then, now) else { return }
    var count = Int.max
    for node in 0..<nodes.count {
      let advance = now.fired[node] - then.fired[node]
      // A firing under way now is one that the state after the jump must still have.
      let left = nodes.base[node].remaining - (nodes.base[node].step > 0 ? 1 : 0)
      if advance > 0 { count = min(count, left / advance) }
      for (port, elements) in limited(node, advance) { count = min(count, ports.base[port].left / elements) }
    }
    guard count != Int.max, count > 0 else { return }
    jump(then, now, periods: count)
  }

  /// Inputs of a node with a limited number of elements, and how many of them `firings` firings take.
  private func limited(_ index: Int, _ firings: Int) -> [(port: Int, elements: Int)] {
    let node = nodes.base[index]
    return (node.ports..<(node.ports + node.inputs)).compactMap { port in
      let state = ports.base[port]
      guard state.left != Int.max, state.left > 0, firings >= state.every else { return nil }
      return (port, firings / state.every)
    }
  }

  private func snapshot() -> DataflowPeriods.Snapshot {
    var state = RunLengths()
    for index in 0..<nodes.count {
      let node = nodes.base[index]
      state.append(node.remaining == 0 ? 1 : 0)
      state.append(node.step)
      state.append(node.step > node.inputs ? node.stamp - node.time : 0)
      state.append(node.remaining == 0 ? 0 : node.time - nodes.base[node.component].time)
      state.flush()
    }
    for port in 0..<ports.count { state.append(ports.base[port].countdown) }
    state.flush()
    for index in 0..<fifos.count {
      let fifo = fifos.base[index]
      let (writer, reader) = (nodes.base[fifo.writer], nodes.base[fifo.reader])
      for element in fifo.reads..<fifo.writes {
        state.append(max(fifo.visible[element & fifo.mask] - reader.time, 0))
      }
      state.append(-1)
      state.flush()
      if fifo.depth != Int.max {
        // Slots never used yet are free since ever, like those freed long ago.
        state.append(0, times: min(max(fifo.depth - fifo.writes, 0), fifo.depth))
        for element in max(fifo.writes - fifo.depth, 0)..<fifo.reads {
          state.append(max(fifo.freed[element & fifo.mask] - writer.time, 0))
        }
        state.append(-1)
        state.flush()
      }
    }
    return .init(
      state: state.numbers, fired: (0..<nodes.count).map { nodes.base[$0].fired },
      bases: (0..<nodes.count).map { nodes.base[nodes.base[$0].component].time },
      reads: (0..<fifos.count).map { fifos.base[$0].reads }, events: outcome.events)
  }

  /// Whether nodes that advanced by different times since `then` will go on without meeting.
  private func driftIsHarmless(_ then: DataflowPeriods.Snapshot, _ now: DataflowPeriods.Snapshot) -> Bool {
    for index in 0..<fifos.count {
      let fifo = fifos.base[index]
      let written = now.bases[fifo.writer] - then.bases[fifo.writer]
      let read = now.bases[fifo.reader] - then.bases[fifo.reader]
      if written == read { continue }
      if written > read || fifo.lastAwaited >= then.reads[index] { return false }
    }
    return true
  }

  private mutating func jump(
    _ then: DataflowPeriods.Snapshot, _ now: DataflowPeriods.Snapshot, periods count: Int
  ) {
    for index in 0..<fifos.count {
      account(index)
      let fifo = fifos.base + index
      let written = (now.bases[fifo.pointee.writer] - then.bases[fifo.pointee.writer]) * count
      let read = (now.bases[fifo.pointee.reader] - then.bases[fifo.pointee.reader]) * count
      if written != read { fifo.pointee.drifted = true }
      for place in 0...fifo.pointee.mask {
        fifo.pointee.entered[place] &+= written
        fifo.pointee.visible[place] &+= written
        fifo.pointee.freed[place] &+= read
      }
    }
    for index in 0..<nodes.count where nodes.base[index].remaining > 0 {
      let node = nodes.base + index
      let shift = (now.bases[index] - then.bases[index]) * count
      node.pointee.time += shift
      node.pointee.stamp += shift
      let firings = now.fired[index] - then.fired[index]
      node.pointee.remaining -= firings * count
      for (port, elements) in limited(index, firings) {
        ports.base[port].left -= elements * count
        if ports.base[port].left == 0 { ports.base[port].countdown = DataflowState.Port.never }
      }
    }
    outcome.jumpedEvents += (now.events - then.events) * count
    outcome.period = .init(
      firings: now.fired[reference] - then.fired[reference],
      cycles: now.bases[reference] - then.bases[reference], count: (outcome.period?.count ?? 0) + count)
    periods.reset()
  }
}
