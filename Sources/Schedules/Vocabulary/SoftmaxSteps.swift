import HWModels
import Programs

/// The vector code between the two matrix products of a flash-attention step, as operations.
///
/// One warpgroup (or group of warps) holds `rows x keys` scores in the layout of matrix accumulators: four lanes
/// share a row, so every per-row number is computed four times.
///
/// Counts per score: one maximum; one multiply-add and one exponential; one add; one conversion. Per row and lane:
/// two shuffles for the maximum, a multiply and a subtraction for the scale, one exponential.
/// Source: FlashAttention csrc/flash_attn/src/softmax.h, flash_attn/cute/softmax.py.
struct SoftmaxSteps {
  /// Rows and keys of the score tile, and columns of the output accumulator.
  let rows: Int
  let keys: Int
  let outputColumns: Int
  let scores: TileRef
  let probabilities: TileRef
  let output: TileRef
  let maximum: TileRef
  let sum: TileRef
  let scale: TileRef
  let exponential: Exponential
  /// Lanes that share one row of an accumulator.
  static let lanesPerRow = 4

  /// How the kernel is compiled to take `exp2(S * c - m * c)`.
  enum Exponential {
    /// One multiply-add, one exponential (FlashAttention-3, CuTe).
    case fused
    /// Multiply and subtract apart.
    case unfused
    /// Multiply and subtract apart, and the compare and two predicated multiplies that keep denormal results
    /// (FlashAttention-2 as PyTorch builds it, without flush to zero). Counted in the compiled loop: 3 multiplies, 2
    /// adds (the row sum's among them) and 1 compare beside each exponential.
    case unfusedKeepingDenormals
    /// The scale and the change of base as multiplications of their own on every score, then a subtraction (Triton's
    /// FlexAttention). Counted in the compiled loop: 3 multiply-adds beside each exponential.
    case scaled
  }

  private var elements: Double { Double(rows * keys) }
  private var rowLanes: Double { Double(rows * Self.lanesPerRow) }
  private var elementsPerLaneAndRow: Int { keys / Self.lanesPerRow }

  /// Sets forbidden scores to minus infinity: a compare and a select for each score.
  ///
  /// `queryTile` says which rows these scores belong to.
  func mask(keyTile: TileCoordinate, queryTile: TileCoordinate) -> Operation {
    Operation(
      "mask S", .vector, work: .of { $0.alu = 2 * elements }, chain: Chain(alu: 2),
      action: .mask(scores, keyTile: keyTile, queryTile: queryTile))
  }

  /// Row maximum over the tile and the running one, and the factor for what was computed before.
  func updateMaximum() -> Operation {
    Operation(
      "m = max(m, rowmax S)", .vector,
      work: .of {
        $0.max = elements + 2 * rowLanes
        $0.alu = 2 * rowLanes
        $0.shuffle = 2 * rowLanes
        $0.fma = 2 * rowLanes
        $0.exp = rowLanes
      }, chain: Chain(alu: 8, exp: 1, shuffle: 2),
      action: .updateMaximum(scores: scores, maximum: maximum, scale: scale, threshold: 0))
  }

  /// `P = exp2(S * c - m * c)` for a share of the columns.
  func exponentiate() -> Operation {
    Operation(
      "P = exp2(S - m)", .vector,
      work: .of {
        switch exponential {
        case .fused: $0.fma = elements
        case .scaled: $0.fma = 3 * elements
        case .unfused: $0.fma = 2 * elements
        case .unfusedKeepingDenormals:
          $0.fma = 4 * elements
          $0.alu = elements
        }
        $0.exp = elements
      }, chain: Chain(alu: 1, exp: 1),
      action: .exponentiate(scores: scores, maximum: maximum, polynomialShare: 0))
  }

  /// The same for some columns of the tile.
  func exponentiate(columns: Range<Int>) -> Operation {
    var operation = exponentiate()
    let share = Double(columns.count) / Double(keys)
    operation.work = .of { $0.add(exponentiate().work, times: share) }
    operation.action = .exponentiate(
      scores: TileRef(scores.buffer, columns: columns), maximum: maximum, polynomialShare: 0)
    return operation
  }

  /// The row sum with the lanes of a row added up in every step, as Triton does; others do that once at the end.
  func updateSumOverLanes() -> Operation {
    var operation = updateSum()
    operation.work.fma += 2 * rowLanes
    operation.work.shuffle = 2 * rowLanes
    operation.chain.shuffle = 2
    return operation
  }

  func updateSum() -> Operation {
    Operation(
      "l = l * scale + rowsum P", .vector, work: .of { $0.fma = elements + rowLanes },
      chain: Chain(alu: 1), action: .updateSum(probabilities: scores, sum: sum, scale: scale))
  }

  /// Rounds P to the operand type of the second product.
  func convert() -> Operation {
    Operation(
      "P to 16 bit", .vector, work: .of { $0.convert = elements }, chain: Chain(alu: 1),
      action: .convert(scores, into: probabilities))
  }

  /// The same for some columns of the tile.
  func convert(columns: Range<Int>) -> Operation {
    Operation(
      "P to 16 bit", .vector, work: .of { $0.convert = Double(rows * columns.count) }, chain: Chain(alu: 1),
      action: .convert(
        TileRef(scores.buffer, columns: columns), into: TileRef(probabilities.buffer, columns: columns)))
  }

  func rescaleOutput() -> Operation {
    Operation(
      "O = O * scale", .vector, work: .of { $0.fma = Double(rows * outputColumns) }, chain: Chain(alu: 1),
      action: .rescale(output, scale: scale))
  }

  /// `O / l` and the log-sum-exp, once per work item.
  func normalise(logSumExp: TileRef) -> Operation {
    Operation(
      "O = O / l", .vector,
      work: .of {
        $0.shuffle = 2 * rowLanes
        $0.fma = Double(rows * outputColumns) + 4 * rowLanes
        $0.exp = 2 * rowLanes
      }, chain: Chain(alu: 6, exp: 2, shuffle: 2),
      action: .normalise(output: output, sum: sum, maximum: maximum, logSumExp: logSumExp))
  }
}
