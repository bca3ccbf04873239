import Attention
import HWModels
import Programs

/// The kernels of UbiMoE as graphs for one image in one layer.
struct UbiMoEGraph {
  let design: UbiMoEDesign
  let shape: AttentionShape
  /// Keys and values lie in on-chip memory after they were read once.
  var keepsKeys = false

  private var bits: Int { 8 * shape.dataType.bytes }
  private var width: Int { shape.headsQ * shape.headDim }

  /// The streaming attention kernel.
  ///
  /// Read queries, keys, values; scores of a group of queries with a key after the last word of the key, and the maxima of
  /// their rows at the end; then exponentials once a key and the product with the values, a group behind; write. The
  /// FIFO of scores holds a row for each query of the group (qxk_stream, depth NUM_PATCHES); all others are two deep, as is
  /// the default of the tool.
  func attention(name: String) -> DataflowGraph {
    var builder = DataflowBuilder(name)
    let (keys, words, block, queries) = (
      shape.seqKV, design.words(shape), design.block(shape.dataType), design.queries
    )
    let groups = (shape.seqQ + queries - 1) / queries
    let steps = design.steps(queries: shape.seqQ, keys: keys)
    let firings = steps * words
    let type = shape.dataType
    let heads = shape.headsQ
    let queryRows = builder.fifo("queries", depth: 2, width: queries * width, type: type)
    let keyWords = builder.fifo("keys", depth: 2, width: block, type: type)
    let valueWords = builder.fifo("values", depth: 2, width: block, type: type)
    let scores = builder.fifo("scores", depth: nil, width: queries * heads, isLong: true)
    let maxima = builder.fifo("maxima", depth: 2, width: queries * heads)
    let rows = builder.fifo("rows", depth: 2, width: queries * width, type: type)
    let tokenBytes = Double(width * type.bytes)
    /// Bytes from memory for a word of keys or values.
    let wordBytes = Double(block * type.bytes) * (keepsKeys ? Double(keys) / Double(steps) : 1)
    func perGroup(_ fifo: Int) -> DataflowGraph.Port {
      .init(fifo: fifo, every: keys * words, elements: groups)
    }
    let read = Work.of { $0.globalRead = wordBytes }
    builder.node(
      "read queries", .source, firings: groups, outputs: [.init(fifo: queryRows)],
      work: .of { $0.streamRead = tokenBytes * Double(shape.seqQ) / Double(groups) },
      function: .readQueryGroup(queries: queries))
    builder.node(
      "read keys", .source, firings: firings, outputs: [.init(fifo: keyWords)], work: read,
      function: .readKeyWords(words: words), area: .init(buffers: kept("keys")))
    builder.node(
      "read values", .source, firings: firings, outputs: [.init(fifo: valueWords)], work: read,
      function: .readValueWords(words: words), area: .init(buffers: kept("values")))
    let macs = DataflowGraph.Area(
      macs: queries * block, operandBits: (bits, bits),
      buffers: [.init(name: "resident queries or rows", wordBits: queries * design.wordBits, words: words)])
    let products = Work.of {
      $0.matrixFlops = 2 * Double(queries * block)
      $0.max = Double(queries * heads) / Double(words)
    }
    builder.node(
      "scores", .map, firings: firings, inputs: [perGroup(queryRows), .init(fifo: keyWords)],
      outputs: [.init(fifo: scores, every: words), perGroup(maxima)], delay: .dot(block), work: products,
      function: .scoreGroup(queries: queries, words: words), area: macs)
    builder.node(
      "weighted values", .reduce, firings: firings,
      inputs: [perGroup(maxima), .init(fifo: scores, every: words), .init(fifo: valueWords)],
      outputs: [perGroup(rows)], delay: .exponential,
      work: .of {
        $0.matrixFlops = 2 * Double(queries * block)
        $0.exp = Double(queries * heads) / Double(words)
      }, function: .weighGroup(queries: queries, words: words), area: macs)
    builder.node(
      "write rows", .sink, firings: groups, inputs: [.init(fifo: rows)], delay: .none,
      work: .of { $0.globalWrite = tokenBytes * Double(shape.seqQ) / Double(groups) },
      function: .writeQueryGroup(queries: queries))
    return builder.build()
  }

  /// Keys or values of an image and of the next, where they are kept.
  private func kept(_ name: String) -> [DataflowGraph.Area.Memory] {
    guard keepsKeys else { return [] }
    let memory = DataflowGraph.Area.Memory(
      name: name, wordBits: design.wordBits, words: shape.seqKV * design.words(shape))
    return [memory, memory]
  }

  /// The reusable linear kernel on one product.
  ///
  /// A token's inputs come once and stay; each cycle meets one tile of the weights, which lie on chip.
  func linear(
    _ name: String, tokens: Int, inputs: Int, outputs: Int, hasHardware: Bool = true
  ) -> DataflowGraph {
    var builder = DataflowBuilder(name)
    let rounds = (inputs + design.linearIn - 1) / design.linearIn
    let tiles = rounds * ((outputs + design.linearOut - 1) / design.linearOut)
    let tokensIn = builder.fifo("tokens", depth: 2, width: inputs, type: shape.dataType)
    let blocks = builder.fifo("outputs", depth: 2, width: design.linearOut, type: shape.dataType)
    let bytes = Double(shape.dataType.bytes)
    let weightBytes = Double(inputs) * Double(outputs) * Double(design.weightBits) / 8
    builder.node(
      "read tokens", .source, firings: tokens, outputs: [.init(fifo: tokensIn)],
      work: .of { $0.streamRead = Double(inputs) * bytes + weightBytes / Double(tokens) }, function: .linear)
    let weights = DataflowGraph.Area.Memory(
      name: "weights", wordBits: design.linearIn * design.linearOut * design.weightBits, words: tiles)
    builder.node(
      "multiply", .reduce, firings: tokens * tiles, inputs: [.init(fifo: tokensIn, every: tiles)],
      outputs: [.init(fifo: blocks, every: rounds)], delay: .dot(design.linearIn),
      work: .of { $0.matrixFlops = 2 * Double(design.linearIn * design.linearOut) }, function: .linear,
      area: .init(
        macs: hasHardware ? design.linearIn * design.linearOut : 0, operandBits: (bits, design.weightBits),
        buffers: [weights]))
    builder.node(
      "write outputs", .sink, firings: tokens * (tiles / rounds), inputs: [.init(fifo: blocks)], delay: .none,
      work: .of { $0.globalWrite = Double(design.linearOut) * bytes }, function: .linear)
    return builder.build()
  }
}
