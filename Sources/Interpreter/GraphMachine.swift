import Attention
import HWModels
import Programs

/// A streaming graph executed on numbers: one copy, its heads one after another.
///
/// Nodes take one element and write one element at a time, in the order of their ports, as a machine does that writes to its
/// outputs one after another. FIFOs are as deep as the graph says, so a graph that deadlocks does so here. Numbers are
/// fp32; minus infinity as the maximum of a row so far means weights of zero.
final class GraphMachine {
  /// A FIFO of elements, each `width` numbers.
  struct Stream {
    let width: Int
    let depth: Int
    var elements = Queue<[Float]>()

    var isFull: Bool { elements.count >= depth }

    /// Adds an element; a row of another length than the stream's is poison.
    mutating func append(_ element: [Float]) {
      elements.append(element.count == width ? element : Array(repeating: .nan, count: width))
    }
  }

  /// A node at work: an object, so that a move copies nothing.
  final class Place {
    let inputs: [DataflowGraph.Port]
    let outputs: [DataflowGraph.Port]
    let firings: Int
    let function: DataflowGraph.Function
    @exclusivity(unchecked) var fired = 0
    @exclusivity(unchecked) var step = 0
    /// What the firing under way took, and what it writes: one row of numbers for each port.
    @exclusivity(unchecked) var taken: [[Float]]
    @exclusivity(unchecked) var results: [[Float]]
    /// Running maximum, sum or output row.
    @exclusivity(unchecked) var state: [Float] = []

    init(_ node: DataflowGraph.Node) {
      (inputs, outputs) = (node.inputs, node.outputs)
      firings = node.firings
      function = node.function
      taken = Array(repeating: [], count: node.inputs.count)
      results = Array(repeating: [], count: node.outputs.count)
    }
  }

  let graph: DataflowGraph
  let shape: AttentionShape
  let heads: Range<Int>
  let data: AttentionData
  let places: [Place]
  @exclusivity(unchecked) private var streams: [Stream]
  let scale: Float
  /// One output for each head.
  @exclusivity(unchecked) var outputs: [Int: Tile] = [:]
  @exclusivity(unchecked) private(set) var moves = 0

  init(_ graph: DataflowGraph, heads: Range<Int>, data: AttentionData) {
    self.graph = graph
    self.heads = heads
    self.data = data
    shape = data.shape
    scale = Float(1 / Double(data.shape.headDim).squareRoot())
    streams = graph.fifos.map { Stream(width: $0.width, depth: $0.depth ?? .max) }
    places = graph.nodes.map { Place($0) }
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
    let inputCount = place.inputs.count
    while place.step < inputCount {
      let port = place.inputs[place.step]
      if port.isTaken(at: firing) {
        guard !streams[port.fifo].elements.isEmpty else { return false }
        place.taken[place.step] = streams[port.fifo].elements.removeFirst()
        moves += 1
      }
      place.step += 1
    }
    if place.step == inputCount {
      compute(place, firing)
      place.step += 1
    }
    for output in (place.step - inputCount - 1)..<place.outputs.count {
      let port = place.outputs[output]
      if port.isWritten(at: firing, of: place.firings) {
        guard !streams[port.fifo].isFull else { return false }
        streams[port.fifo].append(place.results[output])
        moves += 1
      }
      place.step += 1
    }
    place.fired += 1
    place.step = 0
    return true
  }

  // MARK: What nodes compute

  private func compute(_ place: Place, _ firing: Int) {
    let keys = shape.seqKV
    let isFirst = firing % keys == 0
    let taken = place.taken
    func emit(_ row: [Float]) {
      for output in place.results.indices { place.results[output] = row }
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
      for output in place.results.indices {
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

  func row(of tile: Tile, _ row: Int) -> [Float] { Array(tile.elements[tile.places(ofRow: row)]) }

  private func dot(_ a: [Float], _ b: [Float]) -> Float { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }

  /// score - maximum, where a row of nothing but minus infinity weighs nothing.
  func difference(_ score: Float, _ maximum: Float) -> Float {
    maximum == -.infinity ? -.infinity : score - maximum
  }

  func exponential(_ x: Float) -> Float { Float(Exponential.exp(Double(x))) }

  private func fold(_ node: Place, _ isFirst: Bool, _ start: [Float], _ next: (Float) -> Float) {
    node.state = [next(isFirst ? start[0] : node.state[0])]
  }

  private func accumulate(_ node: Place, _ old: [Float], weight: Float, row: [Float]) {
    // Zero times a value that is not finite would spoil a row that does not see it.
    node.state = weight == 0 ? old : zip(old, row).map { $0 + weight * $1 }
  }

  private func store(_ row: [Float], _ firing: Int) {
    outputs[heads.lowerBound + firing / shape.seqQ]?.write(row, row: firing % shape.seqQ)
  }
}
