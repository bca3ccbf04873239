import Programs
import Results

/// What is kept of the elements of a FIFO: rings of times, and how many it held at most.
extension DataflowSimulation {
  /// Lets writers play further ahead through FIFOs without a bound, where nothing else can go on; whether that helps.
  ///
  /// A source that everybody has enough of is left where it is: no other node waits for it.
  mutating func widen() -> Bool {
    var isWider = false
    for index in 0..<fifos.count {
      let fifo = fifos.base + index
      guard fifo.pointee.depth == Int.max, fifo.pointee.room <= 0, !isAmple(fifo.pointee.writer) else {
        continue
      }
      guard fifo.pointee.bound < Self.largestRing else {
        outcome.overfull = index
        return false
      }
      fifo.pointee.bound = min(2 * fifo.pointee.bound, Self.largestRing)
      isWider = true
    }
    return isWider
  }

  /// Whether a node waits for nobody and all its readers have elements.
  func isAmple(_ index: Int) -> Bool {
    let node = nodes.base[index]
    return node.inputs == 0
      && (node.ports..<(node.ports + node.outputs)).allSatisfy {
        let fifo = fifos.base[ports.base[$0].fifo]
        return fifo.depth == Int.max && fifo.occupied > 0
      }
  }

  /// Plays a source that waits for nobody to its end.
  mutating func playOut(_ index: Int) {
    let node = nodes.base + index
    guard node.pointee.remaining > 0 else { return }
    for (place, port) in graph.nodes[index].outputs.enumerated() {
      let fifo = fifos.base + ports.base[node.pointee.ports + place].fifo
      outcome.events +=
        port.count(of: graph.nodes[index].firings) - fifo.pointee.writes - fifo.pointee.jumped
      fifo.pointee.drifted = true
    }
    node.pointee.time += node.pointee.remaining * node.pointee.interval
    node.pointee.remaining = 0
  }

  /// Grows the rings of a FIFO where `count` more elements would overwrite times that are still needed.
  package mutating func makeRoom(_ index: Int, for count: Int) {
    account(index)
    let fifo = fifos.base[index]
    var oldest = min(fifo.reads, fifo.accounted, fifo.enteredBefore)
    if fifo.depth != Int.max { oldest = min(oldest, max(fifo.writes - fifo.depth, 0)) }
    let needed = fifo.writes + count - oldest
    fifos.base[index].safe = oldest + fifo.mask + 1
    guard needed > fifo.mask + 1 else { return }
    var capacity = fifo.mask + 1
    while capacity < needed { capacity *= 2 }
    let own = (0..<3).map { _ in FlatArray<Int>(uninitialized: capacity) }
    // Jumps look back further than what is needed.
    fifos.base[index].oldest = max(fifo.oldest, fifo.writes - fifo.mask - 1)
    for element in fifos.base[index].oldest..<fifo.writes {
      let (from, to) = (element & fifo.mask, element & (capacity - 1))
      own[0].base[to] = fifo.entered[from]
      own[1].base[to] = fifo.visible[from]
      own[2].base[to] = fifo.freed[from]
    }
    fifos.base[index].entered = own[0].base
    fifos.base[index].visible = own[1].base
    fifos.base[index].freed = own[2].base
    fifos.base[index].mask = capacity - 1
    fifos.base[index].safe = oldest + capacity
    for ring in 0..<3 { rings[3 * index + ring] = own[ring] }
  }

  /// Brings the occupancy of a FIFO up to date, as far as its writer has played; at the end it plays no more.
  func account(_ index: Int, toTheEnd: Bool = false) {
    let fifo = fifos.base + index
    let writer = nodes.base + fifo.pointee.writer
    guard !fifo.pointee.drifted else {
      // Held more and more: nobody asks how many.
      fifo.pointee.accounted = fifo.pointee.reads
      fifo.pointee.enteredBefore = max(fifo.pointee.enteredBefore, fifo.pointee.reads)
      return
    }
    while fifo.pointee.accounted < fifo.pointee.reads {
      let left = fifo.pointee.freed(fifo.pointee.accounted)
      while fifo.pointee.enteredBefore < fifo.pointee.writes,
        fifo.pointee.entered(fifo.pointee.enteredBefore) < left
      {
        fifo.pointee.enteredBefore += 1
      }
      if !toTheEnd, fifo.pointee.enteredBefore == fifo.pointee.writes, writer.pointee.remaining > 0,
        writer.pointee.time < left
      {
        return
      }
      fifo.pointee.peak = max(fifo.pointee.peak, fifo.pointee.enteredBefore - fifo.pointee.accounted)
      fifo.pointee.accounted += 1
    }
  }
}
