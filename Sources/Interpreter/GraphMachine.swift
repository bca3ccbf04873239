import Attention
import HWModels
import Programs

/// A streaming graph executed on numbers: one copy, its heads one after another.
///
/// Nodes take one element and write one element at a time, in the order of their ports, as a machine does that writes to its
/// outputs one after another. FIFOs are as deep as the graph says, so a graph that deadlocks does so here. Numbers are
/// fp32; minus infinity as the maximum of a row so far means weights of zero.
final class GraphMachine {
  /// A node at work: an object, so that a move copies nothing.
  final class Place {
    /// Ports and the queues at them in raw memory: every move looks them up.
    let inputs: UnsafeMutablePointer<DataflowGraph.Port>
    let outputs: UnsafeMutablePointer<DataflowGraph.Port>
    let inputCount: Int
    let outputCount: Int
    fileprivate let sources: UnsafeMutablePointer<Queue>
    fileprivate let targets: UnsafeMutablePointer<Queue>
    let firings: Int
    let function: DataflowGraph.Function
    @exclusivity(unchecked) var fired = 0
    @exclusivity(unchecked) var step = 0
    /// What the firing under way took, and what it writes: one row of numbers for each port.
    @exclusivity(unchecked) var taken: [[Float]]
    @exclusivity(unchecked) var results: [[Float]]
    /// Running maximum, sum or output row.
    @exclusivity(unchecked) var state: [Float] = []

    init(_ node: DataflowGraph.Node, queues: [Queue]) {
      (inputCount, outputCount) = (node.inputs.count, node.outputs.count)
      inputs = .allocate(capacity: max(inputCount, 1))
      outputs = .allocate(capacity: max(outputCount, 1))
      sources = .allocate(capacity: max(inputCount, 1))
      targets = .allocate(capacity: max(outputCount, 1))
      inputs.initialize(from: node.inputs, count: inputCount)
      outputs.initialize(from: node.outputs, count: outputCount)
      sources.initialize(from: node.inputs.map { queues[$0.fifo] }, count: inputCount)
      targets.initialize(from: node.outputs.map { queues[$0.fifo] }, count: outputCount)
      firings = node.firings
      function = node.function
      taken = Array(repeating: [], count: node.inputs.count)
      results = Array(repeating: [], count: node.outputs.count)
    }

    deinit {
      sources.deinitialize(count: inputCount)
      targets.deinitialize(count: outputCount)
      inputs.deallocate()
      outputs.deallocate()
      sources.deallocate()
      targets.deallocate()
    }
  }

  let graph: DataflowGraph
  let shape: AttentionShape
  let heads: Range<Int>
  let data: AttentionData
  let places: [Place]
  let scale: Float
  /// One output for each head.
  private(set) var outputs: [Int: Tile] = [:]
  @exclusivity(unchecked) private(set) var moves = 0

  init(_ graph: DataflowGraph, heads: Range<Int>, data: AttentionData) {
    self.graph = graph
    self.heads = heads
    self.data = data
    shape = data.shape
    scale = Float(1 / Double(data.shape.headDim).squareRoot())
    let queues = graph.fifos.map { Queue(width: $0.width, depth: $0.depth) }
    places = graph.nodes.map { Place($0, queues: queues) }
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
        let place = places[node]
        var left = isRandom ? 1 + generator.below(4) : 64
        while left > 0, act(place) {
          goesOn = true
          left &-= 1
        }
      }
      unfinished.removeAll { places[$0].fired == places[$0].firings }
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
  private func act(_ place: Place) -> Bool {
    guard place.fired < place.firings else { return false }
    let firing = place.fired
    let inputCount = place.inputCount
    var step = place.step
    defer { place.step = step }
    while step < inputCount {
      if place.inputs[step].isTaken(at: firing) {
        let queue = place.sources[step]
        guard queue.count > 0 else { return false }
        place.taken[step] = queue.removeFirst()
        moves &+= 1
      }
      step &+= 1
    }
    if step == inputCount {
      compute(place, firing)
      step &+= 1
    }
    var output = step &- inputCount &- 1
    while output < place.outputCount {
      if place.outputs[output].isWritten(at: firing, of: place.firings) {
        let queue = place.targets[output]
        guard queue.count < queue.depth else { return false }
        queue.append(place.results[output])
        moves &+= 1
      }
      step &+= 1
      output &+= 1
    }
    place.fired &+= 1
    step = 0
    return true
  }

  // MARK: What nodes compute

