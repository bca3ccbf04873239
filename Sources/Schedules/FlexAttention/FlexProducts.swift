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

  private let element = 2
  /// Depth of one matrix instruction.
  private static let depth = 16

  /// Scores over columns `part` of the head dimension.
  private func scores(_ part: Range<Int>) -> Operation {
    Operation(
      "S = Q K^T", .tensorAsync,
      work: .of {
        $0.matrixFlops = 2 * Double(64 * tile.keyTile * part.count)
        $0.matrixInstructions = Double(part.count / Self.depth)
        $0.sharedRead = Double((64 + tile.keyTile) * part.count * element)
      }, signals: [consumer.scoresDone],
      action: .matmul(
        into: consumer.scores, a: TileRef(q, rows: row..<row + 64, columns: part),
        b: TileRef(k.buffer, .step(offset: 0), columns: part), transposeA: false, transposeB: true,
        accumulate: part.lowerBound > 0))
  }

  /// Output over the keys `part` of the tile.
  private func output(_ part: Range<Int>) -> Operation {
    Operation(
      "O += P V", .tensorAsyncRegisters,
      work: .of {
        $0.matrixFlops = 2 * Double(64 * tile.headDimV * part.count)
        $0.matrixInstructions = Double(part.count / Self.depth)
        $0.sharedRead = Double(part.count * tile.headDimV * element)
      }, signals: [consumer.outputDone],
      action: .matmul(
        into: consumer.output, a: TileRef(consumer.probabilities.buffer, columns: part),
        b: TileRef(v.buffer, .step(offset: 0), rows: part), transposeA: false, transposeB: false,
        accumulate: true))
  }

  // MARK: Products waited for as a whole

  /// A step of a warpgroup with 64 rows. The wait for the scores is also one for the output product of the step before,
  /// which was issued earlier.
  ///
  /// - Parameter sumsLate: the sums stand behind the output product, one addition after the other, and not between the
  ///   exponentials: so in every kernel with block lists (validation/flex_stalls_h100.csv).
  func step(mask: [Operation], isFirst: Bool, sumsLate: Bool) -> [Operation] {
    let softmax = consumer.softmax
    let releaseK = Operation("release K", .sync, waits: [consumer.scoresDone], signals: [k.empty])
    var sums = softmax.updateSumOverLanes()
    if sumsLate { sums.chain.alu = tile.keyTile / SoftmaxSteps.lanesPerRow }
    return [scores(0..<tile.headDim)] + (isFirst ? [] : drain) + [releaseK] + mask + [
      softmax.updateMaximum(), softmax.exponentiate(),
    ] + (sumsLate ? [] : [sums]) + [
      consumer.convert, softmax.rescaleOutput(), output(0..<tile.keyTile),
    ] + (sumsLate ? [sums] : [])
  }

  /// The same with every matrix instruction waited for before the next; the compiler lays exponentials beside those of
  /// the output.
  func serialisedStep(mask: [Operation]) -> [Operation] {
    let softmax = consumer.softmax
    var operations: [Operation] = []
    for slice in slices(tile.headDim) { operations += [scores(slice), wait(consumer.scoresDone)] }
    operations.append(Operation("release K", .sync, signals: [k.empty]))
    operations += mask + [softmax.updateMaximum(), softmax.rescaleOutput()]
    for piece in slices(tile.keyTile) {
      operations += [softmax.exponentiate(columns: piece), softmax.convert(columns: piece)]
      if piece.lowerBound > 0 { operations.append(wait(consumer.outputDone)) }
      operations.append(output(piece))
    }
    return operations + [
      softmax.updateSumOverLanes(),
      Operation("release V", .sync, waits: [consumer.outputDone], signals: [v.empty]),
    ]
  }

  private func slices(_ extent: Int) -> [Range<Int>] {
    stride(from: 0, to: extent, by: Self.depth).map { $0..<$0 + Self.depth }
  }

  /// Waits for the last output product of a loop.
  var drain: [Operation] {
    isSerialised
      ? [] : [Operation("release V", .sync, waits: [consumer.outputDone], signals: [v.empty])]
  }

  // MARK: Products waited for one by one

  fileprivate func wait(_ barrier: BarrierID) -> Operation {
    Operation("wait for product", .sync, waits: [barrier])
  }

  /// A step of a warpgroup with 128 rows in two halves: every matrix instruction is waited for before the next, and the
  /// compiler lays vector code of the other half beside it.
  static func serialisedStep(_ halves: [FlexProducts], masks: [[Operation]]) -> [Operation] {
    let (a, b) = (halves[0], halves[1])
    let tile = a.tile
    let slices = stride(from: 0, to: tile.headDim, by: depth).map { $0..<$0 + depth }
    let pieces = stride(from: 0, to: tile.keyTile, by: depth).map { $0..<$0 + depth }
    let (softA, softB) = (a.consumer.softmax, b.consumer.softmax)
    var operations: [Operation] = []
    for slice in slices { operations += [a.scores(slice), a.wait(a.consumer.scoresDone)] }
    // Softmax of the first half beside the scores of the second.
    var beside: [[Operation]] = [masks[0] + [softA.updateMaximum()]]
    let quarter = pieces.count / 3 + 1
    for start in stride(from: 0, to: pieces.count, by: quarter) {
      beside.append(
        pieces[start..<min(start + quarter, pieces.count)].map { softA.exponentiate(columns: $0) })
    }
    for (index, slice) in slices.enumerated() {
      operations.append(b.scores(slice))
      if index < beside.count { operations += beside[index] }
      operations.append(b.wait(b.consumer.scoresDone))
    }
    operations += beside.dropFirst(slices.count).flatMap(\.self)
    operations.append(Operation("release K", .sync, signals: [a.k.empty]))
    operations += [softA.updateSumOverLanes(), softA.rescaleOutput()]
    // Softmax of the second half beside the output of the first.
    for (index, piece) in pieces.enumerated() {
      operations += [softA.convert(columns: piece), a.output(piece)]
      operations +=
        index == 0 ? masks[1] + [softB.updateMaximum()] : [softB.exponentiate(columns: pieces[index - 1])]
      operations.append(a.wait(a.consumer.outputDone))
    }
    operations += [
      softB.exponentiate(columns: pieces[pieces.count - 1]), softB.updateSumOverLanes(),
      softB.rescaleOutput(),
    ]
    for piece in pieces {
      operations += [softB.convert(columns: piece), b.output(piece), b.wait(b.consumer.outputDone)]
    }
    operations.append(Operation("release V", .sync, signals: [a.v.empty]))
    return operations
  }
}
