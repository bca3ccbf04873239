public import Attention

/// What an operation computes, on named tiles: the numerical reading of a program.
///
/// Timing ignores actions; the interpreter ignores work. Score tiles hold `rows x keys`, row vectors one column.
public enum Action: Sendable, Hashable {
  case none
  /// Several computations in one operation, one after another.
  case sequence([Action])
  /// Copies a tile of a tensor in device memory into a buffer; rows past the end read as zero.
  case load(Tensor, TileCoordinate, into: TileRef)
  /// Writes a tile; rows past the end are dropped.
  case store(TileRef, Tensor, TileCoordinate)
  /// `into (+)= a * b` with `b` transposed where said, accumulated in fp32.
  case matmul(into: TileRef, a: TileRef, b: TileRef, transposeA: Bool, transposeB: Bool, accumulate: Bool)
  /// Sets scores of pairs the mask forbids, and of keys past the end, to minus infinity.
  ///
  /// Without `queryTile`, row r of the buffer is row r of the work item's own tile. A kernel whose groups of warps
  /// keep their scores apart, or whose work item is a tile of keys, says which rows the scores belong to.
  case mask(TileRef, keyTile: TileCoordinate, queryTile: TileCoordinate? = nil)
  /// Sets every element.
  case fill(TileRef, Double)
  /// `maximum = max(maximum, row max of scores)`; `scale = exp2((old - new) * log2e / sqrt(d))`.
  case updateMaximum(scores: TileRef, maximum: TileRef, scale: TileRef, threshold: Double)
  /// `scores = exp2((scores - maximum) * log2e / sqrt(d))`, a share of it by polynomial.
  case exponentiate(scores: TileRef, maximum: TileRef, polynomialShare: Double)
  /// `sum = sum * scale + row sum of probabilities`.
  case updateSum(probabilities: TileRef, sum: TileRef, scale: TileRef)
  /// Rounds a tile to the element type of the destination.
  case convert(TileRef, into: TileRef)
  /// Multiplies each row of the tile by its entry of `scale`.
  case rescale(TileRef, scale: TileRef)
  /// Multiplies every element by a constant.
  case multiply(TileRef, by: Double)
  /// `into = into + tile`.
  case add(TileRef, into: TileRef)
  /// `output = output / sum`, `logSumExp = maximum / sqrt(d) + ln(sum)`.
  ///
  /// Rows that saw no key become zero, their log-sum-exp minus infinity.
  case normalise(output: TileRef, sum: TileRef, maximum: TileRef, logSumExp: TileRef)
  /// Merges normalised partial outputs of all splits of a row: by weights that are there already, or by their
  /// log-sum-exp. Writes the log-sum-exp of the row too where it works it out.
  case mergePartials(output: Tensor, coordinate: TileCoordinate, weights: TileRef? = nil)
  /// Weight of each split of a row in the merge, one column for each: `exp(L_s - L)`, where L is the log-sum-exp over
  /// all splits, which it also writes.
  case partialWeights(TileCoordinate, into: TileRef)
  /// Adds a tile to device memory element by element, in any order with others.
  case atomicAdd(TileRef, Tensor, TileCoordinate)
  /// Row sums of `a * b` into a row vector.
  case rowDot(a: TileRef, b: TileRef, into: TileRef)
  /// `scores = exp2(scores * log2e / sqrt(d) - logSumExp * log2e)`: probabilities again, from the stored statistics.
  case recomputeProbabilities(scores: TileRef, logSumExp: TileRef)
  /// `into = probabilities * (gradient - delta)`, delta one per row.
  case scoreGradient(probabilities: TileRef, gradient: TileRef, delta: TileRef, into: TileRef)
}

extension Action {
  /// Whether what it reads from device memory was written by an earlier kernel of the same call.
  public var readsIntermediate: Bool {
    switch self {
    case .load(let tensor, _, _): tensor.isIntermediate
    case .sequence(let actions): actions.contains { $0.readsIntermediate }
    case .mergePartials, .partialWeights: true
    default: false
    }
  }
}

