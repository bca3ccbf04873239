package import Programs
import Results

/// A graph of nodes and bounded FIFOs, played element by element.
///
/// - A firing takes its inputs in order: the local clock moves to when each is visible, and the slot is free again
///   `creditLatency` later. Its outputs are on their way `latency` after that. It then writes them in order: a write to a
///   full FIFO moves the clock to when a slot is free; the element is visible `channelLatency` after the write or when it
///   has come, whichever is later. (So waiting for room overlaps the latency of the node, as in the authors' code.)
///   Then the clock moves on by the initiation interval.
/// - FIFOs have one writer and one reader, so any order of playing gives the same times: nodes are played in turn, each as
///   far as its inputs and outputs let it.
/// - The state relative to now is compared each time the last node has fired, and now and then within a row; once it
///   repeats, whole periods are jumped, exactly (`DataflowPeriods`).
/// - A writer does not play further ahead through a FIFO without a bound than the others need, so that what has to be kept
///   stays small.
///
/// Complexity: O(element events of a few periods), a few nanoseconds each, whatever the length of a row; and O(elements that
/// FIFOs hold). Nothing is allocated per event.
package struct DataflowSimulation {
  package struct Outcome {
    /// The latest local clock.
    package var end = 0
    package var events = 0
    package var jumpedEvents = 0
    /// Most elements that each FIFO held at once; nil where its writer ran ahead without bound.
    package var peaks: [Int?] = []
    /// What each unfinished node waits for; empty where all ended.
    package var blocked: [Blocked] = []
    var period: Period?
    /// A FIFO without a bound that came to hold `DataflowSimulation.largestRing` elements, at which the play ended.
    package var overfull: Int?
    /// The longest time that a node takes from its first firing to the end of its last: how soon the next run can follow
    /// where runs follow each other without draining.
    package var span = 0
  }

  /// A node that cannot go on.
  package struct Blocked: Hashable {
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
  let plain: FlatArray<Int>
  let fifos: FlatArray<DataflowState.FIFO>
  var rings: [FlatArray<Int>] = []
  /// The node with the fewest firings, whose firings mark the moments that are compared.
  package let reference: Int
  /// Firings of a node before the next has its turn: enough for a group of the largest port.
  package let turn: Int
  package var outcome = Outcome()
  package var recorder: DataflowRecorder?
  /// Elements of one FIFO whose times are kept: three numbers each.
  package static let largestRing = 1 << 25

  package init(
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
    turn = recorder == nil ? Self.turn(largest) : Self.shortestTurn
    reference =
      graph.nodes.indices.min { (graph.nodes[$0].firings, -$0) < (graph.nodes[$1].firings, -$1) } ?? 0
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
      if let depth = fifo.depth, depth < elements {
        (state.depth, state.bound) = (depth, depth)
      } else {
        state.bound = min(4 * turn, Self.largestRing)
      }
      if let ends = graph.ends(of: index) { (state.writer, state.reader) = ends }
      fifoList.append(state)
    }
    fifos = FlatArray(fifoList)
  }

  private static let shortestTurn = 64

  /// Rows of this size are played at once; longer ones in equal parts, so that rows still begin with a turn.
  private static func turn(_ largest: Int) -> Int {
    let longest = 1 << 16
    guard largest > longest else { return max(largest, shortestTurn) }
    return (shortestTurn...longest).last { largest % $0 == 0 } ?? largest
  }

  /// Plays until all nodes are done or none can go on.
  package mutating func run() -> Outcome {
    var periods = DataflowPeriods()
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
        if !takesParts {
          takesParts = true
        } else if widen() {
          takesParts = false
        } else {
          break
        }
        continue
      }
      takesParts = false
      guard detectsPeriods else { continue }
      let fired = nodes.base[reference].fired
      if fired != compared, nodes.base[reference].remaining > 0 {
        compared = fired
        periods.considerRow(&self)
      } else {
        periods.considerStride(&self)
      }
    }
    finish()
    return outcome
  }

  private mutating func finish() {
    for node in 0..<nodes.count where isAmple(node) { playOut(node) }
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

  /// The earliest clock of a node that can go on. Whatever is still to come, comes later.
  package var horizon: Int {
    (0..<nodes.count).filter { index in
      guard nodes.base[index].remaining > 0 else { return false }
      // The bound of a FIFO without depth holds nobody up.
      return blocked(index).map { $0.waitsForRoom && fifos.base[$0.fifo].depth == Int.max } ?? true
    }.map { nodes.base[$0].time }.min() ?? outcome.end
  }

  /// What holds a node up; nil where nothing does.
  func blocked(_ index: Int) -> Blocked? {
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
}
