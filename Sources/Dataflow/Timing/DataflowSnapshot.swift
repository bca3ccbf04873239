import Results

/// All that decides what a dataflow run does next, at one moment.
///
/// Counts go on over jumps. What lies in the past counts as now: an element that its reader can take at once, a slot that its
/// writer can use at once. Only those that still have to be waited for are written down, relative to who waits.
struct DataflowSnapshot {
  struct Node {
    var fired = 0
    var step = 0
    var time = 0
    var stamp = 0
  }

  struct Port {
    var countdown = 0
    var left = 0
  }

  struct FIFO {
    var writes = 0
    var reads = 0
    /// Elements among them that have no place in the rings.
    var jumped = 0
    /// Elements up to which it is known how many the FIFO held.
    var accounted = 0
    /// Elements that the reader need not wait for, and slots that the writer need not wait for.
    var ready = 0
    var free = 0
    /// Waits for all others, as a stretch of `waits`; nil where they were too many to compare.
    var waits: Range<Int>?
  }

  var nodes: [Node] = []
  var ports: [Port] = []
  var fifos: [FIFO] = []
  var waits: [Int] = []
  /// Events played and jumped.
  var events = 0
}

extension DataflowSimulation {
  /// - Parameter longest: most waits of a FIFO that are written down.
  func snapshot(longest: Int = .max) -> DataflowSnapshot {
    var snapshot = DataflowSnapshot()
    snapshot.events = outcome.events + outcome.jumpedEvents
    snapshot.nodes.reserveCapacity(nodes.count)
    for index in 0..<nodes.count {
      let node = nodes.base[index]
      snapshot.nodes.append(
        .init(fired: node.fired + node.jumped, step: node.step, time: node.time, stamp: node.stamp))
    }
    snapshot.ports.reserveCapacity(ports.count)
    for index in 0..<ports.count {
      snapshot.ports.append(.init(countdown: ports.base[index].countdown, left: ports.base[index].left))
    }
    snapshot.fifos.reserveCapacity(fifos.count)
    var waits = RunLengths()
    for index in 0..<fifos.count {
      account(index)
      snapshot.fifos.append(look(at: fifos.base[index], &waits, longest))
    }
    snapshot.waits = waits.numbers
    return snapshot
  }

  private func look(
    at fifo: DataflowState.FIFO, _ waits: inout RunLengths, _ longest: Int
  ) -> DataflowSnapshot.FIFO {
    let (writer, reader) = (nodes.base[fifo.writer].time, nodes.base[fifo.reader].time)
    let visible = Self.first(fifo.reads..<fifo.writes) { fifo.visible($0) > reader }
    let oldest = fifo.depth == Int.max ? fifo.reads : min(max(fifo.writes - fifo.depth, 0), fifo.reads)
    let freed = Self.first(oldest..<fifo.reads) { fifo.freed($0) > writer }
    var seen = DataflowSnapshot.FIFO(
      writes: fifo.writes + fifo.jumped, reads: fifo.reads + fifo.jumped, jumped: fifo.jumped,
      accounted: fifo.accounted + fifo.jumped, ready: visible - fifo.reads,
      free: max(fifo.room - (fifo.reads - freed), 0))
    guard fifo.writes - visible + (fifo.reads - freed) <= longest else { return seen }
    let start = waits.numbers.count
    waits.flush(zeros: visible - fifo.reads)
    for element in visible..<fifo.writes { waits.append(fifo.visible(element) - reader) }
    waits.flush()
    for element in freed..<fifo.reads { waits.append(fifo.freed(element) - writer) }
    waits.flush()
    seen.waits = start..<waits.numbers.count
    return seen
  }

  /// The first of `elements` at which `isLate`, which stays so from there on.
  private static func first(_ elements: Range<Int>, isLate: (Int) -> Bool) -> Int {
    var (low, high) = (elements.lowerBound, elements.upperBound)
    while low < high {
      let middle = (low + high) / 2
      if isLate(middle) { high = middle } else { low = middle + 1 }
    }
    return low
  }
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

  /// A list of zeros.
  mutating func flush(zeros: Int) { numbers += [0, 0, zeros] }

  /// Ends a list; lists of different lengths differ.
  mutating func flush() {
    numbers.append(first)
    numbers.append(count > 1 ? difference : 0)
    numbers.append(count)
    count = 0
  }

  /// Whether lists are as long, one after another, and none of the first's numbers is larger than the second's at its place.
  static func isAtMost(_ a: ArraySlice<Int>, _ b: ArraySlice<Int>) -> Bool {
    var (left, right) = (Runs(a), Runs(b))
    while let one = left.run, let other = right.run {
      let count = min(one.count, other.count)
      // Runs are straight lines: the ends decide.
      let last = count - 1
      guard one.first <= other.first,
        one.first + last * one.difference <= other.first + last * other.difference
      else { return false }
      left.take(count)
      right.take(count)
    }
    return left.run == nil && right.run == nil
  }

  /// Runs written down, taken in parts.
  private struct Runs {
    private(set) var run: (first: Int, difference: Int, count: Int)?
    private var rest: ArraySlice<Int>

    init(_ numbers: ArraySlice<Int>) {
      rest = numbers
      next()
    }

    mutating func take(_ count: Int) {
      guard let taken = run, taken.count > count else { return next() }
      run = (taken.first + count * taken.difference, taken.difference, taken.count - count)
    }

    /// The next run that is not empty.
    private mutating func next() {
      run = nil
      while run == nil, rest.count >= 3 {
        let start = rest.startIndex
        if rest[start + 2] > 0 { run = (rest[start], rest[start + 1], rest[start + 2]) }
        rest = rest.dropFirst(3)
      }
    }
  }
}