/// Tensors in device memory.
///
/// Accumulators are zero before the first kernel; every other output is undefined until it is written.
public enum Tensor: String, Sendable, Hashable, CaseIterable {
  case q, k, v, o
  case logSumExp
  /// Outputs and statistics of one split, before they are merged.
  case partialO, partialLogSumExp
  case gradO, gradQ, gradK, gradV
  /// fp32 accumulator of the query gradient.
  case gradQAccumulator
  /// fp32 accumulators of key and value gradients, where several query heads add to one key-value head.
  case gradKAccumulator, gradVAccumulator
  /// Row sums of gradO * O.
  case delta
  /// Tensors in the order of a kernel's tiles, padded; as many rows as the order has.
  case permutedQ, permutedK, permutedV, permutedO, permutedLogSumExp

  /// Whether kernels of one call hand it to each other.
  public var isIntermediate: Bool {
    switch self {
    case .partialO, .partialLogSumExp, .gradQAccumulator, .gradKAccumulator,
      .gradVAccumulator, .delta, .permutedQ, .permutedK, .permutedV, .permutedO, .permutedLogSumExp:
      true
    case .q, .k, .v, .o, .logSumExp, .gradO, .gradQ, .gradK, .gradV: false
    }
  }
}

/// Which tile of a tensor, in terms of the work item and the actor's step.
public struct TileCoordinate: Sendable, Hashable {
  /// Rows of a tile: coordinate `index` covers rows `[index * rows, (index + 1) * rows)`.
  public var rows: Int
  public var index: TileIndex
  /// First column of the tensor.
  public var firstColumn: Int
  /// First row within the tile, for a part of it.
  public var firstRow: Int
  /// Whose partial result, for tensors that hold one per split.
  public var split: SplitIndex
  /// Rows are those of this order, and the tensor is indexed by their tokens; nil where rows are the tensor's own.
  public var order: TokenOrder?
  public init(
    rows: Int, index: TileIndex, firstColumn: Int = 0, firstRow: Int = 0, split: SplitIndex = .item,
    order: TokenOrder? = nil
  ) {
    self.rows = rows
    self.index = index
    self.firstColumn = firstColumn
    self.firstRow = firstRow
    self.split = split
    self.order = order
  }
}

/// Whose partial result a tile belongs to.
public enum SplitIndex: Sendable, Hashable {
  /// The work item's own split.
  case item
  /// The work item's own tile: one part for each tile of keys.
  case tile
  case fixed(Int)
  /// The work item's own split, counted on from those of the kernels before.
  case after(Int)
  /// The number at place `step + offset` of the work item's walk: a walk over splits.
  case walk(offset: Int)
}

/// Number of a tile, in terms of the work item or of its walk.
public enum TileIndex: Sendable, Hashable {
  /// The work item's own tile (query tile forward, key tile backward), times `scale` plus `offset`.
  case item(scale: Int, offset: Int)
  /// The tile at place `(step + offset) / stepsPerTile` of the work item's walk: two steps a tile where keys and values
  /// share a ring.
  case walk(offset: Int, stepsPerTile: Int = 1)
}

/// A part of a buffer slot.
public struct TileRef: Sendable, Hashable {
  public var buffer: BufferID
  public var slot: Slot
  /// Rows and columns of the slot; nil is all.
  public var rows: Range<Int>?
  public var columns: Range<Int>?

  /// Which slot of a buffer.
  public enum Slot: Sendable, Hashable {
    case fixed(Int)
    /// Slot `(steps before this item + step + offset) mod slots` of the actor.
    case step(offset: Int)
    /// Slot `(items before this item on this core) mod slots`.
    case item
  }

  public init(
    _ buffer: BufferID, _ slot: Slot = .fixed(0), rows: Range<Int>? = nil, columns: Range<Int>? = nil
  ) {
    self.buffer = buffer
    self.slot = slot
    self.rows = rows
    self.columns = columns
  }
}
