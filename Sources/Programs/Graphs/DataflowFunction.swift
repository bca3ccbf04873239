extension DataflowGraph {
  /// What a node computes: the numerical reading of a graph. Timing ignores it.
  ///
  /// A stream of scores runs over the keys of one query after another, heads after heads. "Row" is one query.
  public enum Function: Sendable, Hashable {
    /// Emits rows of the queries, one for each query.
    case readQueries
    /// Emits rows of the keys, all of them again for each query.
    case readKeys
    /// Emits rows of the values, all of them again for each query.
    case readValues
    /// Inputs query (once a row) and key: their dot product, scaled by 1 / sqrt(head dimension).
    case score
    /// Input scores: their maximum over the row.
    case rowMaximum
    /// Inputs maximum (once a row) and score: score - maximum.
    case subtractMaximum
    /// Input x: exp(x).
    case exponential
    /// Inputs maximum (once a row) and score: exp(score - maximum).
    case exponentialOfDifference
    /// Input weights: their sum over the row.
    case rowSum
    /// Inputs sum (once a row) and weight: weight / sum.
    case divideBySum
    /// Inputs weights, and value rows where they come by a FIFO: the weighted sum of the value rows over the row.
    case weightedValues
    /// Input scores: the running maximum m of the row; emits exp(old m - m) to the even outputs and exp(score - m) to
    /// the odd ones.
    case runningMaximum
    /// Inputs decay and weight: sum = sum * decay + weight, emitted at the end of the row.
    case runningSum
    /// Inputs decay, weight and value rows: output = output * decay + weight * value row, emitted at the end of the row.
    case runningValues
    /// Inputs sum and output row: output row / sum.
    case divideRow
    /// Input output rows: stores them, one for each query.
    case writeOutput
    /// Emits the rows of `queries` queries after another, all heads of each; rows beyond the last are zero.
    case readQueryGroup(queries: Int)
    /// Emits the keys, all heads of each, in so many words, all keys again for each group of queries.
    case readKeyWords(words: Int)
    /// The same for the values.
    case readValueWords(words: Int)
    /// Inputs group of queries (once a group) and key words: emits the scores of the key with each query and head after the
    /// last word of a key to the first output, their maxima over the row to the second.
    case scoreGroup(queries: Int, words: Int)
    /// Inputs maxima (once a group), scores (once a key) and value words: the weighted sums of the values over the row,
    /// divided by the sums of the weights.
    case weighGroup(queries: Int, words: Int)
    /// Input rows of a group of queries: stores them.
    case writeQueryGroup(queries: Int)
    /// A matrix product of tokens with weights, beside attention: timing only.
    case linear
    /// Input x, output x.
    case pass
    /// A graph for timing only.
    case none
  }

  /// What a node takes of an FPGA.
  public struct Area: Sendable, Hashable {
    /// Multiply-accumulates in a cycle, and the bits of their two operands.
    public var macs: Int
    public var operandBits: (Int, Int) { (bitsA, bitsB) }
    private var bitsA: Int
    private var bitsB: Int
    /// Buffers of its own, beside FIFOs, by bits of a word and words.
    public var buffers: [Memory]

    /// Words of one width that a node keeps beside its FIFOs.
    public struct Memory: Sendable, Hashable {
      public var name: String
      public var wordBits: Int
      public var words: Int
      public init(name: String, wordBits: Int, words: Int) {
        self.name = name
        self.wordBits = wordBits
        self.words = words
      }
    }
    public init(macs: Int = 0, operandBits: (Int, Int) = (16, 16), buffers: [Memory] = []) {
      self.macs = macs
      (bitsA, bitsB) = operandBits
      self.buffers = buffers
    }
  }
}
