import Schedules

/// A graph of nodes and bounded FIFOs, played element by element.
///
/// - A firing takes its inputs in order: the local clock moves to when each is visible, and the slot is free again
///   `creditLatency` later. Its outputs are on their way `latency` after that. It then writes them in order: a write to a
///   full FIFO moves the clock to when a slot is free; the element is visible `channelLatency` after the write or when it
///   has come, whichever is later. (So waiting for room overlaps the latency of the node, as in the authors' code.)
///   Then the clock moves on by the initiation interval.
/// - FIFOs have one writer and one reader, so any order of playing gives the same times: nodes are played in turn, each as
///   far as its inputs and outputs let it.
/// - The state relative to now is compared each time the last node has fired; once it repeats, whole periods are jumped,
///   exactly (`DataflowPeriods`).
///
/// Complexity: O(element events up to the second period), a few nanoseconds each; nothing is allocated per event.
struct DataflowSimulation {
  struct Outcome {
    /// The latest local clock.
    var end = 0
    var events = 0
    var jumpedEvents = 0
    /// Most elements that each FIFO held at once; nil where its writer ran ahead without bound.
    var peaks: [Int?] = []
    /// What each unfinished node waits for; empty where all ended.
    var blocked: [Blocked] = []
    var period: Period?
    /// The longest time that a node takes from its first firing to the end of its last: how soon the next run can follow
    /// where runs follow each other without draining.
    var span = 0
  }

  /// A node that cannot go on.
  struct Blocked: Hashable {
    var node: Int
    var fifo: Int
    /// Waits for room rather than for an element.
    var waitsForRoom: Bool
  }

  /// Firings of the last node in one period, its cycles, and how many periods were jumped.
  struct Period: Hashable {
    var firings: Int
    var cycles: Int
    var count: Int
  }

  let graph: DataflowGraph
  let timing: DataflowTiming
  private let detectsPeriods: Bool
  let nodes: FlatArray<DataflowState.Node>
  let ports: FlatArray<DataflowState.Port>
  private let plain: FlatArray<Int>
  let fifos: FlatArray<DataflowState.FIFO>
  private var rings: [FlatArray<Int>] = []
  /// The node with the fewest firings, whose firings mark the moments that are compared.
  let reference: Int
  /// Firings of a node before the next has its turn: enough for a group of the largest port.
  private let turn: Int
  var outcome = Outcome()
  var periods = DataflowPeriods()
  private(set) var recorder: DataflowRecorder?

  init(
    _ graph: DataflowGraph, timing: DataflowTiming, detectsPeriods: Bool = true,
    recorder: DataflowRecorder? = nil
  ) {
    self.graph = graph
    self.timing = timing
    self.detectsPeriods = detectsPeriods
    self.recorder = recorder
    var portList: [DataflowState.Port] = []
    var plainList: [Int] = []
    var nodeList: [DataflowState.Node] = []
    var largest = 1
    for node in graph.nodes {
      var state = DataflowState.Node()
      state.remaining = node.firings
      state.interval = timing.interval(of: node.delay)
      state.latency = timing.latency(of: node.delay)
      state.ports = portList.count
      state.inputs = node.inputs.count
      state.outputs = node.outputs.count
      for port in node.inputs {
        portList.append(
          .init(
            fifo: port.fifo, every: port.every, countdown: port.elements == 0 ? DataflowState.Port.never : 1,
            left: port.elements ?? .max, isPlain: port.every == 1 && port.elements == nil))
      }
      for port in node.outputs {
        let skipped = node.firings / port.every - port.count(of: node.firings)
        portList.append(
          .init(
            fifo: port.fifo, every: port.every, countdown: (skipped + 1) * port.every,
            isPlain: port.every == 1 && port.elements == nil))
      }
      state.plainPorts = plainList.count
      plainList += node.inputs.filter { $0.every == 1 && $0.elements == nil }.map(\.fifo)
      state.plainInputs = plainList.count - state.plainPorts
      plainList += node.outputs.filter { $0.every == 1 && $0.elements == nil }.map(\.fifo)
      state.plainOutputs = plainList.count - state.plainPorts - state.plainInputs
      state.isGrouped = (node.inputs + node.outputs).contains { $0.every > 1 || $0.elements != nil }
      largest = max(largest, (node.inputs + node.outputs).map(\.every).max() ?? 1)
      nodeList.append(state)
    }
    turn = max(largest, 64)
    reference =
      graph.nodes.indices.min { (graph.nodes[$0].firings, -$0) < (graph.nodes[$1].firings, -$1) } ?? 0
    for (index, component) in Self.components(graph).enumerated() { nodeList[index].component = component }
    nodes = FlatArray(nodeList)
    ports = FlatArray(portList)
    plain = FlatArray(plainList)
    var fifoList: [DataflowState.FIFO] = []
    for (index, fifo) in graph.fifos.enumerated() {
      let capacity = 64
      let own = (0..<3).map { _ in FlatArray<Int>(uninitialized: capacity) }
      rings += own
      var state = DataflowState.FIFO(
        entered: own[0].base, visible: own[1].base, freed: own[2].base, mask: capacity - 1)
      // A FIFO that holds all that ever comes has no bound.
      let elements = graph.elements(of: index)
      if let depth = fifo.depth, depth < elements { state.depth = depth }
      if let ends = graph.ends(of: index) { (state.writer, state.reader) = ends }
      fifoList.append(state)
    }
    fifos = FlatArray(fifoList)
  }