  private func compute(_ place: Place, _ firing: Int) {
    let keys = shape.seqKV
    let isFirst = firing % keys == 0
    let taken = place.taken
    func emit(_ row: [Float]) {
      var output = 0
      while output < place.outputCount {
        place.results[output] = row
        output &+= 1
      }
    }
    switch place.function {
    case .readQueries:
      emit(row(of: data.q[heads.lowerBound + firing / shape.seqQ], firing % shape.seqQ))
    case .readKeys: emit(row(of: data.k[keyHead(firing)], firing % keys))
    case .readValues: emit(row(of: data.v[keyHead(firing)], firing % keys))
    case .score: emit([dot(taken[0], taken[1]) * scale])
    case .rowMaximum:
      fold(place, isFirst, [-.infinity]) { max($0, taken[0][0]) }
      emit(place.state)
    case .subtractMaximum: emit([difference(taken[1][0], taken[0][0])])
    case .exponential: emit([exponential(taken[0][0])])
    case .exponentialOfDifference: emit([exponential(difference(taken[1][0], taken[0][0]))])
    case .rowSum:
      fold(place, isFirst, [0]) { $0 + taken[0][0] }
      emit(place.state)
    case .divideBySum: emit([taken[1][0] / taken[0][0]])
    case .weightedValues:
      let zero = [Float](repeating: 0, count: shape.headDimV)
      accumulate(place, isFirst ? zero : place.state, weight: taken[0][0], row: taken[1])
      emit(place.state)
    case .runningMaximum:
      let old = isFirst ? -Float.infinity : place.state[0]
      let new = max(old, taken[0][0])
      place.state = [new]
      let decay = new == -.infinity ? 1 : exponential(old - new)
      let weight = exponential(difference(taken[0][0], new))
      for output in 0..<place.outputCount {
        place.results[output] = [output % 2 == 0 ? decay : weight]
      }
    case .runningSum:
      fold(place, isFirst, [0]) { $0 * taken[0][0] + taken[1][0] }
      emit(place.state)
    case .runningValues:
      let old =
        isFirst ? [Float](repeating: 0, count: shape.headDimV) : place.state.map { $0 * taken[0][0] }
      accumulate(place, old, weight: taken[1][0], row: taken[2])
      emit(place.state)
    case .divideRow: emit(taken[1].map { taken[0][0] == 0 ? 0 : $0 / taken[0][0] })
    case .writeOutput: store(taken[0], firing)
    case .readQueryGroup(let queries): emit(queryGroup(firing, queries: queries))
    case .readKeyWords(let words): emit(word(of: data.k, firing, place, words: words))
    case .readValueWords(let words): emit(word(of: data.v, firing, place, words: words))
    case .scoreGroup(let queries, let words): scoreGroup(place, firing, queries: queries, words: words)
    case .weighGroup(let queries, let words): weighGroup(place, firing, queries: queries, words: words)
    case .writeQueryGroup(let queries): storeGroup(taken[0], firing, queries: queries)
    case .pass: emit(taken.first ?? [])
    case .linear, .none: break
    }
  }

  private func keyHead(_ firing: Int) -> Int {
    (heads.lowerBound + firing / (shape.seqKV * shape.seqQ)) / shape.group
  }

  func row(of tile: Tile, _ row: Int) -> [Float] {
    Array(UnsafeBufferPointer(start: tile.elements + row * tile.columns, count: tile.columns))
  }

  private func dot(_ a: [Float], _ b: [Float]) -> Float {
    var sum: Float = 0
    a.withUnsafeBufferPointer { a in
      b.withUnsafeBufferPointer { b in
        guard let x = a.baseAddress, let y = b.baseAddress else { return }
        var place = 0
        while place < a.count {
          sum += x[place] * y[place]
          place &+= 1
        }
      }
    }
    return sum
  }

  /// score - maximum, where a row of nothing but minus infinity weighs nothing.
  func difference(_ score: Float, _ maximum: Float) -> Float {
    maximum == -.infinity ? -.infinity : score - maximum
  }

  func exponential(_ x: Float) -> Float { Float(Exponential.exp(Double(x))) }

  private func fold(_ node: Place, _ isFirst: Bool, _ start: [Float], _ next: (Float) -> Float) {
    node.state = [next(isFirst ? start[0] : node.state[0])]
  }

  private func accumulate(_ node: Place, _ old: [Float], weight: Float, row: [Float]) {
    var sum = old
    // Zero times a value that is not finite would spoil a row that does not see it.
    if weight != 0 {
      sum.withUnsafeMutableBufferPointer { sum in
        row.withUnsafeBufferPointer { row in
          guard let x = sum.baseAddress, let y = row.baseAddress else { return }
          var place = 0
          while place < sum.count {
            x[place] += weight * y[place]
            place &+= 1
          }
        }
      }
    }
    node.state = sum
  }

  private func store(_ row: [Float], _ firing: Int) {
    guard let tile = outputs[heads.lowerBound + firing / shape.seqQ] else { return }
    let start = firing % shape.seqQ * tile.columns
    tile.elements.advanced(by: start).update(from: row, count: row.count)
    Rounding.round(tile.elements + start, count: row.count, to: shape.dataType.outputType)
  }
}
