import Attention
import HWModels
import Programs

extension Verification {
  /// Element moves that all orders of a shape may take together; the first order is always whole.
  private static let movesPerShape = 100_000

  /// Verifies streaming graphs: every copy on its heads, nodes in turn and then in random orders.
  ///
  /// FIFOs have one writer and one reader, so orders cannot differ in numbers unless the graph is none; large shapes
  /// therefore get fewer random orders than asked for. The report says how many.
  static func check(
    _ placement: DataflowPlacement, shape: AttentionShape, kind: AttentionData.Kind, orders: Int,
    seed: UInt64, references: ReferenceCache
  ) -> VerificationReport.Case {
    let reference = references.reference(for: shape, kind: kind, seed: seed)
    var result = VerificationReport.Case(shape: shape, data: kind.rawValue)
    var moves = 0
    var seen: Set<[UInt32]> = []
    for order in 0...orders {
      if order > 0, moves + moves / order > movesPerShape { break }
      var generator = SplitMix(seed: seed &+ UInt64(order))
      var outputs: [Tile] = []
      for (graph, heads) in placement.portions {
        let machine = GraphMachine(graph, heads: heads, data: reference.data)
        if let fault = machine.run(&generator, isRandom: order > 0) {
          result.failure = .init(message: fault, order: order)
          return result
        }
        moves += machine.moves
        outputs += heads.compactMap { machine.outputs[$0] }
      }
      if order == 0 { result.operations = moves }
      result.ordersRun += 1
      // Bits, since a NaN differs from itself.
      guard seen.insert(outputs.flatMap { $0.elements.map(\.bitPattern) }).inserted else { continue }
      let error = OutputError(outputs, against: reference.outputs[.o] ?? [])
      let output = VerificationReport.Output(.o, error, reference: reference)
      result.outputs = [output]
      if !(output.maximum <= output.allowedMaximum && output.mean <= output.allowedMean) {
        result.failure = .init(message: "wrong o", order: order)
        return result
      }
    }
    result.distinctResults = seen.count
    return result
  }

  /// Inputs on which a graph must be right: scores stay small where nothing is subtracted from them.
  static func kind(_ kind: AttentionData.Kind, for placement: DataflowPlacement) -> AttentionData.Kind {
    placement.shares.allSatisfy { $0.heads == 0 || $0.graph.subtractsMaximum } || kind == .equalKeys
      ? kind : .normal
  }
}

extension DataflowGraph {
  /// Whether exponentials are taken of scores less a maximum.
  var subtractsMaximum: Bool {
    nodes.contains { node in
      if case .scoreGroup = node.function { return true }
      return node.function == .rowMaximum || node.function == .runningMaximum
    }
  }
}

extension DataflowPlacement {
  /// Each copy's graph and heads.
  var portions: [(graph: DataflowGraph, heads: Range<Int>)] {
    var portions: [(DataflowGraph, Range<Int>)] = []
    var first = 0
    // In a pipeline each image goes through every stage; those without heads are beside attention.
    if let pipeline {
      for share in shares where share.heads > 0 {
        for image in 0..<pipeline.images {
          portions.append((share.graph, (image * share.heads)..<((image + 1) * share.heads)))
        }
      }
      return portions
    }
    for share in shares {
      for _ in 0..<share.copies {
        portions.append((share.graph, first..<(first + share.heads)))
        first += share.heads
      }
    }
    return portions
  }
}