  /// Nodes joined by bounded FIFOs pace each other; across an unbounded one the writer may run ahead for ever.
  private static func components(_ graph: DataflowGraph) -> [Int] {
    var component = Array(graph.nodes.indices)
    for (index, fifo) in graph.fifos.enumerated() {
      guard let depth = fifo.depth, depth < graph.elements(of: index), let (a, b) = graph.ends(of: index)
      else { continue }
      let (from, to) = (component[b], component[a])
      for node in component.indices where component[node] == from { component[node] = to }
    }
    return component
  }

  /// Plays until all nodes are done or none can go on.
  mutating func run() -> Outcome {
    var compared = 0
    var takesParts = false
    while true {
      var goesOn = false
      for node in 0..<nodes.count where nodes.base[node].remaining > 0 {
        if play(node, takesParts: takesParts) { goesOn = true }
      }
      if let recorder, recorder.isFull { break }
      // Parts of firings are only played where no whole one can be: the times are the same, and whole ones are faster.
      guard goesOn else {
        if takesParts { break }
        takesParts = true
        continue
      }
      takesParts = false
      let fired = nodes.base[reference].fired
      if detectsPeriods, fired != compared, nodes.base[reference].remaining > 0 {
        compared = fired
        considerJump()
      }
    }
    finish()
    return outcome
  }

  private mutating func finish() {
    for node in 0..<nodes.count {
      outcome.end = max(outcome.end, nodes.base[node].time)
      // A source waits only for its reader, and is ready as soon as it has put out all.
      let firings = graph.nodes[node].firings
      outcome.span = max(
        outcome.span,
        nodes.base[node].inputs == 0
          ? firings * nodes.base[node].interval : nodes.base[node].time - nodes.base[node].start)
      if nodes.base[node].remaining > 0, let blocked = blocked(node) { outcome.blocked.append(blocked) }
    }
    outcome.peaks = (0..<fifos.count).map { index in
      account(index, toTheEnd: true)
      let fifo = fifos.base[index]
      return fifo.drifted ? nil : max(fifo.peak, fifo.occupied)
    }
  }

  private func blocked(_ index: Int) -> Blocked? {
    let node = nodes.base[index]
    if node.step < node.inputs {
      return Blocked(node: index, fifo: ports.base[node.ports + node.step].fifo, waitsForRoom: false)
    }
    for output in max(node.step - node.inputs - 1, 0)..<node.outputs {
      let port = ports.base[node.ports + node.inputs + output]
      if port.countdown == 1, fifos.base[port.fifo].room <= 0 {
        return Blocked(node: index, fifo: port.fifo, waitsForRoom: true)
      }
    }
    return nil
  }

