import Programs

/// The products and the softmax of 64 rows of a FlexAttention work item.
struct FlexProducts {
  let tile: FlexTile
  let consumer: ConsumerBuffers
  /// First row in the tile of queries.
  let row: Int
  /// Where these rows lie in the tensors.
  let queryTile: TileCoordinate
  let q: BufferID
  let k: Ring
  let v: Ring

  /// Every matrix instruction is waited for before the next.
  let isSerialised: Bool

  /// Scores over columns `part` of the head dimension.
  private func scores(_ part: Range<Int>) -> Operation {
    Gemm.asynchronous(rows: 64, columns: tile.keyTile, depth: part.count).operation(
      "S = Q K^T", TileRef(q, rows: row..<row + 64, columns: part),
      TileRef(k.buffer, .step(offset: 0), columns: part), into: consumer.scores, transposed: .b,
      accumulate: part.lowerBound > 0, signals: [consumer.scoresDone])
  }

  /// Output over the keys `part` of the tile.
  private func output(_ part: Range<Int>) -> Operation {
    Gemm.asynchronous(rows: 64, columns: tile.headDimV, depth: part.count, registerDepth: part.count)
      .operation(
        "O += P V", TileRef(consumer.probabilities.buffer, columns: part),
        TileRef(v.buffer, .step(offset: 0), rows: part), into: consumer.output, accumulate: true,
        signals: [consumer.outputDone])
  }

  // MARK: Products waited for as a whole

  /// A step of a warpgroup with 64 rows. The wait for the scores is also one for the output product of the step before,
  /// which was issued earlier.
  ///
  /// - Parameter sumsLate: the sums stand behind the output product, one addition after the other, and not between the
  ///   exponentials: so in every kernel with block lists (validation/flex_stalls_h100.csv).
  @OperationList
  func step(mask: [Operation], isFirst: Bool, sumsLate: Bool) -> [Operation] {
    let softmax = consumer.softmax
    scores(0..<tile.headDim)
    if !isFirst { drain }
    Operation.release("K", k.empty, after: consumer.scoresDone)
    mask
    softmax.updateMaximum()
    softmax.exponentiate()
    if !sumsLate { softmax.updateSumOverLanes() }
    consumer.convert
    softmax.rescaleOutput()
    output(0..<tile.keyTile)
    if sumsLate { lateSums }
  }

  private var lateSums: Operation {
    var sums = consumer.softmax.updateSumOverLanes()
    sums.chain.alu = tile.keyTile / SoftmaxSteps.lanesPerRow
    return sums
  }

  /// The same with every matrix instruction waited for before the next; the compiler lays exponentials beside those of
  /// the output.
  @OperationList
  func serialisedStep(mask: [Operation]) -> [Operation] {
    let softmax = consumer.softmax
    scoresOneByOne
    Operation.release("K", k.empty)
    mask
    softmax.updateMaximum()
    softmax.rescaleOutput()
    for piece in pieces {
      softmax.exponentiate(columns: piece)
      softmax.convert(columns: piece)
      if piece.lowerBound > 0 { wait(consumer.outputDone) }
      output(piece)
    }
    softmax.updateSumOverLanes()
    Operation.release("V", v.empty, after: consumer.outputDone)
  }

  @OperationList
  private var scoresOneByOne: [Operation] {
    for slice in Self.slices(tile.headDim) {
      scores(slice)
      wait(consumer.scoresDone)
    }
  }

  /// Keys of a tile, as many as a matrix instruction takes at a time.
  private var pieces: [Range<Int>] { Self.slices(tile.keyTile) }

  private static func slices(_ extent: Int) -> [Range<Int>] {
    stride(from: 0, to: extent, by: Gemm.instructionDepth).map { $0..<$0 + Gemm.instructionDepth }
  }

  /// Waits for the last output product of a loop.
  var drain: [Operation] {
    isSerialised ? [] : [Operation.release("V", v.empty, after: consumer.outputDone)]
  }

  // MARK: Products waited for one by one

  private func wait(_ barrier: BarrierID) -> Operation { Operation.wait("product", barrier) }

  /// A step of a warpgroup with 128 rows in two halves: every matrix instruction is waited for before the next, and the
  /// compiler lays vector code of the other half beside it.
  @OperationList
  static func serialisedStep(_ halves: [FlexProducts], masks: [[Operation]]) -> [Operation] {
    let (a, b) = (halves[0], halves[1])
    let (softA, softB) = (a.consumer.softmax, b.consumer.softmax)
    let slices = slices(a.tile.headDim)
    let pieces = a.pieces
    a.scoresOneByOne
    // Softmax of the first half beside the scores of the second: its maximum, then a third of its exponentials each.
    let third = pieces.count / 3 + 1
    let exponentials = stride(from: 0, to: pieces.count, by: third).map { start in
      pieces[start..<min(start + third, pieces.count)].map { softA.exponentiate(columns: $0) }
    }
    let beside = [masks[0] + [softA.updateMaximum()]] + exponentials
    for (index, slice) in slices.enumerated() {
      b.scores(slice)
      if index < beside.count { beside[index] }
      b.wait(b.consumer.scoresDone)
    }
    beside.dropFirst(slices.count).flatMap(\.self)
    Operation.release("K", a.k.empty)
    softA.updateSumOverLanes()
    softA.rescaleOutput()
    // Softmax of the second half beside the output of the first.
    for (index, piece) in pieces.enumerated() {
      softA.convert(columns: piece)
      a.output(piece)
      if index == 0 {
        masks[1]
        softB.updateMaximum()
      } else {
        softB.exponentiate(columns: pieces[index - 1])
      }
      a.wait(a.consumer.outputDone)
    }
    softB.exponentiate(columns: pieces[pieces.count - 1])
    softB.updateSumOverLanes()
    softB.rescaleOutput()
    for piece in pieces {
      softB.convert(columns: piece)
      b.output(piece)
      b.wait(b.consumer.outputDone)
    }
    Operation.release("V", a.v.empty)
  }
}
