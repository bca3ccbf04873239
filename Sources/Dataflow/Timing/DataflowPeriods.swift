import Results

/// Finds out, exactly, that a dataflow run has come back to a state it was in, but for the time, and jumps over what repeats.
///
/// - Rows: states are compared whenever the last node has fired.
/// - Strides: now and then the states after a few turns are compared with each other. Within a row nothing may be due for
///   which a node counts, so a stride ends before the next such firing.
///
/// See `DataflowSimulation.repetitions` for what makes two states the same.
struct DataflowPeriods {
  /// The latest states at the ends of rows; more numbers than `budget` in all are not kept.
  private var rows: [DataflowSnapshot] = []
  private static let depth = 64
  private static let budget = 1 << 22

  /// The first state of a series under way, how many more are compared with it, and the event at which the next begins.
  private var anchor: DataflowSnapshot?
  private var turnsLeft = 0
  private var due = DataflowPeriods.shortestPause
  /// Events between two series: a series costs as much as some hundred events, and one that fails doubles the pause.
  private var pause = DataflowPeriods.shortestPause
  private static let shortestPause = 2048
  /// Turns of a series: nodes with latencies of a few cycles come back after a few turns of a few elements.
  private static let series = 12
  /// Waits of one FIFO that a series compares; more stand for a reader far behind, which is at no steady pace.
  private static let longestWaits = 256

  /// The last node has fired: has this state been seen?
  mutating func considerRow(_ simulation: inout DataflowSimulation) {
    let now = simulation.snapshot()
    for then in rows.reversed() {
      let count = simulation.repetitions(then, now)
      guard count > 0 else { continue }
      simulation.jump(then, now, periods: count)
      self = DataflowPeriods()
      due = simulation.outcome.events + pause
      return
    }
    rows.append(now)
    var size = rows.reduce(0) { $0 + $1.waits.count }
    while rows.count > Self.depth || (size > Self.budget && rows.count > 1) {
      size -= rows.removeFirst().waits.count
    }
  }

  /// A turn of all nodes is over.
  mutating func considerStride(_ simulation: inout DataflowSimulation) {
    guard let then = anchor else {
      guard simulation.outcome.events >= due else { return }
      anchor = simulation.snapshot(longest: Self.longestWaits)
      turnsLeft = Self.series
      return
    }
    let now = simulation.snapshot(longest: Self.longestWaits)
    let count = simulation.repetitions(then, now)
    turnsLeft -= 1
    if count > 0 {
      simulation.jump(then, now, periods: count)
      pause = Self.shortestPause
    } else if turnsLeft == 0 {
      pause *= 2
    } else {
      return
    }
    anchor = nil
    due = simulation.outcome.events + pause
  }
}

extension DataflowSimulation {
  /// How often what happened from `then` to `now` will happen again at once; 0 where the states differ.
  ///
  /// The states are the same where
  /// - every node is at the same place of its firing, and either did nothing or has its outputs as far ahead;
  /// - every input or output that is due at some firings only is as many firings away, or has come nearer and was not due;
  /// - every FIFO that passed elements has the same waits at both ends and writer and reader advanced by the same time; or
  ///   nobody waited for it and nobody will: elements and slots that were ready at the start were enough, and are enough for
  ///   as many periods as there are.
  ///
  /// Through a FIFO without a bound a writer may be faster than the reader, if the reader did not wait.
  func repetitions(_ then: DataflowSnapshot, _ now: DataflowSnapshot) -> Int {
    var count = Int.max
    for index in 0..<nodes.count {
      let (old, new, node) = (then.nodes[index], now.nodes[index], nodes.base[index])
      guard old.step == new.step else { return 0 }
      let advance = new.fired - old.fired
      if advance == 0 {
        guard old.time == new.time, old.stamp == new.stamp else { return 0 }
        continue
      }
      if new.step > node.inputs, new.stamp - old.stamp != new.time - old.time { return 0 }
      // A firing under way now is one that the state after the jump must still have.
      count = min(count, (node.remaining - (node.step > 0 ? 1 : 0)) / advance)
      for port in node.ports..<(node.ports + node.inputs + node.outputs) {
        let (old, new) = (then.ports[port], now.ports[port])
        if old.left != new.left { count = min(count, new.left / (old.left - new.left)) }
        if old.countdown == new.countdown { continue }
        guard old.countdown - new.countdown == advance, new.countdown >= 2 else { return 0 }
        count = min(count, (new.countdown - 2) / advance)
      }
      if count == 0 { return 0 }
    }
    for index in 0..<fifos.count {
      let (old, new) = (then.fifos[index], now.fifos[index])
      let (written, read) = (new.writes - old.writes, new.reads - old.reads)
      if written == 0 && read == 0 { continue }
      if isSteady(index, then, now) {
        // What the FIFO holds at once must be known for as many elements as a period has; where it grows, nobody asks.
        guard drift(index, then, now) > 0 || new.accounted - old.accounted >= read else { return 0 }
        continue
      }
      guard old.ready >= read, old.free >= written, old.jumped == new.jumped,
        fifos.base[index].remembers(read)
      else { return 0 }
      if read > 0 { count = min(count, new.ready / read) }
      if written > 0 { count = min(count, new.free / written) }
    }
    return count == Int.max ? 0 : count
  }

