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
    /// Input x, output x.
    case pass
    /// A graph for timing only.
    case none
  }

  /// What a node takes of an FPGA.
  public struct Area: Sendable, Hashable {
    /// Multiply-accumulates in a cycle.
    public var macs: Int
    /// Exponential and reciprocal units.
    public var exponentials: Int
    /// Buffers of its own, beside FIFOs, by bits of a word and words.
    public var buffers: [Memory]

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
    public init(macs: Int = 0, exponentials: Int = 0, buffers: [Memory] = []) {
      self.macs = macs
      self.exponentials = exponentials
      self.buffers = buffers
    }
  }
}
