import HWModels
import Schedules

/// A streaming graph executed on numbers: one copy, its heads one after another.
///
/// Nodes take one element and write one element at a time, in the order of their ports, as a machine does that writes to its
/// outputs one after another. FIFOs are as deep as the graph says, so a graph that deadlocks does so here. Numbers are
/// fp32; minus infinity as the maximum of a row so far means weights of zero.
final class GraphMachine {
  /// A queue of elements, each `width` numbers.
  private struct Queue {
    let width: Int
    let depth: Int?
    var numbers: [Float] = []
    /// First number of the oldest element.
    var head = 0
    var count: Int { (numbers.count - head) / width }
    var isFull: Bool { depth.map { count >= $0 } ?? false }
  }

  private struct Place {
    var fired = 0
    var step = 0
    /// What the firing under way took, and what it writes: one row of numbers for each port.
    var taken: [[Float]]
    var results: [[Float]]
    /// Running maximum, sum or output row.
    var state: [Float] = []
  }

  private let graph: DataflowGraph
  private let shape: AttentionShape
  private let heads: Range<Int>
  private let data: AttentionData
  private var queues: [Queue]
  private var places: [Place]
  private let scale: Float
  /// One output for each head.
  private(set) var outputs: [Int: Tile] = [:]
  private(set) var moves = 0

  init(_ graph: DataflowGraph, heads: Range<Int>, data: AttentionData) {
    self.graph = graph
    self.heads = heads
    self.data = data
    shape = data.shape
    scale = Float(1 / Double(data.shape.headDim).squareRoot())
    queues = graph.fifos.map { Queue(width: $0.width, depth: $0.depth) }
    places = graph.nodes.map {
      Place(
        taken: Array(repeating: [], count: $0.inputs.count),
        results: Array(repeating: [], count: $0.outputs.count)
      )
    }
    for head in heads {
      outputs[head] = Tile(rows: shape.seqQ, columns: shape.headDimV, type: shape.dataType.outputType)
    }
  }

  /// Plays to the end: nodes in turn, or as `generator` draws them. The text says who waits for what where it gets stuck.
  func run(_ generator: inout SplitMix, isRandom: Bool) -> String? {
    var unfinished = Array(graph.nodes.indices)
    while !unfinished.isEmpty {
      if isRandom, unfinished.count > 1 {
        for place in unfinished.indices.dropFirst() {
          unfinished.swapAt(place, generator.below(place + 1))
        }
      }
      var goesOn = false
      for node in unfinished {
        let limit = isRandom ? 1 + generator.below(4) : 64
        for _ in 0..<limit {
          guard act(node) else { break }
          goesOn = true
        }
      }
      unfinished.removeAll { places[$0].fired == graph.nodes[$0].firings }
      if !goesOn, !unfinished.isEmpty {
        return "deadlock: " + unfinished.map(waiting).joined(separator: "; ")
      }
    }
    return nil
  }

  private func waiting(_ node: Int) -> String {
    let (place, ports) = (places[node], graph.nodes[node])
    if place.step < ports.inputs.count {
      return "\(ports.name) waits for \(graph.fifos[ports.inputs[place.step].fifo].name)"
    }
    let output = ports.outputs[min(place.step - ports.inputs.count, ports.outputs.count - 1)]
    return "\(ports.name) waits for room in \(graph.fifos[output.fifo].name)"
  }

  /// Goes on with a node's firing until it is done; false where it waits. Steps already taken stay taken.
  private func act(_ index: Int) -> Bool {
    let node = graph.nodes[index]
    guard places[index].fired < node.firings else { return false }
    let firing = places[index].fired
    while places[index].step < node.inputs.count {
      let input = places[index].step
      if node.inputs[input].isTaken(at: firing) {
        let fifo = node.inputs[input].fifo
        guard queues[fifo].count > 0 else { return false }
        places[index].taken[input] = take(fifo)
      }
      places[index].step += 1
    }
    if places[index].step == node.inputs.count {
      compute(index, node, firing)
      places[index].step += 1
    }
    while places[index].step - node.inputs.count - 1 < node.outputs.count {
      let output = places[index].step - node.inputs.count - 1
      if node.outputs[output].isWritten(at: firing, of: node.firings) {
        let fifo = node.outputs[output].fifo
        guard !queues[fifo].isFull else { return false }
        queues[fifo].numbers += places[index].results[output]
        moves += 1
      }
      places[index].step += 1
    }
    places[index].fired += 1
    places[index].step = 0
    return true
  }

