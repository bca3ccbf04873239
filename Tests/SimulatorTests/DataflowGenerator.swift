import Attention
import HWModels
import Programs
import Schedules

@testable import Dataflow
@testable import Results
@testable import Simulator
@testable import Spatial

/// Random graphs, and a player of graphs that is slow and plain.
struct DataflowCase: CustomStringConvertible {
  let graph: DataflowGraph
  let timing: DataflowTiming
  let seed: UInt64
  var description: String { "seed \(seed)" }

  init(seed: UInt64, largestRows: Int = 40, largestKeys: Int = 24) {
    self.seed = seed
    var generator = SplitMix(seed: seed)
    func pick(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator) }
    let rows = pick(1...largestRows)
    let keys = pick(1...largestKeys)
    var timing = DataflowTiming()
    timing.latency = pick(0...6)
    timing.exponentialLatency = pick(0...9)
    timing.interval = pick(1...3)
    timing.channelLatency = pick(1...2)
    timing.creditLatency = pick(0...2)
    timing.isBroadcastAtomic = pick(0...2) == 0
    self.timing = timing
    var builder = DataflowBuilder("random")
    /// Streams without a reader, whether they carry one element a row, and the elements of those that lag.
    var open: [(fifo: Int, isRow: Bool, elements: Int?)] = []
    func depth() -> Int? {
      switch pick(0...5) {
      case 0: nil
      case 1: max(1, keys + pick(-2...3))
      default: pick(1...4)
      }
    }
    func outputs(isRowNode: Bool) -> [DataflowGraph.Port] {
      (0..<pick(1...3)).map { _ in
        let isRow = isRowNode || pick(0...3) == 0
        let fifo = builder.fifo("f", depth: depth())
        let groups = isRow ? rows : rows * keys
        let elements = pick(0...5) == 0 ? groups - pick(0...min(groups, isRow ? 3 : 2 * keys)) : nil
        open.append((fifo, isRow, elements))
        return .init(fifo: fifo, every: isRow && !isRowNode ? keys : 1, elements: elements)
      }
    }
    for index in 0..<pick(1...2) {
      let isRow = pick(0...2) == 0
      builder.node(
        "source \(index)", .source, firings: isRow ? rows : rows * keys, outputs: outputs(isRowNode: isRow))
    }
    for index in 0..<pick(1...6) {
      guard !open.isEmpty else { break }
      var inputs: [(fifo: Int, isRow: Bool, elements: Int?)] = []
      for _ in 0..<pick(1...3) where !open.isEmpty {
        inputs.append(open.remove(at: pick(0...open.count - 1)))
      }
      let isRowNode = inputs.allSatisfy(\.isRow) && pick(0...1) == 0
      builder.node(
        "node \(index)", .map, firings: isRowNode ? rows : rows * keys,
        inputs: inputs.map {
          .init(fifo: $0.fifo, every: $0.isRow && !isRowNode ? keys : 1, elements: $0.elements)
        },
        outputs: outputs(isRowNode: isRowNode), delay: pick(0...2) == 0 ? .exponential : .plain)
    }
    for (index, stream) in open.enumerated() {
      builder.node(
        "sink \(index)", .sink, firings: stream.isRow ? rows : rows * keys,
        inputs: [.init(fifo: stream.fifo, elements: stream.elements)],
        delay: .none)
    }
    graph = builder.build()
  }

  /// The rules of DAM, one after another, on growing lists: nothing clever.
  func slowly() -> (end: Int, isDone: Bool, peaks: [Int]) {
    var visible = graph.fifos.map { _ in [Int]() }
    var entered = visible
    var freed = visible
    var time = graph.nodes.map { _ in 0 }
    var fired = time
    var step = time
    var stamp = time
    var goesOn = true
    while goesOn {
      goesOn = false
      for (index, node) in graph.nodes.enumerated() {
        firing: while fired[index] < node.firings {
          while step[index] < node.inputs.count {
            let port = node.inputs[step[index]]
            if port.isTaken(at: fired[index]) {
              guard freed[port.fifo].count < visible[port.fifo].count else { break firing }
              time[index] = max(time[index], visible[port.fifo][freed[port.fifo].count])
              freed[port.fifo].append(time[index] + timing.creditLatency)
            }
            step[index] += 1
            goesOn = true
          }
          func hasRoom(_ port: DataflowGraph.Port) -> Bool {
            !port.isWritten(at: fired[index], of: node.firings)
              || graph.fifos[port.fifo].depth.map { visible[port.fifo].count - freed[port.fifo].count < $0 }
                ?? true
          }
          func free(_ port: DataflowGraph.Port) -> Int {
            guard port.isWritten(at: fired[index], of: node.firings),
              let depth = graph.fifos[port.fifo].depth,
              visible[port.fifo].count >= depth
            else { return 0 }
            return freed[port.fifo][visible[port.fifo].count - depth]
          }
          if step[index] == node.inputs.count {
            if timing.isBroadcastAtomic, !node.outputs.allSatisfy(hasRoom) { break firing }
            stamp[index] = time[index] + timing.latency(of: node.delay)
            if timing.isBroadcastAtomic {
              for port in node.outputs { time[index] = max(time[index], free(port)) }
            }
            step[index] += 1
            goesOn = true
          }
          while step[index] - node.inputs.count - 1 < node.outputs.count {
            let port = node.outputs[step[index] - node.inputs.count - 1]
            if port.isWritten(at: fired[index], of: node.firings) {
              guard hasRoom(port) else { break firing }
              time[index] = max(time[index], free(port))
              entered[port.fifo].append(time[index])
              visible[port.fifo].append(max(stamp[index], time[index] + timing.channelLatency))
            }
            step[index] += 1
            goesOn = true
          }
          time[index] += timing.interval(of: node.delay)
          fired[index] += 1
          step[index] = 0
        }
      }
    }
    let isDone = zip(graph.nodes, fired).allSatisfy { $0.firings == $1 }
    let peaks = graph.fifos.indices.map { fifo in
      var peak = entered[fifo].count - freed[fifo].count
      var before = 0
      for (element, left) in freed[fifo].enumerated() {
        while before < entered[fifo].count, entered[fifo][before] < left { before += 1 }
        peak = max(peak, before - element)
      }
      return peak
    }
    return (time.max() ?? 0, isDone, peaks)
  }
}