  /// Plays a node until it waits for another or its turn is over; whether it did anything.
  private mutating func play(_ index: Int, takesParts: Bool) -> Bool {
    let node = nodes.base + index
    var left = turn
    var acted = false
    while left > 0, node.pointee.remaining > 0 {
      // The first firing is played alone: it says when the node starts.
      if node.pointee.step == 0, node.pointee.fired > 0, recorder == nil {
        let count = plainFirings(node, atMost: left)
        if count > 0 {
          fire(node, count)
          left -= count
          acted = true
          continue
        }
      }
      guard takesParts || canFinish(node) else { return acted }
      let step = node.pointee.step
      let isDone = fireOne(index)
      if isDone || node.pointee.step != step { acted = true }
      guard isDone else { return acted }
      left -= 1
    }
    return acted
  }

  /// Whether the firing under way, or the next, can be played to its end.
  private func canFinish(_ node: UnsafeMutablePointer<DataflowState.Node>) -> Bool {
    let first = node.pointee.ports
    for input in node.pointee.step..<max(node.pointee.inputs, node.pointee.step) {
      let port = ports.base[first + input]
      if port.countdown == 1, fifos.base[port.fifo].occupied == 0 { return false }
    }
    for output in max(node.pointee.step - node.pointee.inputs - 1, 0)..<node.pointee.outputs {
      let port = ports.base[first + node.pointee.inputs + output]
      if port.countdown == 1, fifos.base[port.fifo].room <= 0 { return false }
    }
    return true
  }

  /// Firings that need no more than the ports due at each, and do not have to wait for another node to play.
  private func plainFirings(_ node: UnsafeMutablePointer<DataflowState.Node>, atMost limit: Int) -> Int {
    var count = min(limit, node.pointee.remaining)
    if node.pointee.isGrouped {
      let first = node.pointee.ports
      for port in first..<(first + node.pointee.inputs + node.pointee.outputs) {
        let state = ports.base[port]
        if !state.isPlain { count = min(count, state.countdown - 1) }
      }
    }
    let listed = plain.base + node.pointee.plainPorts
    for place in 0..<node.pointee.plainInputs { count = min(count, fifos.base[listed[place]].occupied) }
    for place in 0..<node.pointee.plainOutputs {
      count = min(count, fifos.base[listed[node.pointee.plainInputs + place]].room)
    }
    return count
  }

  /// `count` firings in a row in which only plain ports are due.
  private mutating func fire(_ node: UnsafeMutablePointer<DataflowState.Node>, _ count: Int) {
    let listed = plain.base + node.pointee.plainPorts
    let inputs = node.pointee.plainInputs
    let outputs = node.pointee.plainOutputs
    for place in 0..<outputs {
      let fifo = fifos.base + listed[inputs + place]
      if fifo.pointee.writes + count > fifo.pointee.safe { makeRoom(listed[inputs + place], for: count) }
    }
    let (latency, interval) = (node.pointee.latency, node.pointee.interval)
    let (credit, channel) = (timing.creditLatency, timing.channelLatency)
    var time = node.pointee.time
    for _ in 0..<count {
      for place in 0..<inputs {
        let fifo = fifos.base + listed[place]
        let element = fifo.pointee.reads
        let visible = fifo.pointee.visible[element & fifo.pointee.mask]
        if visible > time {
          time = visible
          fifo.pointee.lastAwaited = element
        }
        fifo.pointee.freed[element & fifo.pointee.mask] = time &+ credit
        fifo.pointee.reads = element &+ 1
      }
      let stamp = time &+ latency
      if timing.isBroadcastAtomic {
        for place in inputs..<(inputs + outputs) { time = max(time, freeSlot(listed[place])) }
      }
      for place in inputs..<(inputs + outputs) {
        let fifo = fifos.base + listed[place]
        let element = fifo.pointee.writes
        let slot = element & fifo.pointee.mask
        if element >= fifo.pointee.depth {
          time = max(time, fifo.pointee.freed[(element &- fifo.pointee.depth) & fifo.pointee.mask])
        }
        fifo.pointee.entered[slot] = time
        fifo.pointee.visible[slot] = max(stamp, time &+ channel)
        fifo.pointee.writes = element &+ 1
      }
      time = time &+ interval
    }
    node.pointee.time = time
    node.pointee.fired += count
    node.pointee.remaining -= count
    if node.pointee.isGrouped {
      let first = node.pointee.ports
      for port in first..<(first + node.pointee.inputs + node.pointee.outputs)
      where !ports.base[port].isPlain && ports.base[port].countdown != DataflowState.Port.never {
        ports.base[port].countdown -= count
      }
    }
    outcome.events += count * (inputs + outputs)
  }