  /// Whether a FIFO that passed elements is as it was, seen from both ends; or, without a bound, as far or further ahead of a
  /// reader that did not wait.
  private func isSteady(_ index: Int, _ then: DataflowSnapshot, _ now: DataflowSnapshot) -> Bool {
    let (old, new, fifo) = (then.fifos[index], now.fifos[index], fifos.base[index])
    guard new.writes - old.writes == new.reads - old.reads, let before = old.waits, let after = new.waits
    else { return false }
    let drift = drift(index, then, now)
    if drift == 0 { return then.waits[before] == now.waits[after] }
    return fifo.depth == Int.max && drift > 0 && fifo.lastAwaited + fifo.jumped < old.reads
      && RunLengths.isAtMost(now.waits[after], then.waits[before])
  }

  /// By how many cycles less than its reader a writer advanced.
  private func drift(_ index: Int, _ then: DataflowSnapshot, _ now: DataflowSnapshot) -> Int {
    let (writer, reader) = (fifos.base[index].writer, fifos.base[index].reader)
    return (now.nodes[reader].time - then.nodes[reader].time)
      - (now.nodes[writer].time - then.nodes[writer].time)
  }

  /// Puts everything where it will be after `count` more periods.
  mutating func jump(_ then: DataflowSnapshot, _ now: DataflowSnapshot, periods count: Int) {
    for index in 0..<fifos.count {
      let (old, new) = (then.fifos[index], now.fifos[index])
      guard new.writes != old.writes || new.reads != old.reads else { continue }
      account(index)
      let fifo = fifos.base + index
      let written = now.nodes[fifo.pointee.writer].time - then.nodes[fifo.pointee.writer].time
      let read = now.nodes[fifo.pointee.reader].time - then.nodes[fifo.pointee.reader].time
      if isSteady(index, then, now) {
        rename(
          fifo, written * count, read * count, elements: (new.reads - old.reads) * count, since: old.reads)
      } else {
        pass(
          index, (new.writes - old.writes, written), (new.reads - old.reads, read), periods: count)
      }
    }
    for index in 0..<nodes.count {
      let advance = now.nodes[index].fired - then.nodes[index].fired
      guard advance > 0 else { continue }
      let node = nodes.base + index
      let shift = (now.nodes[index].time - then.nodes[index].time) * count
      node.pointee.time += shift
      node.pointee.stamp += shift
      node.pointee.remaining -= advance * count
      node.pointee.jumped += advance * count
      for place in node.pointee.ports..<(node.pointee.ports + node.pointee.inputs + node.pointee.outputs) {
        let (old, new, port) = (then.ports[place], now.ports[place], ports.base + place)
        if old.countdown != new.countdown { port.pointee.countdown -= advance * count }
        guard old.left != new.left else { continue }
        port.pointee.left -= (old.left - new.left) * count
        if port.pointee.left == 0 { port.pointee.countdown = DataflowState.Port.never }
      }
    }
    outcome.jumpedEvents += (now.events - then.events) * count
    let firings = now.nodes[reference].fired - then.nodes[reference].fired
    if firings > 0 {
      outcome.period = .init(
        firings: firings, cycles: now.nodes[reference].time - then.nodes[reference].time,
        count: (outcome.period?.count ?? 0) + count)
    }
  }

  /// The elements of a steady FIFO become those of later periods, which lie as they do.
  private func rename(
    _ fifo: UnsafeMutablePointer<DataflowState.FIFO>, _ written: Int, _ read: Int, elements: Int, since: Int
  ) {
    if written != read { fifo.pointee.drifted = true }
    fifo.pointee.shiftIn += written
    fifo.pointee.shiftOut += read
    // A wait before the period happens no more.
    if fifo.pointee.lastAwaited + fifo.pointee.jumped < since { fifo.pointee.lastAwaited -= elements }
    fifo.pointee.jumped += elements
  }

  /// Elements enter and leave a FIFO that nobody waits for, period after period: `in` and `out` are how many in one, and its
  /// length at that end.
  private mutating func pass(
    _ index: Int, _ in: (elements: Int, cycles: Int), _ out: (elements: Int, cycles: Int), periods: Int
  ) {
    let before = fifos.base[index]
    // Growing keeps only what is still needed.
    let leaving = (0..<out.elements).map {
      before.freed[(before.reads - out.elements + $0) & before.mask]
    }
    let (entering, left) = (`in`.elements * periods, out.elements * periods)
    // Their times are made one by one: they are played, and not jumped over.
    outcome.events += entering + left
    outcome.jumpedEvents -= entering + left
    makeRoom(index, for: entering)
    let fifo = fifos.base + index
    for element in fifo.pointee.writes..<(fifo.pointee.writes + entering) {
      let (from, to) = ((element - `in`.elements) & fifo.pointee.mask, element & fifo.pointee.mask)
      fifo.pointee.entered[to] = fifo.pointee.entered[from] + `in`.cycles
      fifo.pointee.visible[to] = fifo.pointee.visible[from] + `in`.cycles
    }
    fifo.pointee.writes += entering
    for place in 0..<left {
      let (period, firing) = place.quotientAndRemainder(dividingBy: out.elements)
      fifo.pointee.freed[(fifo.pointee.reads + place) & fifo.pointee.mask] =
        leaving[firing] + (period + 1) * out.cycles
    }
    fifo.pointee.reads += left
  }
}