  private func take(_ fifo: Int) -> [Float] {
    let (head, width) = (queues[fifo].head, queues[fifo].width)
    let element = Array(queues[fifo].numbers[head..<(head + width)])
    queues[fifo].head += width
    if queues[fifo].head > 1024, queues[fifo].head * 2 > queues[fifo].numbers.count {
      queues[fifo].numbers.removeFirst(queues[fifo].head)
      queues[fifo].head = 0
    }
    moves += 1
    return element
  }

  // MARK: What nodes compute

  private func compute(_ index: Int, _ node: DataflowGraph.Node, _ firing: Int) {
    let keys = shape.seqKV
    let isFirst = firing % keys == 0
    let taken = places[index].taken
    func emit(_ row: [Float]) {
      for output in node.outputs.indices { places[index].results[output] = row }
    }
    switch node.function {
    case .readQueries:
      emit(row(of: data.q[heads.lowerBound + firing / shape.seqQ], firing % shape.seqQ))
    case .readKeys: emit(row(of: data.k[keyHead(firing)], firing % keys))
    case .readValues: emit(row(of: data.v[keyHead(firing)], firing % keys))
    case .score: emit([dot(taken[0], taken[1]) * scale])
    case .rowMaximum:
      fold(index, isFirst, [-.infinity]) { max($0, taken[0][0]) }
      emit(places[index].state)
    case .subtractMaximum: emit([difference(taken[1][0], taken[0][0])])
    case .exponential: emit([exponential(taken[0][0])])
    case .exponentialOfDifference: emit([exponential(difference(taken[1][0], taken[0][0]))])
    case .rowSum:
      fold(index, isFirst, [0]) { $0 + taken[0][0] }
      emit(places[index].state)
    case .divideBySum: emit([taken[1][0] / taken[0][0]])
    case .weightedValues:
      let zero = [Float](repeating: 0, count: shape.headDimV)
      accumulate(index, isFirst ? zero : places[index].state, weight: taken[0][0], row: taken[1])
      emit(places[index].state)
    case .runningMaximum:
      let old = isFirst ? -Float.infinity : places[index].state[0]
      let new = max(old, taken[0][0])
      places[index].state = [new]
      let decay = new == -.infinity ? 1 : exponential(old - new)
      let weight = exponential(difference(taken[0][0], new))
      for output in node.outputs.indices {
        places[index].results[output] = [output % 2 == 0 ? decay : weight]
      }
    case .runningSum:
      fold(index, isFirst, [0]) { $0 * taken[0][0] + taken[1][0] }
      emit(places[index].state)
    case .runningValues:
      let old =
        isFirst ? [Float](repeating: 0, count: shape.headDimV) : places[index].state.map { $0 * taken[0][0] }
      accumulate(index, old, weight: taken[1][0], row: taken[2])
      emit(places[index].state)
    case .divideRow: emit(taken[1].map { taken[0][0] == 0 ? 0 : $0 / taken[0][0] })
    case .writeOutput: store(taken[0], firing)
    case .pass: emit(taken.first ?? [])
    case .none: break
    }
  }

  private func keyHead(_ firing: Int) -> Int {
    (heads.lowerBound + firing / (shape.seqKV * shape.seqQ)) / shape.group
  }

  private func row(of tile: Tile, _ row: Int) -> [Float] {
    Array(UnsafeBufferPointer(start: tile.elements + row * tile.columns, count: tile.columns))
  }

  private func dot(_ a: [Float], _ b: [Float]) -> Float {
    var sum: Float = 0
    for place in a.indices { sum += a[place] * b[place] }
    return sum
  }

  /// score - maximum, where a row of nothing but minus infinity weighs nothing.
  private func difference(_ score: Float, _ maximum: Float) -> Float {
    maximum == -.infinity ? -.infinity : score - maximum
  }

  private func exponential(_ x: Float) -> Float { Float(Exponential.exp(Double(x))) }

  private func fold(_ index: Int, _ isFirst: Bool, _ start: [Float], _ next: (Float) -> Float) {
    places[index].state = [next(isFirst ? start[0] : places[index].state[0])]
  }

  private func accumulate(_ index: Int, _ old: [Float], weight: Float, row: [Float]) {
    var sum = old
    // Zero times a value that is not finite would spoil a row that does not see it.
    if weight != 0 { for place in sum.indices { sum[place] += weight * row[place] } }
    places[index].state = sum
  }

  private func store(_ row: [Float], _ firing: Int) {
    guard let tile = outputs[heads.lowerBound + firing / shape.seqQ] else { return }
    let start = firing % shape.seqQ * tile.columns
    for (column, number) in row.enumerated() {
      tile.elements[start + column] = Rounding.round(number, to: shape.dataType.outputType)
    }
  }
}