  /// When the slot that the next element would take is free.
  private func freeSlot(_ index: Int) -> Int {
    let fifo = fifos.base + index
    guard fifo.pointee.writes >= fifo.pointee.depth else { return 0 }
    return fifo.pointee.freed[(fifo.pointee.writes - fifo.pointee.depth) & fifo.pointee.mask]
  }

  /// Goes on with one firing, step by step, from where it stopped; whether it is done.
  private mutating func fireOne(_ index: Int) -> Bool {
    let node = nodes.base + index
    let first = node.pointee.ports
    while node.pointee.step < node.pointee.inputs {
      let port = ports.base + first + node.pointee.step
      if port.pointee.countdown == 1 {
        let fifo = fifos.base + port.pointee.fifo
        guard fifo.pointee.occupied > 0 else { return false }
        let element = fifo.pointee.reads
        let visible = fifo.pointee.visible[element & fifo.pointee.mask]
        if visible > node.pointee.time {
          node.pointee.time = visible
          fifo.pointee.lastAwaited = element
        }
        fifo.pointee.freed[element & fifo.pointee.mask] = node.pointee.time + timing.creditLatency
        fifo.pointee.reads += 1
        recorder?.left(port.pointee.fifo, at: node.pointee.time + timing.creditLatency)
        outcome.events += 1
      }
      node.pointee.step += 1
    }
    if node.pointee.step == node.pointee.inputs {
      if timing.isBroadcastAtomic {
        var time = node.pointee.time
        for output in 0..<node.pointee.outputs {
          let port = ports.base + first + node.pointee.inputs + output
          guard port.pointee.countdown == 1 else { continue }
          guard fifos.base[port.pointee.fifo].room > 0 else { return false }
          time = max(time, freeSlot(port.pointee.fifo))
        }
        node.pointee.stamp = node.pointee.time + node.pointee.latency
        node.pointee.time = time
      } else {
        node.pointee.stamp = node.pointee.time + node.pointee.latency
      }
      if node.pointee.fired == 0 { node.pointee.start = node.pointee.stamp - node.pointee.latency }
      recorder?.began(index, firing: node.pointee.fired, at: node.pointee.stamp - node.pointee.latency)
      node.pointee.step += 1
    }
    while node.pointee.step - node.pointee.inputs - 1 < node.pointee.outputs {
      let port = ports.base + first + node.pointee.step - 1
      if port.pointee.countdown == 1 {
        guard fifos.base[port.pointee.fifo].room > 0 else { return false }
        let fifo = fifos.base + port.pointee.fifo
        if fifo.pointee.writes + 1 > fifo.pointee.safe { makeRoom(port.pointee.fifo, for: 1) }
        node.pointee.time = max(node.pointee.time, freeSlot(port.pointee.fifo))
        let slot = fifo.pointee.writes & fifo.pointee.mask
        fifo.pointee.entered[slot] = node.pointee.time
        fifo.pointee.visible[slot] = max(node.pointee.stamp, node.pointee.time + timing.channelLatency)
        fifo.pointee.writes += 1
        recorder?.entered(port.pointee.fifo, at: node.pointee.time)
        outcome.events += 1
      }
      node.pointee.step += 1
    }
    node.pointee.time += node.pointee.interval
    node.pointee.fired += 1
    node.pointee.remaining -= 1
    node.pointee.step = 0
    for port in first..<(first + node.pointee.inputs + node.pointee.outputs) {
      ports.base[port].advance()
    }
    recorder?.ended(index, at: node.pointee.time)
    return true
  }

  /// Grows the rings of a FIFO where `count` more elements would overwrite times that are still needed.
  private mutating func makeRoom(_ index: Int, for count: Int) {
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
    for element in oldest..<fifo.writes {
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
    while fifo.pointee.accounted < fifo.pointee.reads {
      let left = fifo.pointee.freed[fifo.pointee.accounted & fifo.pointee.mask]
      while fifo.pointee.enteredBefore < fifo.pointee.writes,
        fifo.pointee.entered[fifo.pointee.enteredBefore & fifo.pointee.mask] < left
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
